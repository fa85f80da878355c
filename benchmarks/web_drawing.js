// What web_drawing.py has drawn: the same frames by the page's own module, or by uPlot.

import { Plot } from "./plot.js";
const own = location.hash.includes("own");
const POINTS = 2000, BOX = document.getElementById("box");
const xs = Float64Array.from({ length: POINTS }, (_, n) => n * 0.0085);
const colours = ["#0072b2", "#d55e00", "#00875f", "#b1568a"];
function curves(k) {
  return colours.map((_, c) => Float32Array.from({ length: POINTS }, (_v, n) => {
    const t = n - 300 - 60 * c;
    return (t < 0 ? 0 : 80 * Math.exp(-t / 150)) * (1 - c / 5) + 2 * (((n * 7919 + k * 104729 + c * 31) % 1000) / 1000 - 0.5);
  }));
}
const frames = Array.from({ length: 16 }, (_, k) => curves(k));
let show;
if (own) {
  const plot = new Plot(BOX, { xLabel: "time after trigger (µs)", yLabel: "mV" });
  plot.setHome([0, 17], [-10, 90]);
  show = (k) => {
    plot.series = frames[k % 16].map((values, number) => ({ kind: "wave", name: `ch${number}`, number, values, x0: 0, dx: 0.0085, width: 0 }));
    plot.draw();
  };
} else {
  const series = colours.map((stroke, c) => ({ label: `ch${c}`, stroke, width: 1.25, points: { show: false } }));
  const plot = new uPlot({ width: 1200, height: 600, legend: { show: false }, scales: { x: { time: false, range: [0, 17] }, y: { range: [-10, 90] } },
    axes: [{ label: "time after trigger (µs)" }, { label: "mV" }], series: [{}, ...series] }, [xs, ...frames[0]], BOX);
  show = (k) => plot.setData([xs, ...frames[k % 16]]);
}
window.drawn = 0;
let next = 0, waiting = false;
setInterval(() => {
  next += 1;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; show(next); window.drawn += 1; });
}, 50);
