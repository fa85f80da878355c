// Mouse, fingers and keys on a plot: zoom, move, cursors, ranges.

const CATCH = 9; // px within which a cursor is taken
const WHEEL = 0.0015;

export class Gestures {
  constructor(plot) {
    this.plot = plot;
    this.pointers = new Map();
    this.taken = -1; // the cursor that is held
    this.selecting = null; // where a range began
    const { box } = plot;
    box.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    box.addEventListener("pointerdown", (event) => this._down(event));
    box.addEventListener("pointermove", (event) => this._move(event));
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (event) => this._up(event));
    box.addEventListener("dblclick", () => plot.setView(null));
    box.addEventListener("keydown", (event) => this._key(event));
  }

  _wheel(event) {
    const { plot } = this;
    const notch = event.deltaY || event.deltaX; // Shift turns a wheel sideways
    const factor = Math.exp(notch * WHEEL * (event.deltaMode === 1 ? 16 : 1));
    event.preventDefault();
    plot.zoom(event.shiftKey ? 1 : factor, event.shiftKey || plot.options.zoomY ? factor : 1, event.offsetX, event.offsetY);
  }

  _nearCursor(x, touch = false) {
    if (!this.plot.cursors) return -1;
    const away = this.plot.cursors.map((value) => Math.abs(this.plot.px(value) - x));
    const nearest = away[0] <= away[1] ? 0 : 1;
    return away[nearest] <= (touch ? 3 : 1) * CATCH ? nearest : -1;
  }

  _down(event) {
    const { plot } = this;
    plot.box.setPointerCapture(event.pointerId);
    plot.box.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.taken = this._nearCursor(event.offsetX, event.pointerType === "touch");
    const selects = this.taken < 0 && plot.options.selects?.(event.shiftKey);
    this.selecting = selects ? event.offsetX : null;
  }

  _move(event) {
    const { plot } = this;
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      plot.box.style.cursor = this._nearCursor(event.offsetX) >= 0 ? "ew-resize" : "crosshair";
      return;
    }
    const now = [event.offsetX, event.offsetY];
    if (this.pointers.size === 2) {
      const [, other] = [...this.pointers].find(([id]) => id !== event.pointerId);
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) + 1;
      const factor = apart(before, other) / apart(now, other);
      plot.zoom(factor, plot.options.zoomY ? factor : 1, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (this.taken >= 0) plot.setCursor(this.taken, plot.xAt(now[0]));
    else if (this.selecting != null) plot.select([plot.xAt(this.selecting), plot.xAt(now[0])].sort((a, b) => a - b));
    else plot.move(now[0] - before[0], now[1] - before[1]);
    this.pointers.set(event.pointerId, now);
  }

  _up(event) {
    this.pointers.delete(event.pointerId);
    this.taken = -1;
    this.selecting = null;
  }

  _key(event) {
    const { plot } = this;
    const step = 0.1 * plot.frame.width;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) plot.move(...moves[event.key]);
    else if (event.key === "+") plot.zoom(0.8, plot.options.zoomY ? 0.8 : 1);
    else if (event.key === "-") plot.zoom(1.25, plot.options.zoomY ? 1.25 : 1);
    else if (event.key === "0" || event.key === "Escape") plot.setView(null);
    else return;
    event.preventDefault();
  }
}
