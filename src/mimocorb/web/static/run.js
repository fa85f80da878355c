// The view of the run: everything that its status says.

import { $, bar, bytes, count, digits, duration, el, fill, measured, percent, rate, setText } from "./dom.js";
import { Flow } from "./flow.js";
import { Plot } from "./plot.js";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

export class RunView {
  constructor() {
    this.flow = new Flow($("flow"));
    this.log = [];
    this.history = null;
    this.rates = new Plot($("rate-plot"), { time: true, label: "events per second against time", zoomY: true });
    this.dead = new Plot($("dead-plot"), { time: true, label: "dead time and fill against time", zoomY: true });
    $("log-level").addEventListener("change", () => this._showLog(true));
  }

  setAbout(about) {
    this.flow.setLayout(about.flow);
    this.history = null;
  }

  show(visible) {
    if (visible) for (const plot of [this.rates, this.dead]) plot.resize();
  }

  take(run) {
    this._troubles(run);
    this._progress(run);
    this._results(run);
    this._buffers(run);
    this._workers(run);
    this._decisions(run);
    this._rest(run);
    this.flow.take(run);
  }

  _troubles(run) {
    const items = [];
    const add = (kind, text) => items.push(el("li", { class: kind }, text));
    for (const alarm of run.alarms) {
      const more = [!alarm.goes_on && "over", alarm.count > 1 && `${alarm.count} times`, alarm.acknowledged_by && `acknowledged by ${alarm.acknowledged_by}`].filter(Boolean).join(", ");
      add(alarm.goes_on && !alarm.acknowledged_by ? "bad" : "warn", `${alarm.kind}, ${alarm.subject}: ${alarm.text}${more && ` (${more})`}`);
    }
    for (const text of run.failures) add("bad", text);
    for (const text of run.doubts) add("warn", `live time doubtful: ${text}`);
    for (const text of run.warnings) add("warn", text);
    for (const worker of run.workers) if (worker.warnings) add("warn", `${worker.name}: ${worker.warnings} warnings, the last: ${worker.last_warning}`);
    $("trouble-list").replaceChildren(...items);
    $("troubles").hidden = !items.length;
  }

  _progress(run) {
    const goals = run.goals.map((goal) => {
      const limit = goal.kind === "time" ? duration(goal.limit) : digits(goal.limit);
      const value = goal.kind === "time" ? duration(goal.value) : digits(goal.value);
      const what = { time: "time of data taking", events: `events in ${goal.name}`, result: goal.name }[goal.kind];
      const text = goal.kind === "result" ? `${what}: now ${value}` : `${what}: ${value} of ${limit}`;
      return el("div", { class: "goal" }, el("div", {}, text), goal.fraction == null ? null : bar(goal.fraction, "good"));
    });
    if (!goals.length) goals.push(el("p", { class: "faint" }, run.ended ? "" : "The run goes on until it is stopped or the source is exhausted."));
    $("goals").replaceChildren(...goals);
    const times = `data taking ${duration(run.active_s)}${run.elapsed_s - run.active_s > 2 ? ` without pauses, ${duration(run.elapsed_s)} with` : ""}`;
    setText($("cause"), [run.state + (run.cause ? `: ${run.cause}` : ""), times, run.operator && `by ${run.operator}`, run.comment].filter(Boolean).join(" · "));
  }

  _results(run) {
    const rows = Object.entries(run.results).flatMap(([worker, results]) => results.map((result) => [worker, result.name, measured(result.value, result.sigma)]));
    fill($("results").tBodies[0], rows);
    $("no-results").hidden = rows.length > 0;
  }

  _buffers(run) {
    fill($("buffers").tBodies[0], run.buffers.map((buffer) => {
      const part = buffer.slots ? buffer.filled / buffer.slots : 0;
      const lost = buffer.groups.reduce((sum, group) => sum + group.lost + group.quarantined, 0);
      const known = buffer.rate_hz != null ? `${measured(buffer.rate_hz, buffer.rate_sigma_hz)} Hz${buffer.doubtful ? " (doubtful)" : ""}` : "–";
      const causes = Object.entries(buffer.dead_time).filter(([, value]) => value > 0.0005).map(([cause, value]) => `${cause.replaceAll("_", " ")} ${percent(value)}`);
      return [buffer.name, el("span", {}, bar(part, part > 0.9 ? "warn" : ""), ` ${buffer.filled} of ${buffer.slots}`), count(buffer.published), rate(buffer.throughput_hz), known, causes.length > 1 ? `${percent(buffer.dead_fraction)}: ${causes.join(", ")}` : buffer.dead_fraction == null ? "–" : causes[0] ?? percent(buffer.dead_fraction), count(buffer.due), count(lost)];
    }));
  }

