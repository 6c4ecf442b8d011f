// The view Compare: two evaluations, which difference between them explains the change, and where it happened.

import { h, count, num } from "./dom.js";
import { get } from "./api.js";
import { pick, table } from "./forms.js";
import { fillWith } from "./tab.js";
import { interval, signed } from "./models_gate.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { change } from "./results_topics.js";
import { choiceText, given, nothingYet, verdictOf } from "./results_words.js";

/** The whole view: both are chosen, those of the address first. */
export function compareView(ctx) {
  const inside = h("div", null);
  fillWith(inside, async () => {
    const { results } = await get("results");
    if (!results.length) return nothingYet({ admin: ctx.admin, start: () => ctx.go("board") });
    if (results.length < 2) return h("p", { class: "empty" }, "It takes two evaluations to compare: start another one under Leaderboard.");
    return chosen(results, ctx);
  });
  return h("section", null, h("h2", { tabindex: "-1" }, "Why two evaluations differ"), inside);
}

function chosen(results, ctx) {
  const at = resultsPlace();
  // Of the same suite, where there are two: others have no topic in common.
  const partners = (one) => results.filter((r) => r.id !== one.id && r.suite === one.suite);
  const from = results.find((r) => r.id === at.evaluation) ?? results.findLast((r) => partners(r).length) ?? results[0];
  const to = partners(from).find((r) => r.id === at.other) ?? partners(from)[0] ?? results.find((r) => r.id !== from.id);
  const choices = results.map((r) => [r.id, choiceText(r)]);
  const a = pick({ name: "compare-a", label: "From", choices, value: from.id });
  const b = pick({ name: "compare-b", label: "To", choices, value: to.id });
  const swap = h("button", { type: "button", class: "quiet", "data-testid": "compare-swap" }, "Turn around");
  const box = h("div", { "data-testid": "comparison" });
  const draw = () => {
    setResultsPlace({ evaluation: a.value, other: b.value });
    if (a.value === b.value) {
      box.replaceChildren(h("p", { class: "empty" }, "These are the same evaluation: choose two."));
      return;
    }
    fillWith(box, async () => told(await get(`results/compare?${new URLSearchParams({ a: a.value, b: b.value })}`), ctx));
  };
  swap.addEventListener("click", () => {
    [a.input.value, b.input.value] = [b.value, a.value];
    draw();
  });
  for (const one of [a, b]) one.input.addEventListener("change", draw);
  draw();
  return [h("div", { class: "choices inrow r-pair" }, a.el, b.el, swap), box];
}

const section = (title, id, ...children) =>
  h("section", { class: "m-part", "data-testid": `compare-${id}` }, h("h3", null, title), children);

function told(found, ctx) {
  return [
    found.text ? h("p", { class: "note-line", dir: "auto" }, `These two can't be compared as they stand: ${found.text}.`) : null,
    section("The difference", "difference", difference(found)),
    section("What explains it", "causes", causes(found)),
    found.differs.length ? section("Settings that differ", "differs", settings(found)) : null,
    section("Where it happened", "topics", changed(found, ctx)),
    found.notes.map((note) => h("p", { class: "help", dir: "auto" }, note)),
  ];
}

function difference({ difference: d, measure, only }) {
  if (!d) return h("p", { class: "empty" }, "These two have no topic in common: choose two of one suite.");
  const facts = [
    [`${measure}, mean difference`, h("span", { class: "m-value" }, h("b", null, signed(d.mean)), given(d.low) ? interval({ value: d.mean, low: d.low, high: d.high }) : null)],
    ["95 % interval", given(d.low) ? `${signed(d.low)} to ${signed(d.high)}` : "–"],
    ["p", num(d.p, 4)],
    ["Better, even, worse", `${d.wins}, ${d.ties}, ${d.losses}`],
    ["Topics of both", String(d.n)],
    ["Effect (Cohen's d)", given(d.effect) ? signed(d.effect, 2) : "–"],
    ["Smallest difference that would be seen", num(d.smallest, 3)],
    ["Further topics needed to tell", given(d.more) ? String(d.more) : "none"],
  ];
  const left = only[0] + only[1];
  return [
    h("p", { class: "m-gain", "data-testid": "compare-verdict" }, d.text || verdictOf({ gain: d.mean, gain_low: d.low, gain_high: d.high }, "the first")),
    h(
      "dl",
      { class: "m-facts" },
      facts.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
    ),
    left ? h("p", { class: "help" }, `${count(left, "topic")} stand in one of the two alone and are left out.`) : null,
  ];
}

function causes({ causes: found }) {
  if (!found.length) return h("p", { class: "empty" }, "Nothing differs that is written down: both should have the same numbers.");
  return h(
    "ul",
    { class: "r-causes" },
    found.map((cause) =>
      h(
        "li",
        { class: "panel", "data-testid": "cause" },
        h(
          "header",
          { class: "row" },
          h("h4", { dir: "auto" }, cause.name.replaceAll("_", " ")),
          h("span", { class: "grow" }),
          given(cause.share) ? h("span", { class: "badge" }, `${Math.round(100 * cause.share)} % of the change`) : null,
          h("span", { class: "meta" }, count(cause.topics, "topic")),
        ),
        h("p", { dir: "auto" }, cause.text),
      ),
    ),
  );
}

const settings = ({ differs }) =>
  table({
    caption: "Settings that differ",
    head: ["Setting", "From", "To"],
    rows: differs.map((one) => [h("bdi", null, one.name), h("bdi", { class: "r-setting" }, one.a), h("bdi", { class: "r-setting" }, one.b)]),
  });

function changed({ changed: rows, a }, ctx) {
  if (!rows.length) return h("p", { class: "empty" }, "No topic has another value.");
  const open = (row) => ctx.go("board", { evaluation: a.id, set: row.set, topic: row.topic });
  return table({
    caption: "Topics that changed most",
    testid: "compare-topics-table",
    head: ["Topic", "From", "To", "Change"],
    rows: rows.map((row) => [
      h(
        "button",
        { type: "button", class: "link r-query", onclick: () => open(row) },
        h("bdi", null, (row.query || row.topic).slice(0, 160)),
      ),
      num(row.a, 3),
      num(row.b, 3),
      change(row.change),
    ]),
  });
}
