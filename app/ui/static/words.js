// Turning text into nodes: matched terms lit, citations made into buttons. Everything stays text.

import { h } from "./dom.js";

const CJK = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u;
const LONGEST = 60_000; // beyond this a passage is shown, not searched for terms
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A pattern for the matched terms of a query, stems included; null for none. */
export function pattern(terms) {
  const wanted = [...new Set(terms ?? [])]
    .filter((t) => t && t.length < 80)
    .sort((a, b) => b.length - a.length)
    .slice(0, 60);
  if (!wanted.length) return null;
  const each = wanted.map((t) =>
    CJK.test(t) ? escape(t) : `(?<![\\p{L}\\p{N}])${escape(t)}${t.length > 3 ? "\\p{L}{0,4}" : ""}(?![\\p{L}\\p{N}])`,
  );
  return new RegExp(each.join("|"), "giu");
}

/** Text as nodes, with matches of `find` in <mark>. */
export function marked(text, find) {
  if (!find || text.length > LONGEST) return [text];
  const out = [];
  let last = 0;
  for (const m of text.matchAll(find)) {
    if (!m[0]) continue;
    out.push(text.slice(last, m.index), h("mark", null, m[0]));
    last = m.index + m[0].length;
  }
  out.push(text.slice(last));
  return out;
}

/** The button for a citation of passage `id` as number `n`. A click anywhere above may read data-pid. */
export function cite(id, n, title = "") {
  const label = `Passage ${n}${title ? `: ${title.slice(0, 80)}` : ""}. Show its card`;
  return h(
    "button",
    { type: "button", class: "cite", "data-testid": "cite", "data-pid": id, title: title.slice(0, 120) || null, "aria-label": label },
    String(n),
  );
}

/** Raw trace text as nodes: [7] becomes a button where the window has a passage 7, all else stays as it was written. */
export function cited(text, passages, titles) {
  const out = [];
  let last = 0;
  for (const m of text.matchAll(/\[(\d{1,3})\]/g)) {
    const id = passages[Number(m[1]) - 1];
    if (id === undefined) continue;
    out.push(text.slice(last, m.index), cite(id, m[1], titles.get(id) ?? ""));
    last = m.index + m[0].length;
  }
  out.push(text.slice(last));
  return out;
}

/** A display sentence as nodes. */
export const sentence = (parts, titles) =>
  parts.map((p) => (p.cite !== undefined ? cite(p.cite, p.number, titles.get(p.cite) ?? "") : (p.text ?? "")));

/** The heading of a passage: its title, or its id in smaller type, since its text follows anyway. */
export const heading = (passage, find = null) =>
  h("h3", { dir: "auto", class: passage.title ? null : "untitled" }, passage.title ? marked(passage.title, find) : passage.id);

/** What a passage is called where there is little room. */
export const name = (passage) => passage.title || passage.text.slice(0, 90).replace(/\s+/g, " ") || passage.id;

/** What an outcome means, in words: [short, long]. */
export const OUTCOMES = {
  clean: ["clean", "The answer named every passage exactly once."],
  repaired: ["repaired", "The model's answer had faults that were mended; see the problems listed at each call."],
  truncated: ["cut short", "The model ran out of room before it finished; the rest keeps its earlier order."],
  no_answer: ["no answer", "The model gave no usable order, so the first stage's order stands."],
  error: ["error", "The model could not be reached or failed; the order before it stands."],
  refused: ["refused", "The model declined to answer, so the first stage's order stands."],
};
