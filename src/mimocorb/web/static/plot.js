// Curves, steps, points and maps on a canvas: axes, ticks, zoom and pan, cursors.
//
// A drawing costs what the screen can show: of many samples each pixel column gets its least and its
// greatest. What moves with the mouse is on a canvas of its own, so the curves are not drawn again.

const MARGIN = { left: 62, right: 14, top: 12, bottom: 40 };
const CATCH = 9; // px within which a cursor is taken
const WHEEL = 0.0015;

export function niceStep(span, most) {
  const raw = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  for (const factor of [1, 2, 5, 10]) if (raw <= factor * power * 1.000001) return factor * power;
  return 10 * power;
}

export function linearTicks([low, high], most) {
  if (!(high > low)) return { ticks: [low], step: 1 };
  const step = niceStep(high - low, most);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) ticks.push(n * step);
  return { ticks, step };
}

export function logTicks([low, high]) {
  const ticks = [];
  const minor = [];
  const few = Math.log10(high / low) < 2;
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (let factor = 1; factor < 10; factor += 1) {
      const value = factor * 10 ** power;
      if (value < low * 0.9999 || value > high * 1.0001) continue;
      (factor === 1 || (few && (factor === 2 || factor === 5)) ? ticks : minor).push(value);
    }
  }
  return { ticks, minor };
}

export function tickText(value, step) {
  if (Math.abs(value) < step * 1e-6) return "0";
  const size = Math.max(Math.abs(value), step);
  if (size >= 1e6 || step < 1e-4) return value.toExponential(Math.max(0, Math.floor(Math.log10(size / step)))).replace("e+", "e");
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))).replace("-", "\u2212");
}

const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
export function logText(value) {
  const power = Math.round(Math.log10(value));
  if (value >= 0.01 && value < 1e5) return String(Number(value.toPrecision(3)));
  const raised = String(Math.abs(power)).replace(/\d/g, (digit) => SUPER[digit]);
  const factor = value / 10 ** power;
  return `${Math.abs(factor - 1) < 1e-6 ? "" : `${Math.round(factor)}·`}10${power < 0 ? "⁻" : ""}${raised}`;
}

export const clockText = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

export class Plot {
  // options: xLabel, yLabel, xLog, yLog, time (x is the time of day), zoomY, cursors, onView, onCursor, onSelect
  constructor(box, options = {}) {
    Object.assign(this, { box, options, series: [], marks: [], view: null, home: { x: [0, 1], y: [0, 1] } });
    this.cursors = null; // [x, x]
    this.active = null; // name of the series whose scale is on the axis
    this.persistence = 0; // 0: off; else part that fades with each frame
    this.selection = null;
    this.base = document.createElement("canvas");
    this.over = document.createElement("canvas");
    this.over.tabIndex = 0;
    this.over.setAttribute("role", "img");
    this.over.setAttribute("aria-label", options.label ?? "plot");
    box.classList.add("plot");
    box.append(this.base, this.over);
    this.pointers = new Map();
    this._listen();
    this.theme();
    new ResizeObserver(() => this._resize()).observe(box);
    this._resize();
  }

  // --- what is shown

  setHome(x, y) {
    this.home = { x: [...x], y: [...y] };
  }

  get x() { return this.view?.x ?? this.home.x; }
  get y() { return this.view?.y ?? this.home.y; }
  get zoomed() { return this.view !== null; }

  setView(view) {
    this.view = view;
    this.persisted?.clear();
    this.options.onView?.(this);
    this.draw();
  }

