// The data flow: boxes and arrows where the gateway has laid them out, with the counts of now.

import { count, rate, setText, svg } from "./dom.js";

const MARGIN = 8;
const LEAST_SCALE = 0.8;
const BEND = 0.45;

export class Flow {
  constructor(picture) {
    this.picture = picture;
    this.counts = new Map();
    this.levels = new Map();
  }

  setLayout({ size, nodes, edges }) {
    const [width, height] = size;
    this.counts.clear();
    this.levels.clear();
    this.picture.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`);
    this.picture.style.minWidth = `calc(${LEAST_SCALE * width}px * var(--zoom))`; // what is wider is scrolled
    this.picture.style.width = `calc(${width + 2 * MARGIN}px * var(--zoom))`;
    const tip = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8z" }));
    const routes = edges.map((edge) => this._edge(edge));
    const boxes = nodes.map((node) => this._node(node));
    this.picture.replaceChildren(svg("defs", {}, tip), ...routes.map(([path]) => path), ...boxes, ...routes.map(([, text]) => text));
  }

  _edge({ from, to, kind, points }) {
    let path = `M${points[0]}`;
    for (let n = 1; n < points.length; n += 1) {
      const [[x0, y0], [x1, y1]] = [points[n - 1], points[n]];
      const bend = (x1 - x0) * BEND;
      path += `C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
    }
    const [start, end] = [points[0], points.at(-1)];
    // Where edges do not meet: above the middle of one that is straight, else on its end.
    const straight = Math.abs(start[1] - end[1]) < 1;
    const place = straight ? { x: (start[0] + end[0]) / 2, y: end[1] - 6, "text-anchor": "middle" } : { x: end[0] - 12, y: end[1] + 4, "text-anchor": "end" };
    const text = svg("text", { class: "count on-edge", ...place });
    this.counts.set(`${from}|${to}`, text);
    return [svg("path", { class: `edge ${kind}`, d: path, "marker-end": "url(#tip)" }), text];
  }

  _node({ kind, name, box: [x, y, width, height] }) {
    const shown = name.length > 24 ? `${name.slice(0, 23)}…` : name;
    const title = svg("title", {}, name);
    const text = svg("text", { x: x + width / 2, y: y + 19, "text-anchor": "middle" }, shown);
    const detail = svg("text", { class: "count", x: x + width / 2, y: y + 36, "text-anchor": "middle" });
    this.counts.set(`${kind === "buffer" ? "buffer" : "worker"}|${name}`, detail);
    const parts = [title, svg("rect", { class: kind, x, y, width, height, rx: kind === "buffer" ? 2 : 12 })];
    if (kind === "buffer") {
      const level = svg("rect", { class: "level", x, y: y + height - 4, width: 0, height: 4 });
      this.levels.set(name, [level, width]);
      parts.push(level);
    }
    return svg("g", {}, ...parts, text, detail);
  }

  _say(key, text) {
    const node = this.counts.get(key);
    if (node) setText(node, text);
  }

  take(run) {
    const published = new Map(run.buffers.map((buffer) => [buffer.name, buffer]));
    for (const buffer of run.buffers) {
      this._say(`buffer|${buffer.name}`, `${buffer.filled} of ${buffer.slots} · ${rate(buffer.throughput_hz)}`);
      const [level, width] = this.levels.get(buffer.name) ?? [];
      level?.setAttribute("width", buffer.slots ? (width * buffer.filled) / buffer.slots : 0);
      for (const group of buffer.groups) this._say(`buffer,${buffer.name}|worker,${group.reader}`, count(group.acknowledged));
    }
    const decided = new Map(run.decisions.map((each) => [each.name, each.accepted_for]));
    for (const [key] of this.counts) {
      const [from, to] = key.split("|").map((part) => part.split(","));
      if (from[0] !== "worker" || to?.[0] !== "buffer") continue;
      const accepted = decided.get(from.slice(1).join(","))?.[to.slice(1).join(",")];
      this._say(key, count(accepted ?? published.get(to.slice(1).join(","))?.published));
    }
    for (const worker of run.workers) {
      const many = worker.processes.length > 1 ? `${worker.processes.length} processes` : worker.function === worker.name ? "" : worker.function.slice(0, 22);
      this._say(`worker|${worker.name}`, many);
    }
  }
}
