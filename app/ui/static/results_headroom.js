// The view Headroom: how much a perfect reranking could gain at each depth, how much of it was reached, and how stable an order is.

import { h, num, s } from "./dom.js";
import { get } from "./api.js";
import { figure, legend, plot, shape, ticks } from "./charts.js";
import { pick, table } from "./forms.js";
import { fillWith } from "./tab.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { stabilityPart } from "./results_stability.js";
import { choiceText, fullName, nothingYet, suitesOf } from "./results_words.js";

const HEIGHT = 300;
const MOST = 3; // evaluations that are drawn beside first stage and ceiling: five shapes there are
const [CEILING, FIRST] = ["Perfect reranking", "First stage"];

/** The whole view: a suite is chosen, the one of the address first. */
export function headroomView(ctx) {
  const inside = h("div", null);
  fillWith(inside, async () => {
    const { results } = await get("results");
    if (!results.length) return nothingYet({ admin: ctx.admin, start: () => ctx.go("board") });
    return chosen(results);
  });
  return h("section", null, h("h2", { tabindex: "-1" }, "How much there was to gain"), inside);
}

function chosen(results) {
  const suites = suitesOf(results);
  const at = resultsPlace();
  const of = (suite) => results.filter((r) => r.suite === suite);
  const which = pick({
    name: "headroom-suite",
    label: "Suite",
    choices: suites.map((one) => [one, one]),
    value: suites.includes(at.suite) ? at.suite : suites[0],
  });
  const box = h("div", null);
  const draw = () => {
    setResultsPlace({ suite: which.value });
    const rows = of(which.value);
    const measured = rows.filter((r) => !r.apart && r.headroom?.depths?.length);
    box.replaceChildren(
      measured.length ? headroomFigure(measured) : h("p", { class: "empty" }, "No evaluation of this suite has a first stage to measure from."),
      steadiness(rows),
    );
  };
  which.input.addEventListener("change", draw);
  draw();
  return [suites.length > 1 ? h("div", { class: "choices inrow" }, which.el) : null, box];
}

/** Evaluations of one group against first stage and ceiling, as a chart and as a table. */
export function headroomFigure(rows) {
  const shown = rows.slice(0, MOST);
  const { depths, ceiling, first } = shown[0].headroom;
  const series = [
    { name: CEILING, values: ceiling },
    { name: FIRST, values: depths.map(() => first) },
    ...shown.map((r) => ({ name: fullName(r), values: depths.map(() => r.headroom.reached) })),
  ].filter(({ values }) => values.every((v) => typeof v === "number"));
  const reached = shown[0].headroom.reached;
  const most = ceiling.at(-1);
  const taken = typeof first === "number" && most > first ? (reached - first) / (most - first) : null;
  return figure({
    title: "Headroom by depth",
    testid: "headroom",
    n: shown[0].n,
    made: "Mean nDCG@10 over topics, the best order that the candidates down to a depth allow.",
    finding:
      taken === null
        ? `A perfect reranking of ${depths.at(-1)} candidates would reach ${num(most, 3)}.`
        : `${fullName(shown[0])} took ${Math.round(100 * taken)} % of what there was to gain: ${num(first, 3)} to ${num(reached, 3)}, ` +
          `where ${num(most, 3)} was possible with ${depths.at(-1)} candidates.`,
    legend: legend(series.map((one) => one.name)),
    draw: (width) => lines(depths, series, width),
    rows: () =>
      table({
        caption: "Headroom by depth",
        head: ["Depth", ...series.map((one) => one.name)],
        testid: "headroom-rows",
        rows: depths.map((depth, i) => [String(depth), ...series.map((one) => num(one.values[i], 3))]),
      }),
  });
}

function lines(depths, series, width) {
  const [left, top, foot] = [46, 10, 40];
  const marks = ticks(Math.max(...series.flatMap((one) => one.values), 0.1));
  const last = depths.at(-1);
  const x = (depth) => left + 8 + (last === depths[0] ? 0.5 : (depth - depths[0]) / (last - depths[0])) * (width - left - 24);
  const y = (v) => top + (1 - v / marks.at(-1)) * (HEIGHT - top - foot);
  const grid = marks.map((t) => [
    s("line", { x1: left, x2: width - 6, y1: y(t), y2: y(t), class: "gridline" }),
    s("text", { x: left - 8, y: y(t) + 4, class: "tick", "text-anchor": "end" }, String(t)),
  ]);
  const feet = depths.map((depth) => s("text", { x: x(depth), y: HEIGHT - foot + 18, class: "tick", "text-anchor": "middle" }, String(depth)));
  const name = s("text", { x: width - 6, y: HEIGHT - 4, class: "tick", "text-anchor": "end" }, "candidates that may be reranked");
  const drawn = series.map(({ values }, i) => [
    s("path", {
      d: values.map((v, k) => `${k ? "L" : "M"}${x(depths[k]).toFixed(1)} ${y(v).toFixed(1)}`).join(""),
      class: `course m-dash-${i === 1 ? 1 : 0} series-${i % 5}`,
    }),
    i === 0 ? values.map((v, k) => shape(i, x(depths[k]), y(v), 4.5)) : shape(i, x(last), y(values.at(-1)), 5.5),
  ]);
  const said = series.map((one) => `${one.name} ${num(one.values.at(-1), 3)}`).join(", ");
  const svg = plot(`Headroom at depth ${last}: ${said}`, width, HEIGHT, grid, feet, name, drawn);
  svg.setAttribute("role", "img");
  return svg;
}

/** How stable an order is: asked for an evaluation of the suite, since the others' runs have to be read. */
function steadiness(rows) {
  const at = resultsPlace().evaluation;
  const which = pick({
    name: "stability-of",
    label: "Evaluation",
    choices: rows.map((r) => [r.id, choiceText(r)]),
    value: rows.some((r) => r.id === at) ? at : rows[0].id,
  });
  const box = h("div", null);
  const draw = () => {
    fillWith(box, async () => stabilityPart(await get(`results/${encodeURIComponent(which.value)}/stability`)));
  };
  which.input.addEventListener("change", () => {
    setResultsPlace({ evaluation: which.value });
    draw();
  });
  draw();
  return h(
    "section",
    { class: "m-part", "data-testid": "stability" },
    h("h3", null, "How stable the order is"),
    h("p", { class: "help" }, "Evaluations that differ in their seed or shuffle alone, each pair of them compared on every topic."),
    h("div", { class: "choices inrow" }, which.el),
    box,
  );
}

