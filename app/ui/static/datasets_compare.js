// What differs between two versions: examples that came and went, and verdicts that changed.

import { h, count, isolated, num } from "./dom.js";
import { get } from "./api.js";
import { form, pick } from "./forms.js";
import { fillWith } from "./tab.js";

const KINDS = [
  ["added", "Came"],
  ["removed", "Went"],
  ["changed", "Judged otherwise"],
];

/** The section that compares: the older one is chosen first. */
export function comparer(found, ctx) {
  const choices = found.map((d) => [d.id, `${d.name}, ${d.id.slice(0, 8)}`]);
  const from = pick({ name: "from", label: "From", choices, value: found[1].id });
  const to = pick({ name: "to", label: "To", choices, value: found[0].id });
  const box = h("div", { "data-testid": "diff" });
  const act = async ({ from: one, to: other }) => {
    await fillWith(box, async () => told(await get(`datasets/${encodeURIComponent(one)}/diff?other=${encodeURIComponent(other)}`)));
    ctx.say(box.querySelector("p")?.textContent ?? "");
  };
  return h(
    "section",
    { class: "train-compare" },
    h("h2", null, "Compare two versions"),
    form({ testid: "compare", label: "Compare", fields: [from, to], act, grid: true }),
    box,
  );
}

function told(diff) {
  const n = (kind) => diff.counts?.[kind] ?? diff[kind].length;
  const sum = KINDS.map(([kind]) => n(kind)).reduce((a, b) => a + b, 0);
  if (!sum) return h("p", { class: "empty" }, "The two hold the same examples, and every item was judged alike.");
  return [
    h(
      "p",
      null,
      `${count(n("added"), "example")} came, ${count(n("removed"), "example")} went, ${count(n("changed"), "verdict")} changed.`,
    ),
    KINDS.filter(([kind]) => diff[kind].length).map(([kind, title]) =>
      h(
        "details",
        { class: "fold", open: true, "data-testid": `diff-${kind}` },
        h("summary", null, `${title} (${n(kind)})`),
        h(
          "ul",
          { class: "rows" },
          diff[kind].map((one) => h("li", { class: "row" }, entry(one))),
        ),
        diff[kind].length < n(kind) ? h("p", { class: "help" }, `The first ${diff[kind].length} are listed.`) : null,
      ),
    ),
  ];
}

/** One difference: what was asked, what about it differs, and the filters that judged otherwise with their scores. */
function entry(one) {
  const lines = [
    [isolated(one.domain), `${isolated(one.source)} ${isolated(one.source_id)}`, one.what ? `${one.what.join(", ")} changed` : ""],
    [dropped(one.dropped)],
    (one.filters ?? []).map((f) => `${f.name.replaceAll("_", " ")} ${f.from === f.to ? num(f.to) : `${num(f.from)} → ${num(f.to)}`}`),
  ];
  return h(
    "div",
    { class: "grow" },
    one.query ? h("p", { class: "q", dir: "auto" }, one.query) : h("p", { class: "meta" }, `Item ${one.number}, an example of neither`),
    lines
      .map((parts) => parts.filter(Boolean).join(" · "))
      .filter(Boolean)
      .map((line) => h("p", { class: "meta" }, line)),
    one.labels ? h("p", { class: "meta" }, `labels ${changes(one.labels)}`) : null,
  );
}

/** By what an item fell out before and after, where that differs. */
function dropped(by) {
  const said = (names) => (names === null ? "not there" : names.length ? `dropped by ${names.join(", ")}` : "kept");
  if (!by || JSON.stringify(by.from) === JSON.stringify(by.to)) return "";
  return `${said(by.from)} → ${said(by.to)}`;
}

const changes = ({ from, to }) =>
  [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter((id) => from[id] !== to[id])
    .slice(0, 12)
    .map((id) => `${isolated(id)} ${from[id] ?? "–"} → ${to[id] ?? "–"}`)
    .join(", ");
