// The timeline: throughput, mean time inside and items inside, for the last five minutes.

import { h, text, rate, duration, count, clock } from "./format.js";

const KEPT = 300;

const CHARTS = [
  { id: "throughput", name: "Throughput", unit: "items/s", series: [["in", "in", "busy"], ["out", "out", "out"]], show: rate },
  { id: "age", name: "Mean time inside", unit: "", series: [["age", "", "busy"]], show: duration },
  { id: "inside", name: "Inside", unit: "items", series: [["inside", "", "busy"]], show: count },
];

/** The chart of the ages, in a run that keeps how they are distributed. */
const AGED = { ...CHARTS[1], name: "Age at sinks", series: [["p50", "p50", "busy"], ["p99", "p99", "held"]] };

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

export class Timeline {
  constructor(box, { history, aged }) {
    this.box = box;
    this.kinds = aged ? [CHARTS[0], AGED, CHARTS[2]] : CHARTS;
    this.data = { ...history, at: history.at.map((t) => t / 1000) };
    this.build();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(box);
  }

  /** Makes the charts; again if the colours have changed. */
  build() {
    for (const c of this.charts || []) c.plot.destroy();
    this.box.replaceChildren();
    this.charts = this.kinds.map((c) => this.chart(c));
    this.show();
  }

  chart(c) {
    const values = c.series.map((_, i) => h("span", { class: "v" }, h("i", { class: (i ? "two " : "one ") + c.series[i][2] }), h("span")));
    const at = h("span", { class: "muted num" });
    const canvas = h("div", { "aria-hidden": "true" });
    const el = h("div", { class: "chart", role: "img", id: "chart-" + c.id }, h("div", { class: "chart-head" }, h("b", {}, c.name), ...values, at), canvas);
    this.box.append(el);
    const made = { ...c, el, values, at };
    made.plot = new uPlot(this.options(made), this.columns(c), canvas);
    return made;
  }

  options(c) {
    const line = color("line"), muted = color("muted");
    const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return {
      width: Math.max(200, this.box.clientWidth), height: 128, padding: [8, 8, 0, 0],
      cursor: { sync: { key: "weir" }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
      legend: { show: false },
      scales: { x: { time: true, range: (_, min, max) => [Math.max(max, min + 60) - 300 > min ? max - 300 : min, Math.max(max, min + 60)] }, y: { range: (_, min, max) => [0, max > 0 ? max * 1.15 : 1] } },
      axes: [{ ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((t) => clock(t * 1000)) },
        { ...axis, space: 32, size: 64, values: (_, ticks) => ticks.map((v) => c.show(v)) }],
      series: [{}, ...c.series.map(([, label, paint], i) => ({
        label, stroke: color(paint), width: 2, dash: i ? [6, 3] : undefined,
        fill: i ? undefined : color(paint) + "22", points: { show: false }, spanGaps: false,
      }))],
      hooks: { setCursor: [(u) => this.values(c, u.cursor.idx)] },
    };
  }

  columns(c) {
    return [this.data.at, ...c.series.map(([key]) => this.data[key])];
  }

  add(f) {
    const d = this.data;
    if (d.at.length && f.at / 1000 <= d.at[d.at.length - 1]) return;
    d.at.push(f.at / 1000);
    for (const key of Object.keys(d)) if (key !== "at") d[key].push(f[key]);
    if (d.at.length > KEPT) for (const key of Object.keys(d)) d[key].shift();
    this.show();
  }

  show() {
    for (const c of this.charts) {
      c.plot.setData(this.columns(c));
      this.values(c, c.plot.cursor.idx);
    }
  }

  /** The figures at the cursor, or else the last ones. */
  values(c, idx) {
    const d = this.data, last = d.at.length - 1;
    const at = idx === null || idx === undefined ? last : idx;
    c.series.forEach(([key, label], i) => {
      const v = d[key][at];
      text(c.values[i].lastChild, `${label} ${at < 0 ? "n/a" : c.show(v)}${c.unit && typeof v === "number" ? " " + c.unit : ""}`);
    });
    text(c.at, at < 0 ? "" : at === last ? "now" : clock(d.at[at] * 1000));
    const [key] = c.series[0], known = d[key].filter((v) => typeof v === "number");
    const words = known.length ? `${c.name}: ${c.show(d[key][last])} ${c.unit} now, between ${c.show(Math.min(...known))} and ${c.show(Math.max(...known))}` : c.name + ": not known yet";
    if (c.said !== words) c.el.setAttribute("aria-label", (c.said = words));
  }

  resize() {
    const width = Math.max(200, this.box.clientWidth);
    for (const c of this.charts) if (Math.abs(c.plot.width - width) > 1) c.plot.setSize({ width, height: 128 });
  }

  stop() {
    this.sizes.disconnect();
    for (const c of this.charts) c.plot.destroy();
  }
}
