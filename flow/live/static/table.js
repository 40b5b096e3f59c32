// The graph as a table: the same figures, for screen readers and for those who compare.

import { h, text, rate, percent, count, duration } from "./format.js";

const COLUMNS = [
  ["in", "In/s", (n) => rate(n.in)],
  ["out", "Out/s", (n) => rate(n.out)],
  ["busy", "Busy", (n) => percent(n.busy)],
  ["wait", "Waiting", (n) => percent(n.wait)],
  ["held", "Held back", (n) => percent(n.held)],
  ["workers", "Workers", (n) => (n.workers ? count(n.workers) : "–")],
  ["mean", "Mean call", (n) => (n.mean ? duration(n.mean) : "–")],
  ["total-in", "In", (n) => count(n.ledger.in)],
  ["total-out", "Out", (n) => count(n.ledger.out)],
  ["inside", "Inside", (n) => count(n.inside)],
  ["failed", "Failed", (n) => count(n.ledger.failed)],
  ["dead", "Dead letters", (n) => count(n.ledger.dead_lettered)],
  ["returned", "Handed back", (n) => count(n.ledger.handed_back)],
];

export class StageTable {
  constructor(box, hello, onSelect) {
    this.hello = hello;
    this.rows = hello.nodes.map((n, i) => this.row(n, i, onSelect));
    this.edges = hello.edges.map(([from, to]) => this.edge(hello.nodes[from].name, hello.nodes[to].name));
    const head = (names) => h("thead", {}, h("tr", {}, ...names.map(([name, n]) => h("th", { scope: "col", class: n ? "n" : null }, name))));
    box.replaceChildren(
      h("table", { id: "stage-table" }, h("caption", {}, "Stages, in the order in which they were added"),
        head([["Stage"], ["Kind"], ...COLUMNS.map((c) => [c[1], true]), ["Layers and state"]]),
        h("tbody", {}, ...this.rows.map((r) => r.el))),
      h("table", { id: "edge-table" }, h("caption", {}, "Edges"),
        head([["From"], ["To"], ["Items", true], ["Capacity", true], ["Full", true], ["State"]]),
        h("tbody", {}, ...this.edges.map((r) => r.el))));
  }

  row(n, i, onSelect) {
    const cells = COLUMNS.map(([id]) => h("td", { class: "n", "data-figure": id }));
    const state = h("td", { class: "wrap", "data-figure": "state" });
    const name = h("button", { type: "button", class: "quiet", onclick: () => onSelect(i) }, n.name);
    return { el: h("tr", { "data-stage": n.name }, h("th", { scope: "row" }, name), h("td", {}, n.kind), ...cells, state), cells, state };
  }

  edge(from, to) {
    const cells = ["items", "capacity", "full"].map((id) => h("td", { class: "n", "data-figure": id }));
    const state = h("td", {});
    return { el: h("tr", { "data-edge": from + " > " + to }, h("th", { scope: "row" }, from), h("td", {}, to), ...cells, state), cells, state };
  }

  update(f) {
    f.nodes.forEach((n, i) => {
      const r = this.rows[i];
      COLUMNS.forEach(([id, , show], j) => {
        text(r.cells[j], show(n));
        if (id === "failed" || id === "dead") r.cells[j].classList.toggle("alarm", show(n) !== "0");
        if (id === "held") r.cells[j].classList.toggle("warned", n.held >= 10);
      });
      const words = (n.layers || []).map((l) => l.kind + ": " + l.text);
      if (n.paused) words.unshift("paused");
      if (n.ended) words.unshift("ended");
      if (f.begins.includes(i)) words.unshift("▲ backpressure begins here");
      text(r.state, words.join("; "));
    });
    f.edges.forEach((e, i) => {
      const r = this.edges[i];
      text(r.cells[0], count(e.items));
      text(r.cells[1], count(e.capacity));
      text(r.cells[2], percent(e.full));
      r.cells[2].classList.toggle("warned", e.full >= 10);
      text(r.state, e.blocked ? "sender waits" : e.fused ? "shared goroutine" : "");
    });
  }
}
