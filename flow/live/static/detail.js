// The details of one stage, and its controls.

import { h, text, rate, percent, count, duration, plural } from "./format.js";
import { post } from "./post.js";

const FIGURES = [
  ["In", (n) => rate(n.in) + "/s"],
  ["Out", (n) => rate(n.out) + "/s"],
  ["Busy", (n) => percent(n.busy)],
  ["Waiting for items", (n) => percent(n.wait)],
  ["Held back", (n) => percent(n.held)],
  ["Calls now", (n) => count(n.calls) + (n.workers ? " of " + plural(n.workers, "worker") : "")],
  ["Mean call", (n) => (n.mean ? duration(n.mean) : "n/a")],
  ["Longest call", (n) => (n.longest ? duration(n.longest) : "n/a")],
];

const PERCENTILES = [["waits", "Wait"], ["works", "Work"], ["ages", "Age"]];

const LEDGER = [
  ["in", "Came in"], ["derived", "Derived"], ["recovered", "Recovered"], ["out", "Went out"], ["folded", "Folded"], ["filtered", "Filtered"],
  ["failed", "Failed"], ["shed", "Shed"], ["expired", "Expired"], ["dead_lettered", "Dead-lettered"],
  ["handed_back", "Handed back"],
];

export class Detail {
  constructor(box, hello, i, onClose) {
    this.box = box;
    this.index = i;
    this.hello = hello;
    const n = hello.nodes[i];
    this.figures = FIGURES.map(([name, show]) => ({ show, el: h("dd"), name }));
    this.ledger = LEDGER.map(([key, name]) => ({ key, dt: h("dt", {}, name), el: h("dd", { "data-ledger": key }) }));
    this.inside = h("dd");
    this.percentiles = PERCENTILES.map(([key, name]) => this.makePercentiles(key, name));
    this.layers = h("div");
    this.said = h("p", { class: "said", role: "status" });
    this.controls = hello.controls ? this.makeControls(n) : "";
    box.replaceChildren(...[
      h("header", {}, h("h2", { id: "detail-title", tabindex: "-1" }, n.name),
        h("span", { class: "muted" }, n.kind + (n.detail ? ": " + n.detail : "")),
        h("button", { type: "button", class: "quiet", "aria-label": "Close the details", onclick: onClose }, "✕ close")),
      h("div", { class: "parts" },
        h("div", {}, h("h3", {}, "Now"), h("dl", {}, ...this.figures.flatMap((f) => [h("dt", {}, f.name), f.el]))),
        h("div", {}, h("h3", {}, "Ledger"), h("dl", {}, ...this.ledger.flatMap((l) => [l.dt, l.el]), h("dt", {}, "Inside"), this.inside)),
        (this.percentilesBox = h("div", {}, h("h3", { id: "percentiles-title" }, "Percentiles since the start"),
          h("table", { class: "percentiles", "aria-labelledby": "percentiles-title" },
            h("thead", {}, h("tr", {}, h("td"), ...["p50", "p90", "p99"].map((p) => h("th", { scope: "col", class: "n" }, p)))),
            h("tbody", {}, ...this.percentiles.map((p) => p.row))))),
        (this.layersBox = h("div", {}, h("h3", {}, "Layers"), this.layers)),
        h("div", {}, this.controls, this.said, h("h3", {}, "Function"), h("p", { class: "muted wrap" }, n.function || "n/a"))),
    ]);
    box.hidden = false;
  }

  /** A row of the table of percentiles. */
  makePercentiles(key, name) {
    const cells = [0, 1, 2].map(() => h("td", { class: "n" }));
    return { key, cells, row: h("tr", { "data-figure": key }, h("th", { scope: "row" }, name), ...cells) };
  }

  makeControls(n) {
    const box = h("div", { class: "controls" }, h("h3", {}, "Controls"));
    if (n.kind === "source") {
      this.pause = h("button", { type: "button", id: "pause", onclick: () => this.order(this.paused ? "resume" : "pause", n.name) }, "Pause");
      box.append(h("div", { class: "set" }, this.pause));
    }
    this.workersBox = h("div", { class: "set", hidden: true });
    box.append(this.workersBox);
    this.guardBox = h("div");
    box.append(this.guardBox);
    return box;
  }

  /** A number that can be set. */
  setter(id, label, value, action, name) {
    const input = h("input", { id, type: "number", min: "1", value: String(value) });
    return [h("label", { for: id }, label), input,
      h("button", { type: "button", onclick: () => this.order(action, name, +input.value) }, "Set")];
  }

  async order(action, name, n) {
    const done = { pause: "Paused.", resume: "Goes on.", workers: "Workers set.", capacity: "Capacity set." }[action];
    const { error } = await post("control", { action, name, n: n || 0 });
    this.said.classList.toggle("bad", !!error);
    text(this.said, error || done);
  }

  update(frame) {
    const f = frame.nodes[this.index];
    for (const { el, show } of this.figures) text(el, show(f));
    for (const { key, dt, el } of this.ledger) {
      text(el, count(f.ledger[key]));
      dt.hidden = el.hidden = f.ledger[key] === 0 && key !== "in" && key !== "out";
    }
    text(this.inside, count(f.inside));
    this.percentilesBox.hidden = !PERCENTILES.some(([key]) => f[key]);
    for (const { key, row, cells } of this.percentiles) {
      row.hidden = !f[key];
      if (f[key]) cells.forEach((cell, i) => text(cell, duration(f[key][i])));
    }
    this.paused = f.paused;
    if (this.pause) text(this.pause, f.paused ? "Resume" : "Pause");
    if (this.controls) this.updateControls(f, frame.state === "ended");
    this.layersBox.hidden = !(f.layers || []).length;
    this.updateLayers(f.layers || []);
  }

  updateControls(f, ended) {
    const n = this.hello.nodes[this.index];
    if (f.workers && !this.workersBox.children.length) {
      this.workersBox.hidden = false;
      this.workersBox.append(...this.setter("workers", "Workers", f.workers, "workers", n.name));
    }
    for (const l of f.layers || []) {
      if (l.kind !== "guard" || !this.hello.guards.includes(l.name) || this.guardBox.querySelector(`[data-guard="${CSS.escape(l.name)}"]`)) continue;
      this.guardBox.append(h("div", { class: "set", "data-guard": l.name }, ...this.setter("capacity-" + l.name, "Capacity", l.limit, "capacity", l.name)));
    }
    for (const b of this.controls.querySelectorAll("button")) b.disabled = ended;
    this.controls.hidden = !this.pause && !this.workersBox.children.length && !this.guardBox.children.length;
  }

  updateLayers(layers) {
    layers.forEach((l, i) => {
      if (!this.layers.children[i]) {
        this.layers.append(h("div", { class: "layer" }, h("b"), " ", h("span", { class: "tag", hidden: true }), h("div", { class: "muted" }), l.use === undefined ? null : h("meter", { min: "0", max: "100", "aria-label": l.kind + " in use" })));
      }
      const [name, tag, words, meter] = this.layers.children[i].children;
      text(name, l.kind + (l.name ? " “" + l.name + "”" : ""));
      tag.hidden = !l.level;
      tag.dataset.level = l.level || "";
      text(tag, { warn: "! attention", bad: "✕ trouble" }[l.level] || "");
      text(words, l.text);
      if (meter) meter.value = l.use;
    });
  }
}
