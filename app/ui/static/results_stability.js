// How far repeated evaluations agree: rank-biased overlap and tau over all topics with intervals, and the topics that differ most.

import { h, num, s } from "./dom.js";
import { figure, plot, ticks } from "./charts.js";
import { table } from "./forms.js";
import { given } from "./results_words.js";

const ROW = 22;
const DRAWN = 20;

/** What GET results/ID/stability tells, as nodes. */
export function stabilityPart(told) {
  const found = told.stability;
  if (!found) return h("p", { class: "empty", "data-testid": "stability-why" }, told.why);
  const between = (one, digits = 3) => (one ? `${num(one.mean, digits)} (${num(one.low, digits)} to ${num(one.high, digits)})` : "–");
  const facts = [
    ["Runs", String(told.runs.length)],
    [`Overlap of orders (RBO, p = ${found.p})`, between(found.rbo)],
    ["Kendall's tau", between(found.tau)],
    ["Range of a topic's value", between(found.spread)],
    ["Topics with the same first passage", `${num(100 * found.same_first, 1)} %`],
  ];
  return [
    h(
      "dl",
      { class: "m-facts", "data-testid": "stability-facts" },
      facts.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
    ),
    h(
      "ul",
      { class: "rows" },
      told.runs.map((run) =>
        h(
          "li",
          { class: "row" },
          h("bdi", null, run.label),
          h("code", { class: "hash" }, run.id.slice(0, 8)),
          given(found.means[run.id]) ? h("span", { class: "meta" }, `mean ${num(found.means[run.id], 3)}`) : null,
        ),
      ),
    ),
    topics(found),
  ];
}

function topics(found) {
  const shown = found.topics.slice(0, DRAWN);
  const least = shown[0];
  const range = (one) => (given(one.low) ? `${num(one.low, 3)} to ${num(one.high, 3)}` : "–");
  return figure({
    title: "Topics that differ most",
    testid: "stability-topics",
    n: found.n,
    made: `The ${shown.length} topics whose orders agree least. 1 is the same order in every run.`,
    finding: least ? `The orders of topic ${least.topic} agree least: an overlap of ${num(least.rbo, 3)}.` : "There is no topic to compare.",
    draw: (width) => bars(shown, width),
    rows: () =>
      table({
        caption: "Topics that differ most",
        testid: "stability-rows",
        head: ["Topic", "Overlap (RBO)", "tau", "Different firsts", "Value from to"],
        rows: shown.map((one) => [
          h("bdi", null, `${one.set} ${one.topic}`),
          num(one.rbo, 3),
          num(one.tau, 3),
          String(one.firsts),
          range(one),
        ]),
      }),
  });
}

/** A line from 0 to the overlap for each topic. */
function bars(shown, width) {
  const left = width < 500 ? 110 : 190;
  const foot = 24;
  const height = shown.length * ROW + foot;
  const x = (v) => left + v * (width - left - 54);
  const grid = ticks(1).map((t) => [
    s("line", { x1: x(t), x2: x(t), y1: 0, y2: height - foot, class: "gridline" }),
    s("text", { x: x(t), y: height - 6, class: "tick", "text-anchor": "middle" }, String(t)),
  ]);
  const rows = shown.map((one, i) => {
    const mid = (i + 0.5) * ROW;
    const label = `${one.set} ${one.topic}`;
    const most = Math.max(6, Math.floor(left / 7.5));
    return [
      s("text", { x: left - 8, y: mid + 4, "text-anchor": "end" }, label.length > most ? `${label.slice(0, most - 1)}…` : label),
      s("rect", { x: x(0), y: mid - 6, width: Math.max(1, x(one.rbo) - x(0)), height: 12, rx: 2, class: "series-0" }),
      s("text", { x: x(one.rbo) + 6, y: mid + 4, class: "tick" }, num(one.rbo, 2)),
    ];
  });
  const svg = plot(`Overlap by topic, from ${num(shown[0]?.rbo ?? 0)}`, width, height, grid, rows);
  svg.setAttribute("role", "img");
  return svg;
}
