// Axes of a plot: places on a scale, ticks, their texts, and how they are drawn.

const MINUTE = 60;
const HOUR = 3600;
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR];

// --- places

export function partOf(value, [low, high], log) {
  return log ? Math.log(Math.max(value, low / 10) / low) / Math.log(high / low) : (value - low) / (high - low);
}

export function valueAt(part, [low, high], log) { return log ? low * (high / low) ** part : low + part * (high - low); }

// --- ticks

function niceStep(span, most) {
  const raw = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5, 10].find((factor) => raw <= factor * power * 1.000001) ?? 10);
}

function multiples([low, high], step, offset = 0) {
  const ticks = [];
  for (let n = Math.ceil((low - offset) / step - 1e-9); n * step + offset <= high + step * 1e-9; n += 1) ticks.push(n * step + offset);
  return ticks;
}

export function linearTicks([low, high], most, least = 0) {
  if (!(high > low)) return { ticks: [low], texts: [tickText(low, Math.abs(low) || 1)] };
  const step = Math.max(least, niceStep(high - low, most));
  const ticks = multiples([low, high], step);
  return { ticks, texts: ticks.map((value) => tickText(value, step)) };
}

// Times of the day at whole seconds, minutes or hours of the clock on the wall.
export function clockTicks([low, high], most) {
  const step = CLOCK_STEPS.find((each) => (high - low) / each <= most) ?? 24 * HOUR * niceStep((high - low) / (24 * HOUR), most);
  const offset = MINUTE * new Date(low * 1000).getTimezoneOffset();
  const ticks = multiples([low, high], step, offset % step);
  return { ticks, texts: ticks.map((value) => clockText(value).slice(0, step < MINUTE ? 8 : 5)) };
}

// Powers of ten; between few of them 2 and 5 as well; within one of them as on a linear axis.
export function logTicks([low, high], most) {
  const decades = Math.log10(high / low);
  if (!(decades > 0.8)) return linearTicks([low, high], most);
  const every = Math.max(1, Math.ceil(decades / Math.max(1, most)));
  const labelled = decades < 2 && most >= 6 ? [1, 2, 5] : [1];
  const ticks = [];
  const minor = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (let factor = 1; factor < 10; factor += 1) {
      const value = factor * 10 ** power;
      if (value < low * 0.9999 || value > high * 1.0001) continue;
      if (labelled.includes(factor) && power % every === 0) ticks.push(value);
      else if (every === 1 || factor === 1) minor.push(value);
    }
  }
  return { ticks, texts: ticks.map(logText), minor };
}

// --- texts

export function tickText(value, step) {
  if (Math.abs(value) < step * 1e-6) return "0";
  const size = Math.max(Math.abs(value), step);
  const minus = (text) => text.replaceAll("-", "\u2212");
  if (size >= 1e6 || step < 1e-4) return minus(value.toExponential(Math.max(0, Math.floor(Math.log10(size)) - Math.floor(Math.log10(step) + 1e-9))).replace("e+", "e"));
  return minus(value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
export function logText(value) {
  if (value >= 0.01 && value < 1e5) return String(Number(value.toPrecision(3)));
  const power = Math.floor(Math.log10(value) + 1e-9);
  const raised = String(Math.abs(power)).replace(/\d/g, (digit) => RAISED[digit]);
  const factor = Math.round(value / 10 ** power);
  return `${factor === 1 ? "" : `${factor}·`}10${power < 0 ? "⁻" : ""}${raised}`;
}

export const clockText = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

// --- drawing

const ticksOf = (range, most, { log, time, whole }) => (log ? logTicks(range, most) : time ? clockTicks(range, most) : linearTicks(range, most, whole ? 1 : 0));

// Grid, ticks and texts; of texts that would overlap only the first is written.
export function drawAxes(ctx, plot) {
  const { left, top, width, height } = plot.frame;
  const { xLog, yLog, time, xWhole, xLabel = "", yLabel = "" } = plot.options;
  const { grid, faint, ink } = plot.colours;
  const active = plot.series.find((each) => each.name === plot.active);
  const yRange = active?.range ?? plot.y;
  const { em } = plot;
  const xs = ticksOf(plot.x, width / (em * (plot.isNarrow ? 5 : 6)), { log: xLog, time, whole: xWhole });
  const ys = ticksOf(yRange, height / (3.3 * em), { log: yLog });
  const xPlaces = (values) => values.map((value) => plot.crisp(plot.px(value)));
  const yPlaces = (values) => values.map((value) => plot.crisp(plot.py(value, yRange)));
  const lines = (colour, draw) => {
    ctx.strokeStyle = colour;
    ctx.beginPath();
    draw((x0, y0, x1, y1) => {
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
    });
    ctx.stroke();
  };
  ctx.font = plot.font;
  ctx.lineWidth = 1;
  lines(grid, (line) => {
    for (const x of xPlaces([...xs.ticks, ...(xs.minor ?? [])])) line(x, top, x, top + height);
    for (const y of yPlaces([...ys.ticks, ...(ys.minor ?? [])])) line(left, y, left + width, y);
  });
  lines(faint, (line) => {
    for (const x of xPlaces(xs.ticks)) line(x, top + height, x, top + height + 5);
    for (const y of yPlaces(ys.ticks)) line(left - 5, y, left, y);
  });
  ctx.fillStyle = ink;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  let free = 0; // where the next text may begin
  xs.ticks.forEach((value, n) => {
    const half = ctx.measureText(xs.texts[n]).width / 2;
    const place = Math.min(plot.px(value), plot.width - half - 1);
    if (place - half < free) return;
    ctx.fillText(xs.texts[n], place, top + height + 0.65 * em);
    free = place + half + 0.6 * em;
  });
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  if (active) ctx.fillStyle = plot.colour(active);
  ys.ticks.forEach((value, n) => ctx.fillText(ys.texts[n], left - 0.65 * em, Math.max(0.6 * em, plot.py(value, yRange))));
  title(ctx, plot, active?.label ?? yLabel);
  ctx.fillStyle = ink;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.fillText(xLabel, left + width, plot.height - 1);
}

// The name of the vertical axis: beside it, and where that is too narrow in its upper corner.
function title(ctx, plot, text) {
  const { left, top, height } = plot.frame;
  if (plot.isNarrow) {
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.fillText(text, 2, top - 0.8 * plot.em);
    return;
  }
  ctx.save();
  ctx.translate(plot.em, top + height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textAlign = "center";
  ctx.fillText(text, 0, 0);
  ctx.restore();
}
