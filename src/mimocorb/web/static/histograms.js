// Histograms of a run: from all events, with error bars, fits, ranges and maps.

import { $, count, digits, el, fill, measured, setText } from "./dom.js";
import { Plot } from "./plot.js";

const PERIOD_MS = 1000;

export class Histograms {
  constructor(link) {
    this.link = link;
    this.name = null;
    this.data = null;
    this.log = false;
    this.errors = true;
    this.rebin = 1;
    this.selects = false;
    this.plot = new Plot($("histogram-plot"), {
      label: "histogram",
      selects: (shift) => !this.isMap && (this.selects || shift),
      onSelect: () => this._numbers(),
    });
    $("histogram-name").addEventListener("change", (event) => this.choose(event.target.value));
    $("histogram-rebin").addEventListener("change", (event) => {
      this.rebin = Number(event.target.value);
      this._draw(true);
    });
    this._toggle("histogram-log", (on) => { this.log = on; });
    this._toggle("histogram-errors", (on) => { this.errors = on; });
    this._toggle("histogram-range", (on) => {
      this.selects = on;
      if (!on) this.plot.selection = null;
      this._numbers();
    });
    $("histogram-reset").addEventListener("click", () => this.plot.setView(null));
  }

  _toggle(id, change) {
    $(id).addEventListener("click", () => {
      const on = $(id).getAttribute("aria-pressed") !== "true";
      $(id).setAttribute("aria-pressed", on);
      change(on);
      this._draw(true);
    });
  }

  show(visible) {
    this.visible = visible;
    clearTimeout(this.timer);
    if (!visible) return;
    this.plot.resize();
    this._ask();
  }

  forget() {
    this.known = "";
    this.data = null;
    this.name = null;
    if (this.visible) this._ask();
  }

  async _ask() {
    clearTimeout(this.timer);
    try {
      const found = await this.link.json("/api/histograms");
      const names = found.map((one) => one.name);
      if (names.join("\n") !== this.known) {
        this.known = names.join("\n");
        $("histogram-name").replaceChildren(...found.map((one) => el("option", { value: one.name }, one.title)));
      }
      if (!names.includes(this.name)) this.name = names[0] ?? null;
      const chosen = found.find((one) => one.name === this.name);
      if (chosen) $("histogram-name").value = this.name;
      setText($("histogram-text"), chosen ? "" : "No worker of this run fills a histogram. In a set-up: function: histogram, with sources and x.");
      // A fit may have new numbers without a new entry, so it is asked for in any case.
      if (chosen) this._take(await this.link.json(`/api/histograms/${encodeURIComponent(this.name)}`));
    } catch (error) {
      setText($("histogram-text"), error.message);
    }
    if (this.visible) this.timer = setTimeout(() => this._ask(), PERIOD_MS);
  }

  choose(name) {
    this.name = name;
    this.data = null;
    this.plot.view = null;
    this.plot.selection = null;
    this.plot.series = [];
    this.plot.options.scale = false;
    this.plot.draw();
    this._ask();
  }

  _take(data) {
    const first = this.data === null || this.data.name !== data.name;
    this.data = data;
    $("histogram-plot").dataset.entries = data.entries;
    this._draw(first);
  }

  get isMap() { return this.data?.axes.length === 2; }

  _draw(again) {
    const data = this.data;
    if (!data) return;
    const [x, y] = data.axes;
    const label = ({ label: text, unit }) => (unit && !text.endsWith(`_${unit}`) ? `${text} (${unit})` : unit ? `${text.slice(0, -unit.length - 1)} (${unit})` : text);
    Object.assign(this.plot.options, { xLabel: label(x), yLabel: this.isMap ? label(y) : data.counts ? label({ label: `mean of ${data.filled.mean_of}`, unit: data.mean_unit }) : data.value_label, xLog: x.scale === "log", scale: this.isMap });
    if (this.isMap) this._drawMap(data, x, y);
    else this._drawSteps(data, x, again);
    for (const name of ["rebin", "errors", "range"]) $(`histogram-${name}`).disabled = this.isMap;
    this._numbers();
  }

  _drawMap(data, x, y) {
    this.plot.options.yLog = y.scale === "log";
    this.plot.options.zoomY = true;
    this.plot.series = [{ kind: "map", name: data.name, xEdges: x.edges, yEdges: y.edges, values: data.values.flat(), log: this.log }];
    this.plot.setHome([x.edges[0], x.edges.at(-1)], [y.edges[0], y.edges.at(-1)]);
    this.plot.marks = [];
    this.plot.draw();
  }

