// How curves, steps, maps and marks are drawn into the frame of a plot.
//
// A drawing costs what the screen can show: of many samples each pixel column gets its least and its
// greatest.

export function drawSeries(ctx, plot, series) {
  if (series.hidden) return;
  const kinds = { wave: drawWave, points: drawPoints, means: drawMeans, steps: drawSteps, map: drawMap, line: drawLine };
  kinds[series.kind ?? "line"](ctx, plot, series);
}

// Samples at x0 + n dx. With `width`, pairs of least and greatest of so many samples each.
function drawWave(ctx, plot, series) {
  const { values, x0, dx, width, range } = series;
  const each = width ? 2 : 1;
  const pitch = width ? dx * width : dx;
  const [low, high] = plot.x;
  const first = Math.max(0, Math.floor((low - x0) / pitch) - 1);
  const last = Math.min(values.length / each, Math.ceil((high - x0) / pitch) + 2);
  if (last <= first) return;
  const [bottom, topmost] = range ?? plot.y;
  const { left, top, width: wide, height } = plot.frame;
  const sx = (wide / (high - low)) * pitch;
  const ox = left + ((x0 - low) / (high - low)) * wide + (width ? sx / 2 : 0);
  const sy = -height / (topmost - bottom);
  const oy = top + height - bottom * sy;
  const stride = 1 / plot.ratio; // one device pixel
  ctx.strokeStyle = plot.colour(series);
  ctx.lineWidth = plot.persistence ? 1 : 1.25;
  ctx.lineJoin = "round"; // without a graphics processor a third faster than bevel or miter
  ctx.beginPath();
  if (sx * (each === 2 ? 1 : 2) >= stride && last - first < 4 * plot.width * plot.ratio) {
    for (let n = first * each; n < last * each; n += 1) ctx.lineTo(ox + sx * (each === 2 ? n >> 1 : n), oy + sy * values[n]);
  } else {
    let column = -1;
    let least = 0;
    let greatest = 0;
    const close = () => {
      ctx.lineTo(column * stride, oy + sy * least);
      if (least !== greatest) ctx.lineTo(column * stride, oy + sy * greatest);
    };
    for (let n = first * each; n < last * each; n += 1) {
      const value = values[n];
      const here = Math.floor((ox + sx * (each === 2 ? n >> 1 : n)) / stride);
      if (here !== column) {
        if (column >= 0) close();
        column = here;
        least = value;
        greatest = value;
      } else if (value < least) least = value;
      else if (value > greatest) greatest = value;
    }
    close();
  }
  ctx.stroke();
  if (!width && sx > 7) {
    ctx.fillStyle = ctx.strokeStyle;
    for (let n = first; n < last; n += 1) ctx.fillRect(ox + sx * n - 1.5, oy + sy * values[n] - 1.5, 3, 3);
  }
}

// Values of an event that has no order in time.
function drawPoints(ctx, plot, { values, x0, dx, range, ...series }) {
  const size = 0.45 * plot.em;
  ctx.fillStyle = plot.colour(series);
  values.forEach((value, n) => ctx.fillRect(plot.px(x0 + n * dx) - size / 2, plot.py(value, range) - size / 2, size, size));
}

// Points joined by lines; a value that is not known is a gap.
function drawLine(ctx, plot, series) {
  const { xs, ys, range } = series;
  ctx.strokeStyle = plot.colour(series);
  ctx.lineWidth = series.wide ?? 1.5;
  ctx.setLineDash(series.dash ?? []);
  ctx.lineJoin = "round";
  ctx.beginPath();
  let pen = false;
  for (let n = 0; n < xs.length; n += 1) {
    const known = ys[n] != null && !Number.isNaN(ys[n]);
    if (known && pen) ctx.lineTo(plot.px(xs[n]), plot.py(ys[n], range));
    else if (known) ctx.moveTo(plot.px(xs[n]), plot.py(ys[n], range));
    pen = known;
  }
  ctx.stroke();
  ctx.setLineDash([]);
}

// A histogram: edges, values, and errors up and down if there are any.
function drawSteps(ctx, plot, series) {
  const { edges, values, errors } = series;
  const base = plot.options.yLog ? plot.y[0] : 0;
  ctx.strokeStyle = plot.colour(series);
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(plot.px(edges[0]), plot.py(base));
  for (let n = 0; n < values.length; n += 1) {
    ctx.lineTo(plot.px(edges[n]), plot.py(values[n]));
    ctx.lineTo(plot.px(edges[n + 1]), plot.py(values[n]));
  }
  ctx.lineTo(plot.px(edges[values.length]), plot.py(base));
  ctx.stroke();
  ctx.globalAlpha = 0.13;
  ctx.fillStyle = ctx.strokeStyle;
  ctx.fill();
  ctx.globalAlpha = 1;
  if (!errors) return;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let n = 0; n < values.length; n += 1) {
    errorBar(ctx, plot, (plot.px(edges[n]) + plot.px(edges[n + 1])) / 2, values[n], errors[n]);
  }
  ctx.stroke();
}

