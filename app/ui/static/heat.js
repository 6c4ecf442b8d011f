// The merged heat map of positions: passages by rank, the number of judges in each cell as shade and as a number. It is a table throughout.

import { h } from "./dom.js";
import { name } from "./words.js";

const LEVELS = 4; // shades beside none
const TENTH = 10; // from this rank on, ranks share columns where there are many

/** Ranks (1-based, ties in the middle) as columns: each its own up to ten, then fives. */
function columnsOf(n) {
  const single = Math.min(n, n > 14 ? TENTH : n);
  const out = Array.from({ length: single }, (_, i) => ({ label: String(i + 1), from: i + 0.5, to: i + 1.5 }));
  for (let at = single; at < n; at += 5)
    out.push({ label: `${at + 1}–${Math.min(at + 5, n)}`, from: at + 0.5, to: Math.min(at + 5, n) + 0.5 });
  return out;
}

const mean = (ranks) => {
  const given = ranks.filter((r) => r !== null);
  return given.length ? given.reduce((a, b) => a + b, 0) / given.length : Infinity;
};

/** `positions` as GET /tasks/{id}/review tells them; `passages` a Map by id; `pick(id)` is called for a passage that is asked for. */
export function heat(positions, passages, pick) {
  const ids = Object.keys(positions).sort((a, b) => mean(positions[a]) - mean(positions[b]));
  const columns = columnsOf(ids.length);
  const judges = Math.max(1, ...ids.map((id) => positions[id].length));
  const cell = (ranks, c) => {
    const n = ranks.filter((r) => r !== null && r >= c.from && r < c.to).length;
    const level = n ? Math.max(1, Math.round((LEVELS * n) / judges)) : 0;
    return h("td", { class: `heat-${level}` }, n ? String(n) : h("span", { class: "sr" }, "0"));
  };
  const row = (id) => {
    const p = passages.get(id) ?? { id, title: id, text: "" };
    const none = positions[id].filter((r) => r === null).length;
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => pick(id) }, h("bdi", null, name(p)))),
      columns.map((c) => cell(positions[id], c)),
      h("td", { class: "none" }, none ? String(none) : ""),
    );
  };
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Heat map of positions" },
    h(
      "table",
      { class: "heat", "data-testid": "heat" },
      h("caption", { class: "sr" }, "How many judges put each passage at each rank"),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", { scope: "col" }, "Passage"),
          columns.map((c) => h("th", { scope: "col" }, c.label)),
          h("th", { scope: "col" }, "not ranked"),
        ),
      ),
      h("tbody", null, ids.map(row)),
    ),
  );
}
