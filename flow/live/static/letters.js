// The dead letters: a list that is read when it is wanted, and the replay of a selection.

import { h, text, count, moment, plural, $ } from "./format.js";
import { post } from "./post.js";

export class Letters {
  constructor(hello) {
    this.replays = hello.replay;
    this.chosen = new Set();
    this.known = -1;
    this.all = [];
    $("letters").hidden = !hello.letters;
    $("letters-replay").hidden = !hello.replay;
    if (!hello.letters) return;
    $("letters-load").onclick = () => this.load();
    $("letters-more").onclick = () => this.load(this.all[this.all.length - 1].id);
    $("letters-replay").onclick = () => this.replay();
    this.load();
  }

  /** Reads the list again when the run has put aside more, at most every five seconds. */
  update(frame) {
    if ($("letters").hidden) return;
    const n = frame.ledger.dead_lettered;
    if (n === this.known || this.loading || this.chosen.size || Date.now() - (this.loaded || 0) < 5000) return;
    if ($("letters-list").contains(document.activeElement)) return; // a new list would take the keyboard away
    this.known = n;
    this.load();
  }

  async load(after = 0) {
    this.loading = true;
    try {
      const r = await fetch("letters.json?after=" + after);
      const page = await r.json();
      if (!r.ok) throw new Error(page.error || r.statusText);
      this.all = after ? this.all.concat(page.letters) : page.letters;
      this.more = page.more;
      this.draw();
    } catch (e) {
      this.say("The letters cannot be read: " + e.message, true);
    }
    this.loading = false;
    this.loaded = Date.now();
  }

  draw() {
    const here = new Set(this.all.map((l) => l.id));
    for (const id of this.chosen) if (!here.has(id)) this.chosen.delete(id);
    text($("letters-count"), this.all.length ? plural(this.all.length, "letter") + (this.more ? " shown, oldest first; there are more" : "") : "");
    $("letters-more").hidden = !this.more;
    if (!this.all.length) {
      $("letters-list").replaceChildren(h("p", { class: "empty" }, "No dead letters."));
      return this.mark();
    }
    this.every = h("input", { type: "checkbox", "aria-label": "Choose all letters", onchange: (e) => this.choose(this.all.map((l) => l.id), e.target.checked) });
    const names = [["No."], ["Value"], ["Stage"], ["Cause"], ["Attempts", true], ["Replays", true], ["Failed"]];
    const head = h("tr", {}, this.replays ? h("td", {}, this.every) : null, ...names.map(([n, right]) => h("th", { scope: "col", class: right ? "n" : null }, n)));
    this.boxes = [];
    $("letters-list").replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...this.all.map((l) => this.row(l)))));
    this.mark();
  }

  row(l) {
    let box = null;
    if (this.replays) {
      box = h("input", { type: "checkbox", "aria-label": "Choose letter " + l.id, onchange: (e) => this.choose([l.id], e.target.checked) });
      this.boxes.push([box, l.id]);
    }
    return h("tr", { "data-letter": l.id }, box ? h("td", {}, box) : null, h("td", { class: "n" }, String(l.id)),
      h("td", { class: "wrap" }, h("code", {}, l.value)), h("td", {}, l.stage), h("td", { class: "wrap" }, l.cause),
      h("td", { class: "n" }, count(l.attempts)), h("td", { class: "n" }, count(l.replays)), h("td", { class: "n" }, moment(l.failed)));
  }

  choose(ids, on) {
    for (const id of ids) on ? this.chosen.add(id) : this.chosen.delete(id);
    this.mark();
  }

  /** Shows what is chosen. */
  mark() {
    const n = this.chosen.size;
    for (const [box, id] of this.boxes || []) box.checked = this.chosen.has(id);
    if (this.every) {
      this.every.checked = n > 0 && n === this.all.length;
      this.every.indeterminate = n > 0 && n < this.all.length;
    }
    $("letters-replay").disabled = !n || this.busy;
    text($("letters-replay"), n ? "Replay " + plural(n, "letter") : "Replay selected");
  }

  async replay() {
    this.busy = true;
    this.mark();
    this.say("Replaying…");
    const a = await post("letters/replay", { ids: [...this.chosen] });
    this.busy = false;
    if (a.error) this.say(a.error, true);
    else this.say(`${plural(a.replayed, "letter")} replayed: ${a.done} done, ${a.failed} failed again, ${a.unsettled} not settled.`);
    this.chosen.clear();
    await this.load();
  }

  say(words, bad) {
    $("letters-said").classList.toggle("bad", !!bad);
    text($("letters-said"), words);
  }
}
