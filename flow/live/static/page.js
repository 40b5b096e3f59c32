// The page: it follows the events of the run and hands each frame to its parts.

import { $, h, text, rate, count, duration, clock, percent, plural } from "./format.js";
import { Graph } from "./graph.js";
import { StageTable } from "./table.js";
import { Detail } from "./detail.js";
import { Timeline } from "./timeline.js";
import { Ledger } from "./ledger.js";
import { Letters } from "./letters.js";

let hello = null, frame = null, source = null, retry = null, over = false;
let graph = null, table = null, detail = null, timeline = null, ledger = null, letters = null;

// ---- The connection

function connect() {
  clearTimeout(retry);
  if (source) source.close();
  source = new EventSource("events");
  source.addEventListener("hello", (e) => greet(JSON.parse(e.data)));
  source.addEventListener("frame", (e) => show(JSON.parse(e.data)));
  source.addEventListener("over", () => {
    over = true;
    source.close();
    retry = setTimeout(connect, 5000); // a new run may come
  });
  source.onerror = () => {
    source.close();
    lost();
    retry = setTimeout(connect, 2000);
  };
}

/** The server has gone. The last figures stay, and say how old they are. */
function lost() {
  document.body.dataset.connected = "false";
  const since = frame ? " The figures are those of " + clock(frame.at) + "." : "";
  notice("The server does not answer." + since + " The page tries again.");
  if (frame && frame.state === "ended") return;
  state("lost", "no connection");
}

function notice(words) {
  text($("notice"), words);
  $("notice").hidden = !words;
}

// ---- A run

/** The first event: what does not change in a run. A page that was connected before keeps what is open. */
function greet(it) {
  const same = hello && hello.run === it.run && hello.nodes.length === it.nodes.length;
  if (hello && hello.run !== it.run) say("This is a new run.");
  if (!same) select(-1);
  hello = it;
  frame = null;
  over = false;
  notice("");
  document.body.dataset.connected = "true";
  if (timeline) timeline.stop();
  timeline = new Timeline($("timeline"), it);
  ledger = new Ledger($("ledger"));
  table = new StageTable($("stages"), it, select);
  if (!same) {
    graph = null;
    letters = new Letters(it);
  }
}

function show(f) {
  const before = frame;
  frame = f;
  if (!graph || !graph.fits(f)) {
    const selected = graph ? graph.selected : -1, focused = graph ? graph.focused() : -1;
    graph = new Graph($("svg"), hello, f, select);
    graph.zoom("fit");
    graph.select(selected);
    if (focused >= 0) graph.focus(focused);
  }
  graph.update(f);
  table.update(f);
  ledger.update(f);
  timeline.add(f);
  letters.update(f);
  if (detail) detail.update(f);
  tiles(f);
  origin(f);
  drain(f);
  state(f.state === "ended" && f.error ? "failed" : f.state, f.state === "ended" && f.error ? "ended with an error" : f.state);
  if (before && before.state !== f.state) say("The run is " + f.state + ".");
  document.body.dataset.at = f.at;
}

function state(kind, words) {
  $("state").dataset.state = kind;
  text($("state"), words);
}

function tiles(f) {
  text($("tile-in"), rate(f.in));
  text($("tile-out"), rate(f.out));
  text($("tile-inside"), count(f.inside));
  const age = hello.aged ? f.p50 : f.age;
  text($("tile-age-name"), hello.aged ? "Median age at sinks" : "Mean time inside");
  text($("tile-age"), age === null ? (f.inside ? "n/a" : "–") : duration(age));
  text($("tile-p99"), f.p99 === null ? "" : "p99 " + duration(f.p99));
  text($("tile-lost"), rate(f.lost));
  $("tile-lost-box").classList.toggle("alarm", f.lost > 0);
  text($("elapsed"), duration(f.elapsed));
}

/** Says where backpressure begins, and tells a screen reader when that changes. */
function origin(f) {
  const names = f.begins.map((i) => hello.nodes[i].name);
  const words = names.length ? "Backpressure begins at " + names.join(", ") : "";
  const e = $("origin");
  if (e.textContent !== words && e.dataset.told !== words) {
    e.dataset.told = words;
    say(words || "No backpressure any more.");
  }
  text(e, words);
  e.hidden = !words;
}