  _rebinned({ values, variances, axes: [x], kind }) {
    const by = kind.endsWith("MEAN") ? 1 : this.rebin;
    if (by === 1) return { edges: x.edges, values, variances };
    const found = { edges: [x.edges[0]], values: [], variances: [] };
    for (let n = 0; n < values.length; n += by) {
      const sum = (list) => list.slice(n, n + by).reduce((total, value) => total + value, 0);
      found.values.push(sum(values));
      found.variances.push(sum(variances));
      found.edges.push(x.edges[Math.min(n + by, values.length)]);
    }
    return found;
  }

  _drawSteps(data, x, again) {
    this.shown = this._rebinned(data);
    const { edges, values, variances } = this.shown;
    const errors = variances.map((value) => Math.sqrt(value));
    const isProfile = data.kind.endsWith("MEAN");
    const known = data.counts?.map((number) => number > 0);
    const series = [{ kind: isProfile ? "means" : "steps", name: data.name, edges, values, known, errors: this.errors ? errors : null }];
    const factor = isProfile ? 1 : this.rebin;
    (data.fits ?? []).forEach((fit, number) => {
      if (fit.sentence) return;
      // A fit is some events old: its curve is drawn for the entries that there are now.
      const scale = factor * (fit.entries > 0 ? this._inside([fit.low, fit.high]).sum / fit.entries : 1);
      series.push({ kind: "line", name: fit.name, number: number + 1, xs: fit.x, ys: fit.y.map((value) => value * scale), wide: 2.2 });
    });
    this.plot.series = series;
    this.plot.options.yLog = this.log;
    this.plot.options.zoomY = false;
    const tops = values.map((value, n) => value + (this.errors ? errors[n] : 0));
    const most = Math.max(0, ...tops) || 1;
    const positive = values.filter((value) => value > 0);
    const least = this.log ? 0.5 * Math.min(1, ...(positive.length ? positive : [1])) : Math.min(0, ...values);
    if (again || !this.plot.zoomed) this.plot.setHome([edges[0], edges.at(-1)], [least, this.log ? most * 2 : most * 1.08 || 1]);
    this.plot.draw();
  }

  // What is in it, in the chosen range, and what the fits say.
  _numbers() {
    const data = this.data;
    if (!data) return;
    const rows = [["entries", count(data.entries)], ["events", `${count(data.events)}: all that were acknowledged`]];
    if (data.underflow !== undefined) rows.push(["below · above", `${count(data.underflow)} · ${count(data.overflow)}`]);
    if (data.outside !== undefined) rows.push(["outside the map", count(data.outside)]);
    if (data.no_numbers) rows.push(["no numbers", count(data.no_numbers)]);
    if (data.live_time_s) rows.push(["live time", `${digits(data.live_time_s, 5)} s`, ]);
    const range = this.plot.selection;
    if (range && !this.isMap && this.shown) {
      const inside = this._inside(range);
      rows.push(["range", `${digits(range[0])} … ${digits(range[1])} ${data.axes[0].unit}`]);
      rows.push(["in the range", measured(inside.sum, Math.sqrt(inside.variance))]);
      rows.push(["mean · σ", `${digits(inside.mean, 5)} · ${digits(inside.sigma, 4)}`]);
    }
    fill($("histogram-numbers").tBodies[0], rows);
    const fits = [];
    for (const [number, fit] of (data.fits ?? []).entries()) {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = this.plot.colour({ number: number + 1 });
      fits.push([el("b", {}, swatch, fit.name), `${fit.model}, ${digits(fit.low)} to ${digits(fit.high)}, ${count(fit.entries)} entries`]);
      if (fit.sentence) fits.push(["", fit.sentence]);
      for (const each of fit.parameters) fits.push([each.name, `${measured(each.value, each.error)} ${each.unit}`]);
      if (fit.p_value != null) fits.push(["χ² / ndf, p", `${digits(fit.chi2, 4)} / ${fit.degrees_of_freedom}, ${digits(fit.p_value, 2)}`]);
    }
    fill($("histogram-fit").tBodies[0], fits);
  }

  _inside([low, high]) {
    const { edges, values, variances } = this.shown;
    const found = { sum: 0, variance: 0, mean: 0, sigma: 0 };
    let first = 0;
    let second = 0;
    values.forEach((value, n) => {
      const middle = (edges[n] + edges[n + 1]) / 2;
      if (middle < low || middle > high) return;
      found.sum += value;
      found.variance += variances[n];
      first += value * middle;
      second += value * middle * middle;
    });
    if (found.sum) {
      found.mean = first / found.sum;
      found.sigma = Math.sqrt(Math.max(0, second / found.sum - found.mean ** 2));
    }
    return found;
  }

  theme() { this.plot.theme(); }
}