  _workers(run) {
    fill($("workers").tBodies[0], run.workers.map((worker) => {
      const use = worker.use ?? {};
      const states = [...new Set(worker.processes.map((each) => each.how || each.state))].join(", ");
      const waits = ["input", "room", "turn", "partner"].filter((what) => use[`waiting_for_${what}`] > 0.005).map((what) => `${what} ${percent(use[`waiting_for_${what}`])}`);
      const processes = worker.processes.length > 1 ? ` ×${worker.processes.length}` : "";
      return [worker.name + processes, el("span", { class: "two-lines", title: states }, states), worker.function, use.busy == null ? "–" : el("span", {}, bar(use.busy), ` ${percent(use.busy)}`), waits.join(", ") || "–", percent(use.processor), bytes(worker.memory_bytes), worker.restarts];
    }));
    const cores = run.cores?.available ?? run.cores?.cores;
    setText($("limit"), run.limit ? run.limit : cores ? `${digits(cores)} processor cores` : "");
  }

  _decisions(run) {
    const rows = [];
    for (const each of run.decisions) {
      const part = (value) => (each.events ? percent(value / each.events) : "");
      rows.push([el("b", {}, each.name), count(each.events), ""]);
      for (const [buffer, accepted] of Object.entries(each.accepted_for)) rows.push([`to ${buffer}`, count(accepted), part(accepted)]);
      let others = each.rejected;
      for (const [reason, rejected] of Object.entries(each.reasons)) {
        others -= rejected;
        rows.push([`rejected: ${reason}`, count(rejected), part(rejected)]);
      }
      if (others > 0) rows.push(["rejected", count(others), part(others)]);
      if (each.failed) rows.push(["failed", count(each.failed), part(each.failed)]);
    }
    fill($("decisions").tBodies[0], rows);
    $("no-decisions").hidden = rows.length > 0;
  }

  _rest(run) {
    const disk = run.disk;
    setText($("disk"), disk ? `${bytes(disk.run_bytes)} written, ${bytes(disk.free_bytes)} free of ${bytes(disk.total_bytes)}` : "");
    $("notes").replaceChildren(...run.notes.map((note) => el("li", {}, `${note.time_utc.slice(11, 16)} UTC, ${note.kind}: ${note.text}`)));
  }

  // --- log

  takeLog(lines) {
    this.log = lines;
    this._showLog();
  }

  _showLog(again = false) {
    const least = LEVELS.indexOf($("log-level").value);
    const list = $("log");
    const atEnd = again || list.scrollTop + list.clientHeight >= list.scrollHeight - 30;
    const shown = this.log.filter((line) => LEVELS.indexOf(line.level) >= least);
    list.replaceChildren(...shown.map((line) => el("li", { class: line.level }, `${line.clock.slice(0, 8)} ${line.level === "INFO" ? "" : `${line.level} `}${line.origin}: ${line.text}`)));
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  // --- history

  takeHistory(history, more) {
    if (!more || !this.history) this.history = history;
    else {
      this.history.times_s.push(...history.times_s);
      for (const [name, fields] of Object.entries(history.buffers)) {
        for (const [field, values] of Object.entries(fields)) this.history.buffers[name]?.[field].push(...values);
      }
    }
    this._drawHistory();
  }

  _drawHistory() {
    const { times_s: xs, buffers } = this.history;
    if (xs.length < 2) return;
    const names = Object.keys(buffers);
    const draw = (plot, series, legend, least) => {
      let most = least;
      for (const each of series) for (const value of each.ys) if (value > most) most = value;
      plot.series = series;
      plot.setHome([xs[0], Math.max(xs.at(-1), xs[0] + 10)], [0, most * 1.08]);
      plot.draw();
      const shown = new Map(series.filter((each) => each.name).map((each) => [each.name, each]));
      $(legend).replaceChildren(...[...shown.values()].map((each) => {
        const swatch = el("span", { class: "swatch" });
        swatch.style.borderTop = `.25rem ${each.dash ? "dashed" : "solid"} ${plot.colour(each)}`;
        return el("span", {}, swatch, each.name);
      }));
    };
    draw(this.rates, names.map((name, number) => ({ name, number, xs, ys: buffers[name].throughput_hz })), "rate-legend", 1);
    const parts = [];
    names.forEach((name, number) => {
      const scaled = (field) => buffers[name][field].map((value) => (value == null ? null : 100 * value));
      if (buffers[name].dead_fraction.some((value) => value != null)) parts.push({ number, xs, ys: scaled("dead_fraction"), wide: 2.5 });
      parts.push({ name, number, xs, ys: scaled("fill"), dash: [3, 3], wide: 1 });
    });
    draw(this.dead, parts, "dead-legend", 10);
  }

  theme() {
    for (const plot of [this.rates, this.dead]) plot.theme();
    if (this.history) this._drawHistory();
  }
}
