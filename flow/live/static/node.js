// The card of a stage in the picture.

import { s, text, rate, percent, plural, count, duration } from "./format.js";

export const WIDTH = 224;
const PAD = 14;
const BAR = WIDTH - 2 * PAD;

const cut = (t, n) => (t.length > n ? t.slice(0, n - 1) + "…" : t);
const SIGN = { warn: "! ", bad: "✕ ", "": "" };

/** The text of a layer's chip. */
const chipText = (l) => SIGN[l.level || ""] + l.kind + (l.short ? " " + l.short : "");

/** How wide the chip of a layer is, for the widest text that it may have. */
const WIDE = { guard: 86, dedup: 104, retry: 118, breaker: 130, limiter: 104 };
const widthOf = (l) => Math.min(BAR, WIDE[l.kind] || l.kind.length * 6.3 + (l.short || "").length * 6.3 + 40);

/** Where the chips of the layers go. */
function chipRows(layers) {
  const rows = [[]];
  let x = 0;
  for (const l of layers || []) {
    const w = widthOf(l);
    if (x > 0 && x + w > BAR) {
      rows.push([]);
      x = 0;
    }
    rows[rows.length - 1].push({ x, w });
    x += w + 6;
  }
  return rows[0].length ? rows : [];
}

/** What has gone wrong most often at a stage, in words. */
function worst(l) {
  const all = [[l.failed, "failed"], [l.dead_lettered, l.dead_lettered === 1 ? "dead letter" : "dead letters"], [l.shed, "shed"], [l.expired, "expired"], [l.handed_back, "handed back"]];
  const [n, what] = all.reduce((a, b) => (b[0] > a[0] ? b : a));
  return n ? count(n) + " " + what : "";
}

export class NodeCard {
  constructor(info, frame, index) {
    this.info = info;
    this.layers = (frame.layers || []).length;
    this.rows = chipRows(frame.layers);
    this.height = 98 + this.rows.length * 24;
    this.parts = {};
    this.el = this.draw(index);
  }

  draw(index) {
    const p = this.parts;
    p.rate = s("tspan");
    const flow = s("text", { class: "rate", x: PAD, y: 50 }, p.rate, s("tspan", { class: "soft", dx: 5 }, "items/s"));
    p.role = s("text", { class: "soft", x: WIDTH - PAD, y: 50, "text-anchor": "end" });
    p.lost = s("text", { class: "lost", x: WIDTH - PAD, y: 36, "text-anchor": "end" });
    p.bb = s("rect", { class: "bb", x: PAD, y: 60, height: 8 });
    p.bh = s("rect", { class: "bh", y: 60, height: 8 });
    p.bw = s("rect", { class: "bw", y: 60, height: 8 });
    p.b = s("tspan", { class: "b" });
    p.w = s("tspan", { class: "w", dx: 9 });
    p.h = s("tspan", { class: "h", dx: 9 });
    p.chips = s("g", { transform: `translate(${PAD} 92)` });
    const flag = s("g", { class: "flag", transform: "translate(0 -22)" },
      s("rect", { width: WIDTH, height: 19, rx: 5 }), s("text", { x: 9, y: 13.5 }, "▲ backpressure begins here"));
    this.title = s("title");
    return s("g", { class: "node", role: "button", tabindex: "-1", "aria-pressed": "false", "data-index": index, "data-stage": this.info.name },
      this.title, flag,
      s("rect", { class: "card", width: WIDTH, height: this.height, rx: 10 }),
      s("rect", { class: "stripe", x: 1, y: 12, width: 4, height: this.height - 24, rx: 2 }),
      s("text", { class: "name", x: PAD, y: 25 }, cut(this.info.name, 25)),
      flow, p.role, p.lost,
      s("rect", { class: "track", x: PAD, y: 60, width: BAR, height: 8 }), p.bb, p.bh, p.bw,
      s("text", { class: "shares", x: PAD, y: 84 }, p.b, p.w, p.h), p.chips);
  }

  update(f, begins) {
    const p = this.parts;
    const flow = this.info.kind === "source" ? f.out : f.in;
    text(p.rate, rate(flow));
    text(p.role, this.role(f));
    const lost = worst(f.ledger);
    text(p.lost, lost ? "✕ " + lost : "");
    this.bar(f);
    this.chips(f.layers || []);
    this.el.dataset.mood = f.busy >= f.held && f.busy >= f.wait ? "busy" : f.held >= f.wait ? "held" : "wait";
    this.el.classList.toggle("begins", begins);
    this.el.classList.toggle("ended", !!f.ended);
    this.words = this.say(f);
    if (document.activeElement !== this.el) this.label();
  }

  /** The texts of the card are its name; what they leave out is its description. It is renewed when the card gets the focus, and not while it has it. */
  label() {
    if (this.said === this.words) return;
    this.said = this.words;
    this.el.setAttribute("aria-description", this.words);
    text(this.title, (this.info.detail ? this.info.detail + "\n" : "") + this.info.function);
  }

  role(f) {
    if (f.paused) return "⏸ paused";
    if (f.ended) return "■ ended";
    if (this.info.kind !== "stage") return this.info.kind + (f.workers > 1 ? " · " + plural(f.workers, "worker") : "");
    return f.workers ? plural(f.workers, "worker") : "stage";
  }

  bar(f) {
    const p = this.parts;
    const b = (BAR * f.busy) / 100, h = (BAR * f.held) / 100, w = (BAR * f.wait) / 100;
    p.bb.setAttribute("width", b);
    p.bh.setAttribute("x", PAD + b);
    p.bh.setAttribute("width", h);
    p.bw.setAttribute("x", PAD + b + h);
    p.bw.setAttribute("width", w);
    const source = this.info.kind === "source"; // what it waits for is outside
    if (source) {
      p.b.setAttribute("class", f.held > 0 ? "h" : "w");
      return text(p.b, f.held > 0 ? "held back " + percent(f.held) : "not held back");
    }
    text(p.b, "busy " + percent(f.busy));
    text(p.w, "waiting " + percent(f.wait));
    text(p.h, f.held > 0 ? "held " + percent(f.held) : "");
  }

  chips(layers) {
    const g = this.parts.chips;
    let i = 0;
    for (const [row, places] of this.rows.entries()) {
      for (const { x, w } of places) {
        const l = layers[i];
        if (!g.children[i]) {
          g.append(s("g", { class: "chip", transform: `translate(${x} ${row * 24})` },
            s("title"), s("rect", { width: w, height: 19, rx: 5 }), s("text", { x: 7, y: 13.5 })));
        }
        const chip = g.children[i++];
        if (!l) continue;
        chip.dataset.level = l.level || "";
        text(chip.children[0], l.text);
        text(chip.children[2], cut(chipText(l), Math.floor((w - 12) / 6)));
      }
    }
  }

  /** What a screen reader adds. */
  say(f) {
    const parts = [this.info.kind, "held back " + percent(f.held)];
    if (f.mean) parts.push("mean call " + duration(f.mean));
    for (const l of f.layers || []) parts.push(l.kind + " " + l.text);
    return parts.join(", ");
  }
}
