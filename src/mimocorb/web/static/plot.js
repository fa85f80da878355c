// A plot on two canvases: what is drawn, and above it what moves with the mouse, so that the curves
// are not drawn again for that. Axes, drawing and gestures are modules of their own.

import { drawAxes, partOf, valueAt } from "./axes.js";
import { drawMark, drawOver, drawScale, drawSeries } from "./drawing.js";
import { Gestures } from "./gestures.js";

// In sizes of the text, as large as on a usual screen (em).
const MARGIN = { left: 5.5, right: 1.2, top: 1, bottom: 3.5 };
const NARROW = { left: 3.7, right: 0.8, top: 2.3, bottom: 3.5 };
const NARROW_EM = 35;
const SCALE_EM = 4.5;
const TEXT = 0.8; // of the text of the page
const KEPT_INK = 0.55;

export class Plot {
  // options: label, xLabel, yLabel, xLog, yLog, time (x is the time of day), zoomY, scale (beside a
  // map), selects(shift) → whether dragging chooses a range, onView, onCursor, onSelect
  constructor(box, options = {}) {
    Object.assign(this, { box, options, series: [], marks: [], view: null, home: { x: [0, 1], y: [0, 1] } });
    this.cursors = null; // [x, x]
    this.active = null; // name of the series whose scale is on the axis
    this.persistence = 0; // 0: off; 1: for ever; else the part that fades
    this.fadeEvery = 1; // with so many frames
    this.sinceFading = 0;
    this.selection = null;
    this.frame = { left: 0, top: 0, width: 0, height: 0 };
    this.base = document.createElement("canvas");
    this.over = document.createElement("canvas");
    this.kept = document.createElement("canvas"); // what persists; never in the page
    box.tabIndex = 0;
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", options.label ?? "plot");
    box.classList.add("plot");
    box.append(this.base, this.over);
    this.gestures = new Gestures(this);
    this.theme();
    new ResizeObserver(() => this.resize()).observe(box);
    this._followRatio();
  }

  // --- what is shown

  setHome(x, y) { this.home = { x: [...x], y: [...y] }; }

  get x() { return this.view?.x ?? this.home.x; }
  get y() { return this.view?.y ?? this.home.y; }
  get zoomed() { return this.view !== null; }

  setView(view) {
    this.view = view;
    this.forget();
    this.options.onView?.(this);
    this.draw();
  }

  zoom(fx, fy, atX = this.frame.left + this.frame.width / 2, atY = this.frame.top + this.frame.height / 2) {
    const about = ([low, high], at, factor, log) => {
      if (log) return [at * (low / at) ** factor, at * (high / at) ** factor];
      return [at + (low - at) * factor, at + (high - at) * factor];
    };
    const { xLog, yLog } = this.options;
    this.setView({ x: about(this.x, this.xAt(atX), fx, xLog), y: about(this.y, this.yAt(atY), fy, yLog) });
  }

  move(dx, dy) {
    const { frame, options: { xLog, yLog } } = this;
    const moved = (range, part, log) => range.map((_value, n) => valueAt(n + part, range, log));
    this.setView({ x: moved(this.x, -dx / frame.width, xLog), y: moved(this.y, dy / frame.height, yLog) });
  }

  select(range) {
    this.selection = range;
    this.options.onSelect?.(range);
    this.drawOver();
  }

  setCursor(number, value) {
    this.cursors[number] = value;
    this.options.onCursor?.(this.cursors);
    this.drawOver();
  }

  // --- colours and size

