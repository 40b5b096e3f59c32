// The ledger: what came in, and where it is now.

import { h, text, count, $ } from "./format.js";

const CAME = [["in", "Brought by sources"], ["derived", "Derived inside"], ["recovered", "Recovered from failure"]];
const WENT = [
  ["out", "Delivered to sinks", "out"], ["folded", "Folded into other items", "gone"], ["filtered", "Filtered on purpose", "gone"],
  ["failed", "Failed", "lost"], ["shed", "Shed", "lost"], ["expired", "Expired", "lost"], ["dead_lettered", "Dead-lettered", "lost"], ["handed_back", "Handed back to its source", "gone"],
  ["inside", "Still inside", "inside"],
];

export class Ledger {
  constructor(box) {
    this.bars = Object.fromEntries(["out", "gone", "lost", "inside"].map((k) => [k, h("i", { class: k })]));
    this.cells = {};
    const row = ([key, name, dot]) => {
      const cell = h("td", { class: "n", "data-ledger": key });
      const tr = h("tr", {}, h("th", { scope: "row" }, dot ? h("i", { class: "dot " + dot }) : null, name), cell);
      this.cells[key] = { cell, tr };
      return tr;
    };
    const total = (key, name) => {
      const tr = row([key, name]);
      tr.classList.add("total");
      return tr;
    };
    box.replaceChildren(
      h("div", { class: "ledger-bar", "aria-hidden": "true" }, ...Object.values(this.bars)),
      h("table", { class: "ledger" }, h("caption", { class: "sr" }, "What came in, and what became of it"),
        h("tbody", {}, ...CAME.map(row), total("came", "Came in")),
        h("tbody", {}, ...WENT.map(row), total("went", "Accounted for"))));
  }

  update(f) {
    const l = { ...f.ledger, inside: f.inside };
    const sum = (keys) => keys.reduce((n, [key]) => n + l[key], 0);
    l.came = sum(CAME);
    l.went = sum(WENT);
    for (const [key, { cell, tr }] of Object.entries(this.cells)) {
      text(cell, count(l[key]));
      tr.classList.toggle("zero", l[key] === 0);
    }
    const all = Math.max(1, l.went);
    const parts = { out: l.out, inside: l.inside, gone: l.folded + l.filtered + l.handed_back, lost: l.failed + l.shed + l.expired + l.dead_lettered };
    for (const [key, n] of Object.entries(parts)) this.bars[key].style.width = (100 * Math.max(0, n)) / all + "%";
    this.verdict(f, l);
  }

  verdict(f, l) {
    const ended = f.state === "ended";
    const good = l.came === l.went && l.inside >= 0 && (!ended || l.inside === 0);
    const e = $("balance");
    e.className = "verdict " + (good ? "good" : "bad");
    text(e, !good ? "✕ does not add up" : ended ? "✓ adds up, nothing inside" : "✓ adds up");
  }
}