// Means in bins: a bar as wide as the bin, and the error across it; a bin without entries has none.
function drawMeans(ctx, plot, series) {
  const { edges, values, errors, known } = series;
  ctx.strokeStyle = plot.colour(series);
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  for (let n = 0; n < values.length; n += 1) {
    if (!known[n]) continue;
    ctx.moveTo(plot.px(edges[n]), plot.py(values[n]));
    ctx.lineTo(plot.px(edges[n + 1]), plot.py(values[n]));
    if (errors) errorBar(ctx, plot, (plot.px(edges[n]) + plot.px(edges[n + 1])) / 2, values[n], errors[n]);
  }
  ctx.stroke();
}

function errorBar(ctx, plot, x, value, error) {
  if (!(error > 0)) return;
  ctx.moveTo(x, plot.py(value - error));
  ctx.lineTo(x, plot.py(value + error));
}

// Counts over two axes, values[ix * ny + iy]; empty cells stay empty.
function drawMap(ctx, plot, { xEdges, yEdges, values, log }) {
  const rows = yEdges.length - 1;
  let most = 0;
  for (const value of values) if (value > most) most = value;
  plot.scale = { most, log };
  const xs = xEdges.map((value) => plot.px(value));
  const ys = yEdges.map((value) => plot.py(value));
  for (let ix = 0; ix + 1 < xs.length; ix += 1) {
    for (let iy = 0; iy < rows; iy += 1) {
      const value = values[ix * rows + iy];
      if (!(value > 0)) continue;
      ctx.fillStyle = plot.shade(partOfMost(value, most, log));
      ctx.fillRect(xs[ix], ys[iy + 1], xs[ix + 1] - xs[ix] + 0.5, ys[iy] - ys[iy + 1] + 0.5);
    }
  }
}

// Logarithmic from one entry on.
function partOfMost(value, most, log) {
  if (!log) return value / most;
  return most > 1 ? Math.max(0, Math.log(value) / Math.log(most)) : 1;
}

// Which shade is how many entries, to the right of a map.
export function drawScale(ctx, plot) {
  const { left, top, width, height } = plot.frame;
  const { most, log } = plot.scale;
  const count = plot.shades.length;
  const { em } = plot;
  const x = left + width + 0.65 * em;
  ctx.font = plot.font;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (let n = 0; n < count; n += 1) {
    const y = top + height * (1 - (n + 1) / count);
    ctx.fillStyle = plot.shades[n];
    ctx.fillRect(x, y, em, height / count + 0.5);
    const part = (n + 1) / count;
    const value = log ? Math.max(1, most) ** part : part * most;
    ctx.fillStyle = plot.colours.ink;
    ctx.fillText(String(Number(value.toPrecision(2))), x + 1.3 * em, Math.max(top + em / 2, y));
  }
}

// Lines and points that say something: {x} or {y}, text, colour; of kind "pulse" both.
export function drawMark(ctx, plot, mark) {
  ctx.strokeStyle = ctx.fillStyle = mark.colour ?? plot.colours.faint;
  ctx.font = plot.font;
  ctx.lineWidth = 1;
  if (mark.kind === "pulse") drawPulse(ctx, plot, mark);
  else drawLineAcross(ctx, plot, mark);
}

function drawPulse(ctx, plot, mark) {
  const { left, top, width } = plot.frame;
  const x = plot.px(mark.x);
  const y = Math.max(top + 14, plot.py(mark.y, mark.range) - 6);
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x - 6, y - 10);
  ctx.lineTo(x + 6, y - 10);
  ctx.closePath();
  ctx.fill();
  ctx.textAlign = x > left + width - 5 * plot.em ? "right" : "left";
  ctx.textBaseline = "middle";
  ctx.fillText(mark.text, x + (ctx.textAlign === "left" ? 9 : -9), Math.max(top + 8, y - 6));
}

function drawLineAcross(ctx, plot, mark) {
  const { left, top, width, height } = plot.frame;
  ctx.setLineDash([5, 4]);
  ctx.beginPath();
  if (mark.x != null) {
    const x = plot.crisp(plot.px(mark.x));
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.textBaseline = "bottom"; // above are the marks of pulses
    ctx.textAlign = "left";
    ctx.fillText(mark.text, x + 4, top + height - 3);
  } else {
    const y = plot.crisp(plot.py(mark.y, mark.range));
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.textBaseline = "bottom";
    ctx.textAlign = "right";
    ctx.fillText(mark.text, left + width - 4, y - 2);
  }
  ctx.stroke();
  ctx.setLineDash([]);
}

// What moves with the mouse: a chosen range and the two cursors.
export function drawOver(ctx, plot) {
  const { left, top, width, height } = plot.frame;
  const { colours: { accent, back }, em } = plot;
  if (plot.selection) {
    const [from, to] = plot.selection.map((value) => Math.max(left, Math.min(left + width, plot.px(value))));
    ctx.fillStyle = accent;
    ctx.globalAlpha = 0.16;
    ctx.fillRect(from, top, to - from, height);
    ctx.globalAlpha = 1;
  }
  ctx.font = `bold ${plot.font}`;
  ctx.textBaseline = "top";
  ctx.textAlign = "center";
  (plot.cursors ?? []).forEach((value, number) => {
    const x = plot.crisp(plot.px(value));
    if (x < left || x > left + width) return;
    ctx.strokeStyle = ctx.fillStyle = accent;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.fillRect(x - 0.75 * em, top, 1.5 * em, 1.4 * em);
    ctx.fillStyle = back;
    ctx.fillText("AB"[number], x, top + 2);
  });
}