  theme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    this.colours = { ink: of("--ink"), faint: of("--faint"), grid: of("--grid"), back: of("--plot"), accent: of("--accent") };
    this.palette = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => of(`--curve-${n}`));
    this.shades = of("--map").split(",").map((text) => text.trim());
    this.font = `12px ${of("--font") || "sans-serif"}`;
    this.persisted?.clear();
    this.draw();
  }

  colour(series) { return series.colour ?? this.palette[(series.number ?? 0) % this.palette.length]; }

  _resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    if (this.width === width && this.height === height && this.ratio === ratio) return;
    Object.assign(this, { width, height, ratio });
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    this.persisted?.clear(true);
    this.draw();
  }

  get frame() {
    const narrow = this.width < 420;
    const left = narrow ? 46 : MARGIN.left;
    const right = MARGIN.right + (this.options.scale ? 54 : 0);
    return { left, top: MARGIN.top, width: Math.max(10, this.width - left - right), height: Math.max(10, this.height - MARGIN.top - MARGIN.bottom) };
  }

  // --- places

  px(value) {
    const [low, high] = this.x;
    const part = this.options.xLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return this.frame.left + part * this.frame.width;
  }

  py(value, range = this.y) {
    const [low, high] = range;
    const part = this.options.yLog ? Math.log(Math.max(value, low / 10) / low) / Math.log(high / low) : (value - low) / (high - low);
    return this.frame.top + (1 - part) * this.frame.height;
  }

  xAt(pixel) { return this._at(this.x, (pixel - this.frame.left) / this.frame.width, this.options.xLog); }
  yAt(pixel) { return this._at(this.y, 1 - (pixel - this.frame.top) / this.frame.height, this.options.yLog); }

  _at([low, high], part, log) { return log ? low * (high / low) ** part : low + part * (high - low); }

  // --- drawing

  draw() {
    if (!this.width) return;
    const ctx = this.base.getContext("2d");
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    const { left, top, width, height } = this.frame;
    ctx.fillStyle = this.colours.back;
    ctx.fillRect(left, top, width, height);
    this._grid(ctx);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (this.persistence) this._drawPersisted(ctx);
    else for (const series of this.series) this._draw(ctx, series);
    for (const mark of this.marks) this._mark(ctx, mark);
    ctx.restore();
    if (this.options.scale && this.scale) this._drawScale(ctx);
    ctx.strokeStyle = this.colours.faint;
    ctx.lineWidth = 1;
    ctx.strokeRect(this._crisp(left), this._crisp(top), width, height);
    this.drawOver();
  }

  _crisp(value) { return (Math.round(value * this.ratio) + (this.ratio % 2 ? 0.5 : 0)) / this.ratio; }

  _grid(ctx) {
    const { left, top, width, height } = this.frame;
    const { xLog, yLog, time } = this.options;
    ctx.font = this.font;
    ctx.lineWidth = 1;
    const active = this.series.find((s) => s.name === this.active);
    const yRange = active?.range ?? this.y;
    const xs = xLog ? logTicks(this.x) : linearTicks(this.x, width / (time ? 90 : width < 400 ? 58 : 80));
    const ys = yLog ? logTicks(yRange) : linearTicks(yRange, height / 44);
    ctx.strokeStyle = this.colours.grid;
    ctx.beginPath();
    for (const value of [...xs.ticks, ...(xs.minor ?? [])]) {
      const place = this._crisp(this.px(value));
      ctx.moveTo(place, top);
      ctx.lineTo(place, top + height);
    }
    for (const value of [...ys.ticks, ...(ys.minor ?? [])]) {
      const place = this._crisp(this.py(value, yRange));
      ctx.moveTo(left, place);
      ctx.lineTo(left + width, place);
    }
    ctx.stroke();
    ctx.fillStyle = this.colours.ink;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    for (const value of xs.ticks) {
      const text = xLog ? logText(value) : time ? clockText(value) : tickText(value, xs.step);
      ctx.fillText(text, Math.min(this.px(value), this.width - ctx.measureText(text).width / 2 - 1), top + height + 6);
    }
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    if (active) ctx.fillStyle = this.colour(active);
    for (const value of ys.ticks) ctx.fillText(yLog ? logText(value) : tickText(value, ys.step), left - 7, this.py(value, yRange));
    ctx.save();
    ctx.translate(11, top + height / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "center";
    if (this.width >= 420) ctx.fillText(active?.label ?? this.options.yLabel ?? "", 0, 0);
    ctx.restore();
    ctx.fillStyle = this.colours.ink;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.fillText(this.options.xLabel ?? "", left + width, this.height - 2);
  }

  _draw(ctx, series) {
    if (series.hidden) return;
    if (series.kind === "wave") this._wave(ctx, series);
    else if (series.kind === "steps") this._steps(ctx, series);
    else if (series.kind === "map") this._map(ctx, series);
    else this._line(ctx, series);
  }

  // Samples at x0 + n dx. With `width`, pairs of least and greatest of so many samples each.
  _wave(ctx, { values, x0, dx, width, range, number, colour }) {
    const each = width ? 2 : 1;
    const pitch = width ? dx * width : dx;
    const points = values.length / each;
    const [low, high] = this.x;
    const first = Math.max(0, Math.floor((low - x0) / pitch) - 1);
    const last = Math.min(points, Math.ceil((high - x0) / pitch) + 2);
    if (last <= first) return;
    const [bottom, topmost] = range ?? this.y;
    const frame = this.frame;
    const sx = (frame.width / (high - low)) * pitch;
    const ox = frame.left + ((x0 - low) / (high - low)) * frame.width + (width ? sx / 2 : 0);
    const sy = -frame.height / (topmost - bottom);
    const oy = frame.top + frame.height - bottom * sy;
    ctx.strokeStyle = colour ?? this.palette[number % this.palette.length];
    ctx.lineWidth = this.persistence ? 1 : 1.25;
    ctx.lineJoin = "bevel";
    ctx.beginPath();
    const stride = 1 / this.ratio; // one device pixel
    if (sx * (each === 2 ? 1 : 2) >= stride && last - first < 4 * this.width * this.ratio) {
      for (let n = first * each; n < last * each; n += 1) {
        const x = ox + sx * (each === 2 ? n >> 1 : n);
        ctx.lineTo(x, oy + sy * values[n]);
      }
    } else {
      let column = -1;
      let least = 0;
      let greatest = 0;
      for (let n = first * each; n < last * each; n += 1) {
        const value = values[n];
        const here = Math.floor((ox + sx * (each === 2 ? n >> 1 : n)) / stride);
        if (here !== column) {
          if (column >= 0) this._column(ctx, column * stride, oy + sy * least, oy + sy * greatest);
          column = here;
          least = value;
          greatest = value;
        } else if (value < least) least = value;
        else if (value > greatest) greatest = value;
      }
      this._column(ctx, column * stride, oy + sy * least, oy + sy * greatest);
    }
    ctx.stroke();
    if (!width && sx > 7) {
      ctx.fillStyle = ctx.strokeStyle;
      for (let n = first; n < last; n += 1) ctx.fillRect(ox + sx * n - 1.5, oy + sy * values[n] - 1.5, 3, 3);
    }
  }

  _column(ctx, x, low, high) {
    ctx.lineTo(x, low);
    if (low !== high) ctx.lineTo(x, high);
  }

  _line(ctx, series) {
    const { xs, ys, range } = series;
    ctx.strokeStyle = this.colour(series);
    ctx.lineWidth = series.wide ?? 1.5;
    ctx.setLineDash(series.dash ?? []);
    ctx.beginPath();
    let pen = false;
    for (let n = 0; n < xs.length; n += 1) {
      if (ys[n] == null || Number.isNaN(ys[n])) {
        pen = false;
        continue;
      }
      if (pen) ctx.lineTo(this.px(xs[n]), this.py(ys[n], range));
      else ctx.moveTo(this.px(xs[n]), this.py(ys[n], range));
      pen = true;
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // A histogram: edges, values, and errors up and down if there are any.
  _steps(ctx, series) {
    const { edges, values, errors } = series;
    const base = this.options.yLog ? this.y[0] : 0;
    ctx.strokeStyle = this.colour(series);
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(this.px(edges[0]), this.py(base));
    for (let n = 0; n < values.length; n += 1) {
      ctx.lineTo(this.px(edges[n]), this.py(values[n]));
      ctx.lineTo(this.px(edges[n + 1]), this.py(values[n]));
    }
    ctx.lineTo(this.px(edges[values.length]), this.py(base));
    ctx.stroke();
    if (series.filled !== false) {
      ctx.globalAlpha = 0.13;
      ctx.fillStyle = ctx.strokeStyle;
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    if (!errors) return;
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let n = 0; n < values.length; n += 1) {
      if (!(errors[n] > 0)) continue;
      const low = edges[n];
      const middle = this.options.xLog ? Math.sqrt(low * edges[n + 1]) : (low + edges[n + 1]) / 2;
      const x = this.px(middle);
      ctx.moveTo(x, this.py(values[n] - errors[n]));
      ctx.lineTo(x, this.py(values[n] + errors[n]));
    }
    ctx.stroke();
  }

  // Counts over two axes, values[ix * ny + iy]; empty cells stay empty.
  _map(ctx, { xEdges, yEdges, values, log }) {
    const rows = yEdges.length - 1;
    let most = 0;
    for (const value of values) if (value > most) most = value;
    this.scale = { most, log };
    for (let ix = 0; ix + 1 < xEdges.length; ix += 1) {
      const x = this.px(xEdges[ix]);
      const width = this.px(xEdges[ix + 1]) - x;
      for (let iy = 0; iy < rows; iy += 1) {
        const value = values[ix * rows + iy];
        if (!(value > 0)) continue;
        const part = log ? Math.log1p(value) / Math.log1p(most) : value / most;
        ctx.fillStyle = this.shade(part);
        const y = this.py(yEdges[iy + 1]);
        ctx.fillRect(x, y, width + 0.5, this.py(yEdges[iy]) - y + 0.5);
      }
    }
  }

  // Which shade is how many entries, to the right of a map.
  _drawScale(ctx) {
    const { left, top, width, height } = this.frame;
    const { most, log } = this.scale;
    const count = this.shades.length;
    const x = left + width + 8;
    ctx.font = this.font;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (let n = 0; n < count; n += 1) {
      const y = top + height * (1 - (n + 1) / count);
      ctx.fillStyle = this.shades[n];
      ctx.fillRect(x, y, 12, height / count + 0.5);
      const value = log ? Math.expm1(((n + 1) / count) * Math.log1p(most)) : ((n + 1) / count) * most;
      ctx.fillStyle = this.colours.ink;
      ctx.fillText(String(Number(value.toPrecision(2))), x + 16, Math.max(top + 6, y));
    }
  }

  shade(part) { return this.shades[Math.min(this.shades.length - 1, Math.floor(part * this.shades.length))]; }

  _drawPersisted(ctx) {
    if (!this.persisted) {
      const canvas = document.createElement("canvas");
      this.persisted = { canvas, clear: (again) => { if (again) canvas.width = 0; else canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height); } };
    }
    const { canvas } = this.persisted;
    if (canvas.width !== this.base.width || canvas.height !== this.base.height) {
      canvas.width = this.base.width;
      canvas.height = this.base.height;
    }
    const kept = canvas.getContext("2d");
    kept.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (this.persistence < 1) {
      kept.globalCompositeOperation = "destination-out";
      kept.globalAlpha = this.persistence;
      kept.fillRect(0, 0, this.width, this.height);
      kept.globalCompositeOperation = "source-over";
    }
    kept.globalAlpha = 0.55;
    for (const series of this.series) this._draw(kept, series);
    kept.globalAlpha = 1;
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(canvas, 0, 0);
    ctx.restore();
  }

  // Lines and points that say something: {x} or {y} or both, text, colour, kind "trigger" or "pulse".
  _mark(ctx, mark) {
    const { left, top, width, height } = this.frame;
    ctx.strokeStyle = ctx.fillStyle = mark.colour ?? this.colours.faint;
    ctx.font = this.font;
    ctx.lineWidth = 1;
    if (mark.kind === "pulse") {
      const x = this.px(mark.x);
      const y = this.py(mark.y, mark.range) - 6;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x - 6, y - 10);
      ctx.lineTo(x + 6, y - 10);
      ctx.closePath();
      ctx.fill();
      ctx.textAlign = x > left + width - 60 ? "right" : "left";
      ctx.textBaseline = "middle";
      ctx.fillText(mark.text, x + (ctx.textAlign === "left" ? 9 : -9), Math.max(top + 8, y - 6));
      return;
    }
    ctx.setLineDash([5, 4]);
    ctx.beginPath();
    if (mark.x != null) {
      const x = this._crisp(this.px(mark.x));
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
    } else {
      const y = this._crisp(this.py(mark.y, mark.range));
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.textBaseline = mark.x != null ? "top" : "bottom";
    ctx.textAlign = mark.x != null ? "left" : "right";
    if (mark.x != null) ctx.fillText(mark.text ?? "", this.px(mark.x) + 4, top + 3);
    else ctx.fillText(mark.text ?? "", left + width - 4, this.py(mark.y, mark.range) - 2);
  }

  drawOver() {
    const ctx = this.over.getContext("2d");
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    const { left, top, width, height } = this.frame;
    if (this.selection) {
      const [from, to] = this.selection.map((value) => Math.max(left, Math.min(left + width, this.px(value))));
      ctx.fillStyle = this.colours.accent;
      ctx.globalAlpha = 0.16;
      ctx.fillRect(from, top, to - from, height);
      ctx.globalAlpha = 1;
    }
    if (!this.cursors) return;
    ctx.font = `bold ${this.font}`;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    this.cursors.forEach((value, number) => {
      const x = this._crisp(this.px(value));
      if (x < left || x > left + width) return;
      ctx.strokeStyle = ctx.fillStyle = this.colours.accent;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.fillRect(x - 9, top, 18, 17);
      ctx.fillStyle = this.colours.back;
      ctx.fillText("AB"[number], x, top + 2);
    });
  }

  // --- mouse, fingers and keys

  _listen() {
    const over = this.over;
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = Math.exp(event.deltaY * WHEEL);
      this.zoom(event.shiftKey ? 1 : factor, event.shiftKey || this.options.zoomY ? factor : 1, event.offsetX, event.offsetY);
    }, { passive: false });
    over.addEventListener("pointerdown", (event) => this._down(event));
    over.addEventListener("pointermove", (event) => this._move(event));
    for (const name of ["pointerup", "pointercancel"]) over.addEventListener(name, (event) => this._up(event));
    over.addEventListener("dblclick", () => this.setView(null));
    over.addEventListener("keydown", (event) => this._key(event));
  }

  zoom(fx, fy, atX = this.frame.left + this.frame.width / 2, atY = this.frame.top + this.frame.height / 2) {
    const about = ([low, high], at, factor, log) => {
      if (log) return [at * (low / at) ** factor, at * (high / at) ** factor];
      return [at + (low - at) * factor, at + (high - at) * factor];
    };
    const x = about(this.x, this.xAt(atX), fx, this.options.xLog);
    const y = about(this.y, this.yAt(atY), fy, this.options.yLog);
    this.setView({ x, y });
  }

  _moved(dx, dy) {
    const from = this.frame;
    const shift = (range, part, log) => range.map((_v, n) => this._at(range, n + part, log));
    this.setView({
      x: shift(this.x, -dx / from.width, this.options.xLog),
      y: shift(this.y, dy / from.height, this.options.yLog),
    });
  }

  _nearCursor(x, touch) {
    if (!this.cursors) return -1;
    const away = this.cursors.map((value) => Math.abs(this.px(value) - x));
    const nearest = away[0] <= away[1] ? 0 : 1;
    return away[nearest] <= (touch ? 3 : 1) * CATCH ? nearest : -1;
  }

  _down(event) {
    this.over.setPointerCapture(event.pointerId);
    this.over.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.taken = this._nearCursor(event.offsetX, event.pointerType === "touch");
    const selects = this.options.selects?.() || event.shiftKey;
    this.selecting = this.taken < 0 && selects ? event.offsetX : null;
  }

  _move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.over.style.cursor = this._nearCursor(event.offsetX) >= 0 ? "ew-resize" : "crosshair";
      return;
    }
    const now = [event.offsetX, event.offsetY];
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) + 1;
      const factor = apart(before, other) / apart(now, other);
      this.zoom(factor, this.options.zoomY ? factor : 1, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (this.taken >= 0) {
      this.setCursor(this.taken, this.xAt(now[0]));
    } else if (this.selecting != null) {
      const ends = [this.xAt(this.selecting), this.xAt(now[0])];
      this.select(ends.sort((a, b) => a - b));
    } else this._moved(now[0] - before[0], now[1] - before[1]);
    this.pointers.set(event.pointerId, now);
  }

  _up(event) {
    this.pointers.delete(event.pointerId);
    this.taken = -1;
    if (this.selecting != null && this.selection) this.options.onSelect?.(this.selection, true);
    this.selecting = null;
  }

  select(range) {
    this.selection = range;
    this.options.onSelect?.(range, false);
    this.drawOver();
  }

  setCursor(number, value) {
    this.cursors[number] = value;
    this.options.onCursor?.(this.cursors);
    this.drawOver();
  }

  _key(event) {
    const step = 0.1 * this.frame.width;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this._moved(...moves[event.key]);
    else if (event.key === "+") this.zoom(0.8, 1);
    else if (event.key === "-") this.zoom(1.25, 1);
    else if (event.key === "0" || event.key === "Escape") this.setView(null);
    else return;
    event.preventDefault();
  }
}