  theme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    this.colours = { ink: of("--ink"), faint: of("--faint"), grid: of("--grid"), back: of("--plot"), accent: of("--accent") };
    const palette = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => of(`--curve-${n}`));
    this.palette = [...palette, ...palette.map((colour) => `color-mix(in srgb, ${colour} 50%, ${this.colours.faint})`)];
    this.shades = of("--map").split(",").map((text) => text.trim());
    this.around = getComputedStyle(this.box.closest("article") ?? document.body).backgroundColor;
    this.em = TEXT * Number.parseFloat(style.fontSize);
    this.font = `${this.em}px ${of("--font") || "sans-serif"}`;
    this.forget();
    this.draw();
  }

  colour(series) { return series.colour ?? this.palette[(series.number ?? 0) % this.palette.length]; }
  shade(part) { return this.shades[Math.min(this.shades.length - 1, Math.floor(part * this.shades.length))]; }

  // A window that is moved to another screen has another ratio, and the same size.
  _followRatio() {
    const ratio = window.devicePixelRatio || 1;
    matchMedia(`(resolution: ${ratio}dppx)`).addEventListener("change", () => this._followRatio(), { once: true });
    this.resize();
  }

  resize() {
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
    this.forget();
    this.draw();
  }

  get isNarrow() { return this.width < NARROW_EM * this.em; }

  // In whole pixels: to draw within a border between two of them takes a browser twice the time.
  _layOut() {
    const { em, width, height } = this;
    const margin = this.isNarrow ? NARROW : MARGIN;
    const [left, right, top, bottom] = ["left", "right", "top", "bottom"].map((side) => Math.round(em * margin[side]));
    const beside = right + (this.options.scale ? Math.round(SCALE_EM * em) : 0);
    this.frame = { left, top, width: Math.max(10, width - left - beside), height: Math.max(10, height - top - bottom) };
  }

  // --- places

  px(value) { return this.frame.left + partOf(value, this.x, this.options.xLog) * this.frame.width; }
  py(value, range = this.y) { return this.frame.top + (1 - partOf(value, range, this.options.yLog)) * this.frame.height; }
  xAt(pixel) { return valueAt((pixel - this.frame.left) / this.frame.width, this.x, this.options.xLog); }
  yAt(pixel) { return valueAt(1 - (pixel - this.frame.top) / this.frame.height, this.y, this.options.yLog); }
  crisp(value) { return (Math.round(value * this.ratio) + (this.ratio % 2 ? 0.5 : 0)) / this.ratio; }

  // --- drawing

  draw() {
    if (!this.width) return;
    this._layOut();
    const ctx = this.base.getContext("2d", { alpha: false });
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.fillStyle = this.around;
    ctx.fillRect(0, 0, this.width, this.height);
    const { left, top, width, height } = this.frame;
    ctx.fillStyle = this.colours.back;
    ctx.fillRect(left, top, width, height);
    drawAxes(ctx, this);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (this.persistence) this._drawKept(ctx);
    else for (const series of this.series) drawSeries(ctx, this, series);
    for (const mark of this.marks) drawMark(ctx, this, mark);
    ctx.restore();
    if (this.options.scale && this.scale) drawScale(ctx, this);
    ctx.strokeStyle = this.colours.faint;
    ctx.lineWidth = 1;
    ctx.strokeRect(this.crisp(left), this.crisp(top), width, height);
    this.drawOver();
  }

  // Each canvas that is seen costs in each frame: this one only if there is something on it.
  drawOver() {
    this.over.hidden = this.cursors === null && this.selection === null;
    if (!this.over.hidden) drawOver(this._cleared(this.over), this);
  }

  _cleared(canvas) {
    const ctx = canvas.getContext("2d");
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    return ctx;
  }

  // Let go of what persists: it was drawn for another view.
  forget() {
    this.kept.width = 0;
  }

  // Let what persists stay where it belongs when the vertical range becomes another one.
  stretch(before) {
    if (!this.kept.width || this.zoomed) return;
    const { top, height } = this.frame;
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.kept.width, this.kept.height];
    copy.getContext("2d").drawImage(this.kept, 0, 0);
    const kept = this.kept.getContext("2d");
    kept.setTransform(1, 0, 0, 1, 0, 0);
    kept.clearRect(0, 0, copy.width, copy.height);
    const [from, to] = [this.py(before[1]), this.py(before[0])];
    const ratio = this.ratio;
    kept.drawImage(copy, 0, top * ratio, copy.width, height * ratio, 0, from * ratio, copy.width, (to - from) * ratio);
  }

  _drawKept(ctx) {
    if (this.kept.width !== this.base.width) [this.kept.width, this.kept.height] = [this.base.width, this.base.height];
    const kept = this.kept.getContext("2d");
    kept.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.sinceFading = (this.sinceFading + 1) % this.fadeEvery;
    if (this.persistence < 1 && this.sinceFading === 0) {
      kept.globalCompositeOperation = "destination-out";
      kept.globalAlpha = this.persistence;
      kept.fillRect(0, 0, this.width, this.height);
      kept.globalCompositeOperation = "source-over";
    }
    kept.globalAlpha = KEPT_INK;
    for (const series of this.series) drawSeries(kept, this, series);
    kept.globalAlpha = 1;
    ctx.drawImage(this.kept, 0, 0, this.width, this.height);
  }
}
