// The automatic scale of curves: it grows at once, and shrinks only when nothing has needed its size
// for some seconds. One that follows each event cannot be read, and nothing can persist on it.

const MARGIN = 0.08;
const SMALL = 0.5; // of the range
const CALM_MS = 4000;

const union = (one, other) => [Math.min(one[0], other[0]), Math.max(one[1], other[1])];

export class Autoscale {
  constructor() {
    this.range = null;
    this.needed = null; // by what was shown lately
    this.since = 0;
  }

  // Take the least and the greatest value of a frame; returns whether the range is another one now.
  take(extent, now, mayShrink = true) {
    if (!(extent[0] <= extent[1])) return false;
    if (this.range === null || extent[0] < this.range[0] || extent[1] > this.range[1]) {
      this._begin(this.needed ? union(this.needed, extent) : extent, now);
      return this._fit();
    }
    const { needed, since, range } = this;
    this.needed = union(needed, extent);
    if (now - since < CALM_MS) return false;
    const small = this.needed[1] - this.needed[0] < SMALL * (range[1] - range[0]);
    const shrinks = small && mayShrink && this._fit();
    this._begin(extent, now);
    return shrinks;
  }

  _begin(needed, now) {
    this.needed = needed;
    this.since = now;
  }

  _fit() {
    const [low, high] = this.needed;
    const margin = MARGIN * (high - low) || 0.05 * Math.abs(high) || 1;
    this.range = [low - margin, high + margin];
    return true;
  }
}
