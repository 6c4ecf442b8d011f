// What the views of the tab Results say alike: names of evaluations and measures, differences with intervals, tables that can be sorted.

import { h, isolated, num } from "./dom.js";
import { interval, signed } from "./models_gate.js";
import { plainName } from "./strategies.js";

export const given = (value) => typeof value === "number" && Number.isFinite(value);

/** "nano a1b2c3d4, sliding, reasoned": what was run, in one line. */
export const whatRan = (r) =>
  [
    [r.model, r.version ? r.version.slice(0, 8) : ""].filter(Boolean).join(" "),
    r.strategy ? plainName(r.strategy) : "",
    r.thinking && r.thinking !== "profile" ? r.thinking : "",
  ]
    .filter(Boolean)
    .join(", ");

/** The same with the name that it was given, where that says more. */
export const fullName = (r) => (r.name && r.name !== whatRan(r) ? `${whatRan(r)} (${r.name})` : whatRan(r));

/** The same for choices, where two may have run alike: with the name that it was given. */
export const choiceText = (r) => [r.name || whatRan(r), r.suite, `n = ${r.n}`, r.id.slice(0, 8)].join(" · ");

/** A value with its interval below it. */
export const valued = (r) => [
  num(r.value, 3),
  given(r.low) ? h("span", { class: "meta m-range" }, `${num(r.low, 3)} to ${num(r.high, 3)}`) : null,
];

/** A difference with sign, interval, p, and a small drawing of it. */
export function gained({ gain, gain_low: low, gain_high: high, p }, reach) {
  if (!given(gain)) return "–";
  return h(
    "span",
    { class: "m-value" },
    h("b", null, signed(gain)),
    given(low) ? interval({ value: gain, low, high }, reach) : null,
    h(
      "span",
      { class: "meta" },
      [given(low) ? `${signed(low)} to ${signed(high)}` : "", given(p) ? `p = ${num(p, 4)}` : ""].filter(Boolean).join(", "),
    ),
  );
}

/** What a difference amounts to, in words. */
export function verdictOf({ gain, gain_low: low, gain_high: high }, than = "the first stage") {
  if (!given(gain)) return "Nothing was measured.";
  if (given(low) && low > 0) return `Better than ${than}: the whole interval lies above 0.`;
  if (given(high) && high < 0) return `Worse than ${than}: the whole interval lies below 0.`;
  return `It can't be told from ${than}: the interval holds 0.`;
}

export const share = (value) => (given(value) ? `${num(100 * value, value < 0.995 ? 1 : 0)} %` : "–");

/**
 * A table whose columns can be sorted. `columns` are {key, label, cell(row), by(row)}; those without `by` stand still. The first column
 * heads the row. `place(rows)` may put rows in order that belong last.
 */
export function sortable({ caption, columns, rows, testid, sort = null, down = true, last = () => 0 }) {
  let [key, falling] = [sort, down];
  const body = h("tbody", null);
  const heads = columns.map((column) => {
    if (!column.by) return h("th", { scope: "col" }, column.label);
    const button = h("button", { type: "button", class: "r-sort", "data-testid": `sort-${column.key}` }, column.label);
    button.addEventListener("click", () => {
      [key, falling] = [column.key, key === column.key ? !falling : column.down !== false];
      draw();
    });
    return h("th", { scope: "col", "data-key": column.key }, button);
  });
  const draw = () => {
    const column = columns.find((one) => one.key === key);
    const sorted = [...rows];
    if (column) sorted.sort((a, b) => last(a) - last(b) || order(column.by(a), column.by(b)) * (falling ? -1 : 1));
    for (const th of heads) {
      if (th.dataset.key !== key) th.removeAttribute("aria-sort");
      else th.setAttribute("aria-sort", falling ? "descending" : "ascending");
    }
    body.replaceChildren(...sorted.map((row) => line(columns, row)));
  };
  draw();
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "r-table", "data-testid": testid },
      h("caption", { class: "sr" }, caption),
      h("thead", null, h("tr", null, heads)),
      body,
    ),
  );
}

/** Numbers by size, words by the alphabet; what is not known is smallest. */
function order(a, b) {
  if (typeof a === "string" || typeof b === "string") return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
  return (given(a) ? a : -Infinity) - (given(b) ? b : -Infinity) || 0;
}

const line = (columns, row) =>
  h(
    "tr",
    { "data-id": row.id ?? null },
    columns.map((column, i) => h(i ? "td" : "th", i ? null : { scope: "row" }, column.cell(row))),
  );

/** Suites of some evaluations, in the order in which they were first seen. */
export const suitesOf = (results) => [...new Set(results.map((r) => r.suite))];

/** Where there is nothing yet: what to do, with a button that does it. */
export const nothingYet = (ctx) =>
  h(
    "div",
    { class: "empty big", "data-testid": "results-empty" },
    h("p", null, "Nothing has been evaluated yet: start the demo suite here, or keep a bundle with ", h("code", null, "python -m app evaluate --keep"), "."),
    h("button", { type: "button", class: "primary", onclick: () => ctx.start() }, ctx.admin ? "Evaluate something" : "How to evaluate"),
  );

/** Names of passages and people inside a sentence. */
export const quoted = (text) => `“${isolated(text)}”`;
