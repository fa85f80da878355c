// Small things that all parts of the page use. Texts of a run only ever become text nodes.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null).map((c) => (c instanceof Node ? c : String(c))));
  return made;
}

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Put rows into a table without touching cells that have not changed: the selection of text stays.
export function fill(body, rows) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, number) => {
    const row = body.rows[number] ?? body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach((content, column) => {
      const cell = row.cells[column] ?? row.insertCell();
      if (content instanceof Node) cell.replaceChildren(content);
      else setText(cell, content ?? "");
    });
  });
}

export function setText(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

const NUMBER = new Intl.NumberFormat("en-US");
export const count = (value) => (value == null ? "–" : NUMBER.format(Math.round(value)).replaceAll(",", "\u202f"));

export function digits(value, significant = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) return value == null ? "–" : String(value);
  if (value < 0) return `\u2212${digits(-value, significant)}`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(significant - 1).replace(/\.?0+e/, "e").replace("e+", "e").replace("e-", "e\u2212");
  const text = value.toPrecision(significant);
  return Number(text) === value && size < 1e4 ? String(value) : String(Number(text));
}

export function rate(hertz) {
  if (hertz == null) return "–";
  if (hertz >= 1e6) return `${digits(hertz / 1e6, 3)} MHz`;
  if (hertz >= 1e3) return `${digits(hertz / 1e3, 3)} kHz`;
  return `${digits(hertz, 3)} Hz`;
}

// A value and its uncertainty, both rounded to two digits of the latter.
export function measured(value, sigma) {
  if (Number.isInteger(value) && !(sigma > 0)) return count(value);
  if (typeof value !== "number" || !(sigma > 0)) return digits(value, 4);
  const place = Math.min(12, 1 - Math.floor(Math.log10(sigma)));
  if (place < 0) {
    const step = 10 ** -place;
    return `${Math.round(value / step) * step} ± ${Math.round(sigma / step) * step}`;
  }
  return `${value.toFixed(place)} ± ${sigma.toFixed(place)}`;
}

export const percent = (part) => (part == null ? "–" : `${digits(100 * part, part < 0.1 ? 2 : 3)} %`);

export function bytes(value) {
  if (value == null) return "–";
  for (const [unit, size] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= size) return `${digits(value / size, 3)} ${unit}`;
  }
  return `${value} B`;
}

export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) return `${parts[1]}:${String(parts[2]).padStart(2, "0")} min`;
  return `${parts[0]}:${String(parts[1]).padStart(2, "0")}:${String(parts[2]).padStart(2, "0")} h`;
}

export function bar(part, kind = "") {
  const inner = el("span", { class: `filled ${kind}` });
  inner.style.width = `${100 * Math.max(0, Math.min(1, part ?? 0))}%`;
  return el("span", { class: "bar", role: "img", "aria-label": percent(part) }, inner);
}
