// What web_drawing.py has drawn: the same frames by the page's own module, by uPlot, or by Bokeh.

const name = location.hash.slice(1);
const POINTS = 2000;
const BOX = document.getElementById("box");
const COLOURS = ["#0072b2", "#d55e00", "#00875f", "#b1568a"];
const [LABEL_X, LABEL_Y] = ["time after trigger (µs)", "signal (mV)"];
const xs = Float64Array.from({ length: POINTS }, (_, n) => n * 0.0085);

function curves(k) {
  return COLOURS.map((_, c) => Float32Array.from({ length: POINTS }, (_v, n) => {
    const t = n - 300 - 60 * c;
    return (t < 0 ? 0 : 80 * Math.exp(-t / 150)) * (1 - c / 5) + 2 * (((n * 7919 + k * 104729 + c * 31) % 1000) / 1000 - 0.5);
  }));
}
const frames = Array.from({ length: 16 }, (_, k) => curves(k));

const drawers = {
  async own() {
    const { Plot } = await import("./plot.js");
    const plot = new Plot(BOX, { xLabel: LABEL_X, yLabel: LABEL_Y });
    plot.setHome([0, 17], [-10, 90]);
    return (frame) => {
      plot.series = frame.map((values, number) => ({ kind: "wave", name: `ch${number}`, number, values, x0: 0, dx: 0.0085, width: 0 }));
      plot.draw();
    };
  },
  async uPlot() {
    const series = COLOURS.map((stroke, c) => ({ label: `ch${c}`, stroke, width: 1.25, points: { show: false } }));
    const scales = { x: { time: false, range: [0, 17] }, y: { range: [-10, 90] } };
    const options = { width: 1200, height: 600, legend: { show: false }, scales, axes: [{ label: LABEL_X }, { label: LABEL_Y }], series: [{}, ...series] };
    const plot = new uPlot(options, [xs, ...frames[0]], BOX);
    return (frame) => plot.setData([xs, ...frame]);
  },
  async Bokeh() {
    const data = (frame) => ({ x: xs, ...Object.fromEntries(frame.map((values, c) => [`y${c}`, values])) });
    const source = new Bokeh.ColumnDataSource({ data: data(frames[0]) });
    const figure = Bokeh.Plotting.figure({ width: 1200, height: 600, x_range: [0, 17], y_range: [-10, 90], x_axis_label: LABEL_X, y_axis_label: LABEL_Y });
    COLOURS.forEach((color, c) => figure.line({ field: "x" }, { field: `y${c}` }, { source, color, line_width: 1.25 }));
    await Bokeh.Plotting.show(figure, BOX);
    return (frame) => { source.data = data(frame); };
  },
};

window.drawn = 0;
window.took = [];
const show = await drawers[name]();
let next = 0;
let waiting = false;
setInterval(() => {
  next += 1;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    const began = performance.now();
    waiting = false;
    show(frames[next % 16]);
    window.took.push(performance.now() - began);
    window.drawn += 1;
  });
}, 50);
