// The runs in the same directory, two of them side by side, and the next one.

import { $, count, digits, duration, el, fill, measured, rate, setText } from "./dom.js";

const resultText = (results) => Object.entries(results).flatMap(([worker, rows]) => rows.map((row) => `${worker}: ${row.name} = ${measured(row.value, row.sigma)}`)).join("\n");

const MOST_RESULTS = 3;

// The first results, and all of them on asking.
function resultCell(results) {
  const lines = resultText(results).split("\n");
  const more = lines.length - MOST_RESULTS;
  if (more < 2) return el("span", { class: "results" }, lines.join("\n"));
  return el("details", { class: "results" }, el("summary", {}, lines.slice(0, MOST_RESULTS).join("\n"), el("span", { class: "faint" }, `\n${more} more`)), lines.slice(MOST_RESULTS).join("\n"));
}

export class Runs {
  constructor(link) {
    this.link = link;
    this.chosen = [];
    $("next-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._start();
    });
  }

  // The next run begins when this one has ended.
  setEnded(ended) {
    $("next-start").disabled = !ended;
    $("next-wait").hidden = ended;
  }

  async show(visible) {
    this.visible = visible;
    if (!visible) return;
    try {
      const { runs, problems } = await this.link.json("/api/runs");
      this._list(runs.reverse());
      if (problems.length) this.link.complain(problems.join("\n"));
      if (this.maySteer && !this.formShown) await this._form();
    } catch (error) {
      this.link.complain(error.message);
    }
  }

  _list(runs) {
    fill($("runs").tBodies[0], runs.map((run) => {
      const box = el("input", { type: "checkbox", "aria-label": `compare run ${run.number}` });
      box.checked = this.chosen.includes(run.number);
      box.addEventListener("change", () => this._choose(run.number, box.checked));
      const judged = run.notes.filter((note) => note.kind !== "comment").at(-1);
      const quality = [judged && `${judged.kind} (${judged.by})`, ...Object.keys(run.quality ?? {})].filter(Boolean).join(", ");
      return [box, `${run.number}`, run.started_utc.slice(0, 16).replace("T", " "), run.title, run.state, duration(run.active_s), count(run.events), resultCell(run.results), quality, run.comment];
    }));
  }

  async _choose(number, on) {
    this.chosen = on ? [...this.chosen, number].slice(-2) : this.chosen.filter((each) => each !== number);
    for (const row of $("runs").tBodies[0].rows) row.querySelector("input").checked = this.chosen.includes(Number(row.cells[1].textContent));
    $("comparison").hidden = this.chosen.length < 2;
    if (this.chosen.length < 2) return;
    try {
      this._compare(await this.link.json(`/api/runs/${this.chosen[0]}/${this.chosen[1]}`));
    } catch (error) {
      this.link.complain(error.message);
    }
  }

  _compare({ runs, setup, files, versions, rates }) {
    const head = el("tr", {}, el("th"), ...runs.map((run) => el("th", {}, `run ${run.number}`)), el("th", {}, "difference"));
    $("compared").tHead.replaceChildren(head);
    const both = (name, value, note = "") => [name, value(runs[0]), value(runs[1]), note];
    const rows = [both("state", (run) => run.state), both("begun", (run) => run.started_utc.slice(0, 19).replace("T", " ")), both("data taking", (run) => duration(run.active_s)), both("events", (run) => count(run.events)), both("quality", (run) => Object.keys(run.quality ?? {}).join(", "))];
    for (const each of rates) {
      const of = (side) => (side ? `${measured(side.value_hz, side.sigma_hz)} Hz` : "–");
      const sure = each.sigma == null ? "" : `${digits(each.sigma, 2)} σ`;
      rows.push([`rate of ${each.buffer}`, each.first ? of(each.first) : rate(each.throughput_hz[0]), each.second ? of(each.second) : rate(each.throughput_hz[1]), sure]);
    }
    const flat = (run) => new Map(Object.entries(run.results).flatMap(([worker, list]) => list.map((row) => [`${worker}: ${row.name}`, row])));
    const [first, second] = runs.map(flat);
    for (const name of new Set([...first.keys(), ...second.keys()])) {
      const [a, b] = [first.get(name), second.get(name)];
      const spread = Math.hypot(a?.sigma ?? NaN, b?.sigma ?? NaN);
      rows.push([name, a ? measured(a.value, a.sigma) : "–", b ? measured(b.value, b.sigma) : "–", spread > 0 ? `${digits((b.value - a.value) / spread, 2)} σ` : ""]);
    }
    for (const each of [...setup, ...versions]) rows.push([each.key, String(each.first ?? "–"), String(each.second ?? "–"), "changed"]);
    for (const each of files) rows.push([each.key, "", "", "another content"]);
    fill($("compared").tBodies[0], rows);
  }

  // --- the next run

  async _form() {
    const workers = await this.link.json("/api/next-run");
    this.formShown = true;
    const sets = workers.filter((worker) => worker.parameters.length).map((worker) => {
      const fields = (list) => el("div", { class: "worker-fields" }, ...list.map((each) => this._field(worker.name, each)));
      const given = worker.parameters.filter((each) => each.value != null);
      const usual = worker.parameters.filter((each) => each.value == null);
      const more = usual.length ? el("details", {}, el("summary", {}, given.length ? `${usual.length} more` : `${usual.length}, all as usual`), fields(usual)) : null;
      return el("fieldset", {}, el("legend", {}, worker.function === worker.name ? worker.name : `${worker.name} (${worker.function})`), given.length ? fields(given) : null, more);
    });
    $("next-fields").replaceChildren(...sets);
    $("next-run").hidden = false;
  }

  _field(worker, { name, type, unit, meaning: said, default: written, value, choices }) {
    const before = value ?? "";
    const meaning = said.replaceAll("`", "");
    const usual = written === "None" ? "" : written?.replace(/^'(.*)'$/, "$1");
    const shared = { "data-worker": worker, "data-name": name, "data-before": before, title: meaning };
    const input = choices.length
      ? el("select", shared, ...(value == null ? [el("option", { value: "" }, `${usual} (as usual)`.trim())] : []), ...choices.map((each) => el("option", { value: each }, each)))
      : el("input", { ...shared, placeholder: usual == null ? "" : usual, spellcheck: "false" });
    input.value = before;
    input.addEventListener("input", () => input.classList.toggle("changed", input.value !== before));
    return el("label", { title: meaning }, `${name}${unit && !name.toLowerCase().endsWith(unit.toLowerCase()) ? ` (${unit})` : ""}`, input, el("small", {}, meaning || type));
  }

  async _start() {
    const changes = {};
    for (const input of $("next-fields").querySelectorAll("[data-worker]")) {
      const { worker, name, before } = input.dataset;
      if (input.value === before) continue;
      (changes[worker] ??= {})[name] = input.value;
    }
    const number = (id) => (Number($(id).value) > 0 ? Number($(id).value) : null);
    const body = { changes, comment: $("next-comment").value, runtime_s: number("next-time"), events: number("next-events") };
    $("next-start").disabled = true;
    $("next-trouble").hidden = true;
    try {
      const { number: begun } = await this.link.json("/api/next-run", { method: "POST", body });
      this.formShown = false;
      this.link.say(`Run ${begun} has begun`);
      this.link.view("run");
    } catch (error) {
      setText($("next-trouble"), error.message);
      $("next-trouble").hidden = false;
    } finally {
      $("next-start").disabled = false;
    }
  }
}
