// The scope: newest event of a buffer, as fast as the screen shows it; zoom, cursors, hold.

import { Autoscale } from "./autoscale.js";
import { $, digits, el, fill, setText } from "./dom.js";
import { TIME_UNITS, decoded, eventText, timeUnit } from "./frames.js";
import { Plot } from "./plot.js";

// Which part fades, and with how many frames: of a smaller part a ghost would stay for ever, as ink has 255 steps.
const FADE = { off: [0, 1], short: [0.25, 1], long: [0.1, 10], all: [1, 1] };

const labelled = (name, unit) => (unit ? `${name} (${unit})` : name);

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

export class Scope {
  // link: {send(message), frame(buffer, counter) → ArrayBuffer}
  constructor(link) {
    this.link = link;
    this.buffers = [];
    this.buffer = null;
    this.axes = {};
    this.frame = null;
    this.held = false;
    this.hidden = new Set();
    this.ranges = new Map(); // channel → [low, high]; without: the range of all
    this.auto = true;
    this.scales = new Map(); // unit → its automatic scale
    this.listed = []; // channels beside the plot
    this.longest = 0;
    this.drawn = 0;
    this.times = [];
    this.latencies = [];
    this.plot = new Plot($("scope-plot"), {
      label: "scope",
      zoomY: false,
      onView: () => this._viewChanged(),
      onCursor: () => this._measure(),
    });
    $("scope-buffer").addEventListener("change", (event) => this.choose(event.target.value));
    $("scope-hold").addEventListener("click", () => this.hold(!this.held));
    $("scope-cursors").addEventListener("click", () => this.toggleCursors());
    $("scope-auto").addEventListener("click", () => this.autoscale());
    $("scope-reset").addEventListener("click", () => this.plot.setView(null));
    $("scope-persist").addEventListener("change", (event) => {
      [this.plot.persistence, this.plot.fadeEvery] = FADE[event.target.value];
      this.plot.forget();
      this.plot.draw();
    });
    $("scope-find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.find(Number($("scope-number").value));
    });
    $("scope-up").addEventListener("click", () => this._scale(0.8));
    $("scope-down").addEventListener("click", () => this._scale(1.25));
  }

  setBuffers(buffers) {
    this.buffers = buffers;
    // Of a run that is over only what was recorded can be seen.
    const isKept = (buffer) => buffer.is_kept ?? true;
    const text = (buffer) => (isKept(buffer) ? buffer.name : `${buffer.name} (not recorded)`);
    $("scope-buffer").replaceChildren(...buffers.map((buffer) => el("option", { value: buffer.name }, text(buffer))));
    const shown = buffers.some(isKept) ? buffers.filter(isKept) : buffers;
    const waves = shown.filter((buffer) => buffer.length > 1);
    const kept = shown.some((buffer) => buffer.name === this.buffer) ? this.buffer : (waves[0] ?? shown[0])?.name;
    this.buffer = null;
    if (kept) this.choose(kept);
  }

  choose(name) {
    $("scope-buffer").value = name;
    this.buffer = name;
    this.about = this.buffers.find((buffer) => buffer.name === name) ?? {};
    this.axes = this.about.axes ?? {};
    this.frame = null;
    this.next = undefined; // what waits to be drawn is of another buffer
    this.longest = 0;
    this._say(false);
    this.auto = true;
    this.ranges.clear();
    this.scales.clear();
    this.plot.active = null;
    this.plot.series = [];
    this.plot.marks = [];
    this.plot.view = null;
    this.plot.forget();
    this._channels([]);
    this._numbers({});
    setText($("scope-event"), "waiting for an event");
    setText($("scope-rate"), "");
    this.plot.draw();
    this.watch();
  }

  // Say to the gateway what is wanted: nothing, if nobody sees it.
  watch() {
    if (!this.visible || this.held) {
      this.link.send({ watch: null });
      return;
    }
    const full = this.plot.zoomed || this.plot.cursors !== null;
    const columns = Math.round(this.plot.frame.width * (window.devicePixelRatio || 1)) || 500;
    this.link.send({ watch: this.buffer, columns: Math.min(2000, columns), full });
  }

  show(visible) {
    this.visible = visible;
    if (visible) this.plot.resize();
    this.watch();
  }

  // --- frames

  take(message) {
    const frame = decoded(message);
    if (frame.head.buffer !== this.buffer || this.held) {
      this.link.send({ drawn: 1 });
      return;
    }
    const waiting = this.next !== undefined;
    this.next = frame;
    if (!waiting) {
      requestAnimationFrame(() => {
        const newest = this.next;
        this.next = undefined;
        this.link.send({ drawn: 1 });
        if (newest === undefined) return; // another buffer has been chosen
        if (!this.held) this.showFrame(newest);
        this._count(newest);
      });
    } else this.link.send({ drawn: 1 });
  }

  _count(frame) {
    const now = performance.now();
    this.drawn += 1;
    this.times.push(now);
    while (this.times[0] < now - 2000) this.times.shift();
    const head = frame.head;
    if (head.published_s) this.latencies.push(Date.now() / 1000 - head.published_s);
    if (this.latencies.length > 400) this.latencies.shift();
    const perSecond = this.times.length > 2 ? ((this.times.length - 1) * 1000) / (now - this.times[0]) : 0;
    $("scope-plot").dataset.frames = this.drawn;
    setText($("scope-rate"), perSecond ? `· ${perSecond.toFixed(1)} frames/s` : "");
  }

  showFrame(frame) {
    const first = this.frame === null;
    this.frame = frame;
    const { head, channels } = frame;
    $("scope-plot").dataset.counter = head.counter;
    setText($("scope-event"), eventText(head));
    this._numbers(head);
    if (this.isNumbers) return;
    this._timeAxis(head);
    const offset = this.axes.analogue_offset ?? 0;
    if (offset) for (const values of channels) for (let n = 0; n < values.length; n += 1) values[n] -= offset;
    const kind = this.hasPoints ? "points" : "wave";
    this.plot.series = head.channels.map((name, number) => ({
      kind, name, number, values: channels[number], x0: this.x0, dx: this.dx, width: head.width, label: labelled(name, this._unitOf(name)),
    }));
    this._channels(head.channels);
    if (first || this.auto) this._fit();
    this._applyChoices();
    this._marks(head);
    this.plot.draw();
    if (this.plot.cursors) this._measure();
  }

  // Hits have no order in time: a line from one to the next would say that they have.
  get hasPoints() { return this.about.variable && !this.axes.sample_time_ns; }

  _timeAxis(head) {
    const { sample_time_ns: sampleTime, pre_trigger_samples: before = 0 } = this.axes;
    this.longest = Math.max(this.longest, head.samples);
    const [unit, scale] = timeUnit(sampleTime, this.longest);
    this.unit = unit;
    this.dx = sampleTime ? sampleTime / scale : 1;
    this.x0 = -before * this.dx || 0;
    const edge = this.hasPoints || this.longest < 2 ? this.dx / 2 : 0;
    this.plot.setHome([this.x0 - edge, this.x0 + this.dx * (this.longest - 1) + edge], this.plot.home.y);
    const untimed = this.hasPoints ? "number in the event" : before > 0 ? "samples after trigger" : "sample";
    Object.assign(this.plot.options, { xLabel: sampleTime ? `time after ${before > 0 ? "trigger" : "first sample"} (${unit})` : untimed, xWhole: !sampleTime });
  }

  _unitOf(channel) { return this.axes.units?.[channel] ?? this.axes.unit ?? ""; }

  // The unit of the axis; channels with another one have a scale of their own.
  get mainUnit() { return this._unitOf((this.plot.series.find((series) => !series.hidden) ?? this.plot.series[0])?.name); }

  _fit() {
    const extents = new Map();
    for (const series of this.plot.series) {
      if (this.hidden.has(series.name)) continue;
      const unit = this._unitOf(series.name);
      const [low, high] = extent(series.values);
      const [least, greatest] = extents.get(unit) ?? [Infinity, -Infinity];
      extents.set(unit, [Math.min(low, least), Math.max(high, greatest)]);
    }
    for (const [unit, needed] of extents) {
      if (!this.scales.has(unit)) this.scales.set(unit, new Autoscale());
      const changed = this.scales.get(unit).take(needed, performance.now(), !this.plot.persistence);
      if (changed && extents.size > 1) this.plot.forget();
    }
  }

  // Put hidden channels, chosen and automatic scales into what is drawn.
  _applyChoices() {
    for (const series of this.plot.series) series.hidden = this.hidden.has(series.name);
    const main = this.mainUnit;
    for (const series of this.plot.series) {
      const unit = this._unitOf(series.name);
      series.range = this.ranges.get(series.name) ?? (unit === main ? undefined : this.scales.get(unit)?.range ?? undefined);
    }
    this.plot.options.yLabel = main;
    const range = this.auto && this.scales.get(main)?.range;
    if (!range || range.every((value, n) => value === this.plot.home.y[n])) return;
    const before = this.plot.home.y;
    this.plot.setHome(this.plot.home.x, range);
    this.plot.stretch(before);
  }

  _marks(head) {
    const marks = [];
    if (this.axes.pre_trigger_samples) marks.push({ x: 0, text: "T" });
    if (this.axes.trigger_level != null) marks.push({ y: this.axes.trigger_level, text: "trigger level" });
    for (const pulse of head.pulses ?? []) {
      const series = this.plot.series.find((each) => each.name === pulse.channel);
      if (!series || series.hidden) continue;
      const place = Math.round(pulse.sample);
      const at = head.width ? 2 * Math.floor(place / head.width) + 1 : place;
      marks.push({
        kind: "pulse", x: this.x0 + this.dx * pulse.sample, y: pulse.height ?? series.values[at] ?? 0,
        range: series.range, colour: this.plot.colour(series), text: pulse.name,
      });
    }
    this.plot.marks = marks;
    $("scope-plot").dataset.pulses = marks.filter((mark) => mark.kind === "pulse").length;
  }

  _channels(names, again = false) {
    if (!again && names.join("\n") === this.listed.join("\n")) return;
    this.listed = names;
    const mixed = new Set(names.map((name) => this._unitOf(name))).size > 1;
    $("scope-channels").replaceChildren(...names.map((name, number) => {
      const colour = el("span", { class: "swatch" });
      colour.style.background = this.plot.palette[number % this.plot.palette.length];
      const shown = el("input", { type: "checkbox", "aria-label": `show ${name}` });
      shown.checked = !this.hidden.has(name);
      shown.addEventListener("change", () => {
        if (shown.checked) this.hidden.delete(name);
        else this.hidden.add(name);
        this._again();
      });
      const text = mixed ? labelled(name, this._unitOf(name)) : name;
      const pick = el("button", { class: "channel", type: "button", title: `scale of ${name} alone` }, colour, text);
      pick.addEventListener("click", () => {
        this.plot.active = this.plot.active === name ? null : name;
        for (const other of $("scope-channels").querySelectorAll(".channel")) other.classList.toggle("active", other === pick && this.plot.active === name);
        this.plot.draw();
      });
      return el("label", { class: "channel-row" }, shown, pick);
    }));
  }

  // With a channel picked, its own scale changes; else that of all.
  _scale(factor) {
    const name = this.plot.active;
    const scaled = ([low, high]) => {
      const middle = (low + high) / 2;
      return [middle + (low - middle) * factor, middle + (high - middle) * factor];
    };
    this.auto = false;
    const now = this.plot.series.find((series) => series.name === name)?.range ?? this.plot.y;
    if (name) this.ranges.set(name, scaled(now));
    else this.plot.setHome(this.plot.home.x, scaled(this.plot.home.y));
    this._again();
  }

  autoscale() {
    this.ranges.clear();
    this.scales.clear();
    this.auto = true;
    this.plot.view = null;
    this._again();
  }

  _again() {
    if (!this.frame) return;
    if (this.auto) this._fit();
    this._applyChoices();
    this._marks(this.frame.head);
    this.plot.forget();
    this.plot.draw();
  }

  // Events that are a few numbers are shown as numbers.
  get isNumbers() { return !(this.about.length > 1); }

  _numbers(head) {
    for (const id of ["scope-plot", "scope-side", "scope-hint", "scope-scales"]) $(id).hidden = this.isNumbers;
    const box = $("scope-values");
    box.hidden = !this.isNumbers;
    if (!this.isNumbers) return;
    const unit = (name) => (this.axes.units?.[name] ?? "");
    fill(box.tBodies[0], Object.entries(head.values ?? {}).map(([name, value]) => [name, digits(value, 6), unit(name)]));
  }

  // --- zoom, hold, cursors

  async _viewChanged() {
    if (this.held) await this._fullOfHeld();
    else this.watch();
  }

  async _fullOfHeld() {
    if (!this.frame?.head.width || this.fetching) return;
    this.fetching = true;
    try {
      const found = decoded(await this.link.frame(this.buffer, this.frame.head.counter));
      if (this.held && found.head.counter === this.frame.head.counter) this.showFrame(found);
    } catch (error) {
      this.link.complain(error.message);
    } finally {
      this.fetching = false;
    }
  }

  _say(held) {
    this.held = held;
    $("scope-hold").setAttribute("aria-pressed", held);
    setText($("scope-hold"), held ? "Go on" : "Hold");
  }

  hold(held) {
    this._say(held);
    if (held) setText($("scope-rate"), "· held");
    this.watch();
    if (held && (this.plot.zoomed || this.plot.cursors)) this._fullOfHeld();
  }

  async find(counter) {
    try {
      const found = decoded(await this.link.frame(this.buffer, counter));
      this.hold(true);
      this.showFrame(found);
    } catch (error) {
      this.link.complain(error.message);
    }
  }

  toggleCursors() {
    const on = this.plot.cursors === null;
    const [low, high] = this.plot.x;
    this.plot.cursors = on ? [low + (high - low) / 3, low + (2 * (high - low)) / 3] : null;
    $("scope-cursors").setAttribute("aria-pressed", on);
    $("scope-measured").hidden = !on;
    if (this.held && on) this._fullOfHeld();
    else this.watch();
    if (on) this._measure();
    this.plot.drawOver();
  }

  valueAt(series, x) {
    const place = Math.round((x - series.x0) / series.dx);
    if (!series.width) return series.values[Math.max(0, Math.min(series.values.length - 1, place))];
    const column = Math.floor(place / series.width);
    return (series.values[2 * column] + series.values[2 * column + 1]) / 2;
  }

  _measure() {
    const [a, b] = this.plot.cursors;
    const rows = [["time", digits(a, 5), digits(b, 5), digits(b - a, 5), this.unit ?? ""]];
    for (const series of this.plot.series) {
      if (series.hidden) continue;
      const [va, vb] = [this.valueAt(series, a), this.valueAt(series, b)];
      rows.push([series.name, digits(va, 5), digits(vb, 5), digits(vb - va, 5), this._unitOf(series.name)]);
    }
    if (this.axes.sample_time_ns) {
      const [, scale] = TIME_UNITS.find(([unit]) => unit === this.unit) ?? TIME_UNITS[0];
      rows.push(["1/Δ", "", "", digits(1e3 / (Math.abs(b - a) * scale), 4), "MHz"]);
    }
    fill($("scope-measured").tBodies[0], rows);
  }

  latency(part) {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  }
}
