// The picture of the graph: laid out once, and updated in place with each frame.

import { s, text, percent } from "./format.js";
import { NodeCard, WIDTH } from "./node.js";

const LABEL = { width: 60, height: 18 };

export class Graph {
  constructor(svg, hello, frame, onSelect) {
    this.svg = svg;
    this.hello = hello;
    this.onSelect = onSelect;
    this.selected = -1;
    this.cards = hello.nodes.map((n, i) => new NodeCard(n, frame.nodes[i], i));
    this.layout();
    svg.onclick = (e) => this.pick(e.target.closest(".node"));
    svg.onkeydown = (e) => this.key(e);
    svg.onfocusin = (e) => {
      const node = e.target.closest(".node");
      if (node) this.cards[+node.dataset.index].label();
    };
  }

  /** Whether the cards have room for the layers of a frame: a section has none before it has begun. */
  fits(frame) {
    return frame.nodes.every((n, i) => (n.layers || []).length === this.cards[i].layers);
  }

  /** From left to right on wide screens, from top to bottom on narrow ones. */
  layout() {
    const down = this.svg.parentElement.clientWidth < 700;
    this.down = down;
    const g = new dagre.graphlib.Graph({ multigraph: true });
    g.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 40, ranksep: down ? 46 : 10, edgesep: 16, marginx: 16, marginy: 32 });
    g.setDefaultEdgeLabel(() => ({}));
    this.cards.forEach((c, i) => g.setNode(String(i), { width: WIDTH, height: c.height }));
    this.hello.edges.forEach(([from, to], i) => g.setEdge(String(from), String(to), { ...LABEL, labelpos: "c", minlen: 1 }, String(i)));
    dagre.layout(g);
    this.draw(g);
  }

  draw(g) {
    const { width, height } = g.graph();
    this.svg.setAttribute("viewBox", `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
    this.svg.setAttribute("aria-label", `Graph of ${this.cards.length} stages. The arrow keys follow the edges, Enter shows a stage.`);
    const hatch = s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { class: "hatch-a", width: 6, height: 6 }), s("line", { class: "hatch-b", x1: 0, y1: 0, x2: 0, y2: 6 }));
    this.edges = this.hello.edges.map(([from, to], i) => this.edge(g.edge(String(from), String(to), String(i)), i));
    this.places = this.cards.map((c, i) => g.node(String(i)));
    this.cards.forEach((c, i) => {
      const { x, y } = this.places[i];
      c.el.setAttribute("transform", `translate(${x - WIDTH / 2} ${y - c.height / 2})`);
      c.el.setAttribute("tabindex", i === Math.max(0, this.selected) ? "0" : "-1");
    });
    this.svg.replaceChildren(s("defs", {}, hatch), ...this.edges.map((e) => e.el), ...this.cards.map((c) => c.el));
  }

  /** Sets how large the picture is. "fit" shows all of it, unless it would be too small to read. */
  zoom(to) {
    const [, , width, height] = this.svg.getAttribute("viewBox").split(" ").map(Number);
    const box = this.svg.parentElement;
    const all = Math.min(1.15, (box.clientWidth - 2) / width);
    const least = this.down ? 0.5 : 0.58;
    this.scale = to === "fit" ? Math.max(all, least) : to === "all" ? Math.min(all, (box.clientHeight - 2) / height) : Math.min(2, Math.max(0.1, to));
    this.svg.setAttribute("width", Math.round(width * this.scale));
    this.svg.setAttribute("height", Math.round(height * this.scale));
  }

  edge(route, i) {
    const run = s("path", { class: "run", d: curve(route.points), "stroke-width": 1.5 });
    const head = s("path", { class: "head", d: arrow(route.points) });
    const box = s("rect", { x: -LABEL.width / 2, y: -9, width: LABEL.width, height: 18, rx: 9 });
    const label = s("text", { y: 4 });
    const title = s("title");
    const el = s("g", { class: "edge", "data-edge": i }, title, run, head,
      s("g", { transform: `translate(${route.x} ${route.y})` }, box, label));
    return { el, run, label, title, box };
  }

  update(frame) {
    frame.nodes.forEach((n, i) => this.cards[i].update(n, frame.begins.includes(i)));
    frame.edges.forEach((e, i) => {
      const d = this.edges[i];
      const fill = e.capacity ? e.items / e.capacity : 0;
      d.run.setAttribute("stroke-width", (1.5 + 4.5 * Math.min(1, fill)).toFixed(1));
      d.el.classList.toggle("full", e.full >= 10);
      d.el.classList.toggle("fused", !!e.fused);
      text(d.label, e.full >= 10 ? `full ${percent(e.full)}` : `${e.items}/${e.capacity}`);
      const [from, to] = this.hello.edges[i].map((n) => this.hello.nodes[n].name);
      text(d.title, `${from} to ${to}: ${e.items} of ${e.capacity} items, full ${percent(e.full)} of the time`);
    });
  }

  select(i) {
    this.selected = i;
    this.cards.forEach((c, j) => {
      c.el.setAttribute("aria-pressed", String(i === j));
      c.el.setAttribute("tabindex", j === Math.max(0, i) ? "0" : "-1");
    });
  }

  pick(node) {
    if (node) this.onSelect(+node.dataset.index);
  }

  /** Enter and Space show a stage. Arrows go along the edges, and across to the next stage. */
  key(e) {
    const node = e.target.closest(".node");
    if (!node) return;
    const i = +node.dataset.index;
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      return this.onSelect(i);
    }
    const along = this.down ? { ArrowDown: 1, ArrowUp: -1 } : { ArrowRight: 1, ArrowLeft: -1 };
    const across = this.down ? { ArrowRight: 1, ArrowLeft: -1 } : { ArrowDown: 1, ArrowUp: -1 };
    let to = -1;
    if (e.key in along) to = this.follow(i, along[e.key]);
    if (e.key in across) to = this.beside(i, across[e.key]);
    if (e.key === "Home") to = 0;
    if (e.key === "End") to = this.cards.length - 1;
    if (to < 0) return;
    e.preventDefault();
    this.focus(to);
  }

  /** The stage that has the keyboard, -1 for none. */
  focused() {
    return this.cards.findIndex((c) => c.el === document.activeElement);
  }

  focus(i) {
    this.cards.forEach((c, j) => c.el.setAttribute("tabindex", i === j ? "0" : "-1"));
    this.cards[i].el.focus();
  }

  follow(i, way) {
    for (const [from, to] of this.hello.edges) {
      if (way > 0 && from === i) return to;
      if (way < 0 && to === i) return from;
    }
    return -1;
  }

  beside(i, way) {
    const along = this.down ? "y" : "x", across = this.down ? "x" : "y";
    const at = this.places[i];
    let best = -1, least = Infinity;
    this.places.forEach((p, j) => {
      const far = (p[across] - at[across]) * way;
      const cost = far + 3 * Math.abs(p[along] - at[along]);
      if (far > 1 && cost < least) [best, least] = [j, cost];
    });
    return best;
  }
}

/** A smooth line through the points. */
function curve(points) {
  const p = points;
  let d = `M${p[0].x} ${p[0].y}`;
  for (let i = 1; i < p.length - 1; i++) {
    const x = (p[i].x + p[i + 1].x) / 2, y = (p[i].y + p[i + 1].y) / 2;
    d += ` Q${p[i].x} ${p[i].y} ${x} ${y}`;
  }
  const end = p[p.length - 1];
  return d + ` L${end.x} ${end.y}`;
}

/** The head of an arrow at the last point. */
function arrow(points) {
  const b = points[points.length - 1], a = points[points.length - 2];
  const t = Math.atan2(b.y - a.y, b.x - a.x);
  const at = (dx, dy) => `${(b.x + dx * Math.cos(t) - dy * Math.sin(t)).toFixed(1)} ${(b.y + dx * Math.sin(t) + dy * Math.cos(t)).toFixed(1)}`;
  return `M${at(0, 0)} L${at(-10, 5.5)} L${at(-10, -5.5)} Z`;
}
