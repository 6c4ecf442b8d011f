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

/** What an outcome means, in words: [short, of the only call, of one call among several]. */
export const OUTCOMES = {
  clean: ["clean", "The answer named every passage exactly once.", ""],
  repaired: [
    "repaired",
    "The model's answer had faults that were mended; see the problems listed at each call.",
    "the answer had faults that were mended; each call lists its own",
  ],
  truncated: [
    "cut short",
    "The model ran out of room before it finished; the rest keeps its earlier order.",
    "the model ran out of room, so those passages keep the order they came in",
  ],
  no_answer: [
    "no answer",
    "The model gave no usable order, so the first stage's order stands.",
    "the model gave no usable order, so those passages keep the order they came in",
  ],
  error: [
    "error",
    "The model could not be reached or failed; the order before it stands.",
    "the model could not be reached or failed, so those passages keep the order they came in",
  ],
  refused: [
    "refused",
    "The model declined to answer, so the first stage's order stands.",
    "the model declined to answer, so those passages keep the order they came in",
  ],
};

/** What went other than clean in a finished run, one line for each kind. */
export function troubles({ outcome, windows }) {
  if (windows.length < 2) return [outcome === "clean" ? "" : (OUTCOMES[outcome]?.[1] ?? "")];
  const counts = new Map();
  for (const w of windows) if (w.outcome && w.outcome !== "clean") counts.set(w.outcome, (counts.get(w.outcome) ?? 0) + 1);
  return [...counts].map(([name, n]) => {
    const [short, , long] = OUTCOMES[name] ?? [name, "", "see the call"];
    return `${short} in ${n} of ${windows.length} calls: ${long}.`;
  });
}

/** Why a trace was closed and its answer asked for, in words: [short, long]. */
export const FORCED = {
  truncated: ["cut by the length limit", "The length limit cut the trace, so the answer was asked for with what there was of it."],
  budget: ["out of budget", "The trace had used its budget of tokens, so it was closed and the answer asked for."],
  settled: ["settled early", "The top places of the trace had stopped changing, so it was closed and the answer asked for."],
};

/** What was wrong with an answer, in words: those of `app/ranking/parsing.py`. */
export const PROBLEMS = {
  duplicate: "a passage was named twice",
  out_of_range: "a number that no passage has",
  missing: "passages were left out",
  code_fence: "the answer stood in a code fence",
  final_period: "a full stop after the answer",
  no_tags: "no answer tags",
  unclosed_think: "the reasoning was never closed",
  unclosed_answer: "the answer was never closed",
  two_answers: "more than one answer",
  text_around: "text around the answer",
  bad_separator: "passages not set apart by >",
  not_a_list: "the answer does not name passages in the form that was asked for",
  // Names that only runs stored by an earlier parser have.
  too_few: "fewer than half of the passages were named",
  empty: "the answer is empty",
};

/** Problems of a call as a sentence: mended where the answer still counts, else why it doesn't. */
export function problemsText(outcome, problems) {
  if (!problems?.length) return "";
  const told = problems.map((p) => PROBLEMS[p] ?? p.replaceAll("_", " ")).join("; ");
  return `${outcome === "repaired" ? "Mended" : "Not usable"}: ${told}.`;
}
