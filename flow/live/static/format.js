// How numbers and times are written, and how elements are made.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const NA = "n/a";

const known = (v) => typeof v === "number" && Number.isFinite(v);

/** A count: 12,345. */
export const count = (v) => (known(v) ? whole.format(v) : NA);

/** A rate or another number that may be small: 0.4, 12.3, 1,240, 12.3K. */
export function rate(v) {
  if (!known(v)) return NA;
  if (v >= 100000) return short.format(v);
  if (v >= 100 || Number.isInteger(v)) return whole.format(v);
  return v.toFixed(1);
}

/** A share of time: 62%. */
export const percent = (v) => (known(v) ? (v > 0 && v < 1 ? "<1%" : Math.round(v) + "%") : NA);

/** A duration in seconds: 1.2 ms, 340 ms, 2.1 s, 3m 12s, 4h 5m, 2d 3h. */
export function duration(s) {
  if (!known(s)) return NA;
  if (s === 0) return "0 s";
  if (s < 1e-6) return "<1 µs";
  if (s < 0.001) return (s * 1e6).toFixed(0) + " µs";
  if (s < 0.1) return (s * 1e3).toFixed(1) + " ms";
  if (s < 1) return (s * 1e3).toFixed(0) + " ms";
  if (s < 60) return s.toFixed(1) + " s";
  if (s < 3600) return Math.floor(s / 60) + "m " + Math.floor(s % 60) + "s";
  if (s < 86400) return Math.floor(s / 3600) + "h " + Math.floor((s % 3600) / 60) + "m";
  return Math.floor(s / 86400) + "d " + Math.floor((s % 86400) / 3600) + "h";
}

/** A moment in Unix milliseconds: 14:03:12. */
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** A moment with its day. */
export const moment = (ms) => (ms ? new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC" : NA);

export const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many || one + "s");

/** An HTML element. Text is never markup. */
export function h(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

/** An SVG element. */
export function s(tag, props = {}, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(props)) if (v !== undefined && v !== null) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

/** Sets the text of an element if it differs, so that what is selected or read stays. */
export function text(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

export const $ = (id) => document.getElementById(id);