/** The drain: since when, and which stages keep the run from ending. */
function drain(f) {
  const box = $("drain");
  box.hidden = f.state === "running";
  if (box.hidden) return;
  box.dataset.state = f.state === "ended" && f.error ? "failed" : f.state;
  const words = {
    draining: `The intake has stopped. ${plural(f.inside, "item")} inside, draining for ${duration(f.draining || 0)}${f.limit ? " of " + duration(f.limit) : ""}.`,
    aborting: `The run was aborted${f.error ? ": " + f.error : ""}. It waits for what is still at work.`,
    ended: f.error ? "The run has ended with an error: " + f.error : `The run has ended after ${duration(f.elapsed)}.`,
  }[f.state];
  text($("drain-title"), { draining: "Draining", aborting: "Aborting", ended: "Ended" }[f.state]);
  text($("drain-text"), words || "");
  $("drain-busy").replaceChildren(...(f.busy || []).map((b) => h("li", {}, h("b", {}, b.stage),
    ` ${b.left ? "was left behind" : "is busy"}: ${plural(b.calls, "call")}, ${plural(b.items, "item")} `, h("code", {}, b.function))));
}

/** Tells a screen reader what has changed. */
function say(words) {
  if (words) $("announce").replaceChildren(h("span", {}, words));
}

// ---- What the viewer does

function select(i) {
  const was = graph ? graph.selected : -1;
  if (detail && i === was) i = -1;
  if (graph) graph.select(i);
  if (i < 0) {
    detail = null;
    $("detail").hidden = true;
    if (graph && was >= 0 && !$("graph").hidden) graph.cards[was].el.focus();
    return;
  }
  detail = new Detail($("detail"), hello, i, () => select(-1));
  if (frame) detail.update(frame);
  $("detail-title").focus({ preventScroll: false });
}

function view(asTable) {
  $("graph").hidden = asTable;
  $("stages").hidden = !asTable;
  for (const id of ["smaller", "fit", "larger"]) $(id).disabled = asTable;
  $("view-picture").setAttribute("aria-pressed", String(!asTable));
  $("view-table").setAttribute("aria-pressed", String(asTable));
}

/** Sets the size of the picture: "fit", or by how much. A picture that fits already is shown as a whole. */
function zoom(by) {
  if (!graph) return;
  const before = graph.scale;
  graph.zoom(by === "fit" ? "fit" : before * by);
  if (by === "fit" && graph.scale === before) graph.zoom("all");
}

const THEMES = ["system", "light", "dark"];

function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  text($("theme"), "Theme: " + name);
  try {
    localStorage.setItem("weir-theme", name);
  } catch { /* a page without storage forgets */ }
  if (timeline) timeline.build();
}

function storedTheme() {
  try {
    const name = localStorage.getItem("weir-theme");
    return THEMES.includes(name) ? name : "system";
  } catch {
    return "system";
  }
}

$("view-picture").onclick = () => view(false);
$("view-table").onclick = () => view(true);
$("fit").onclick = () => zoom("fit");
$("smaller").onclick = () => zoom(1 / 1.2);
$("larger").onclick = () => zoom(1.2);
$("theme").onclick = () => theme(THEMES[(THEMES.indexOf(storedTheme()) + 1) % THEMES.length]);
document.addEventListener("keydown", (e) => e.key === "Escape" && detail && select(-1));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline && timeline.build());
matchMedia("(max-width: 760px)").addEventListener("change", () => {
  if (!graph) return;
  graph.layout();
  graph.zoom("fit");
  if (frame) graph.update(frame);
});
new ResizeObserver(() => graph && !$("graph").hidden && graph.zoom("fit")).observe($("stagearea"));
// A page that nobody sees needs no frames; the timeline comes with the next hello.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return connect();
  clearTimeout(retry);
  if (source) source.close();
});

theme(storedTheme());
connect();
