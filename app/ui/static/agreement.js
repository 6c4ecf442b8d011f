// Statistics of agreement as dots with whiskers on one scale, each with its n, and in words where there is none.

import { h, num, s } from "./dom.js";
import { get } from "./api.js";
import { fillWith } from "./tab.js";
import { table } from "./forms.js";

const WIDTH = 260;
const HEIGHT = 22;

/** One statistic as a line from -1 (or 0) to 1. The numbers stand beside it, so the drawing itself is for the eye only. */
export function whisker({ value, low, high }, from = -1) {
  const x = (v) => 8 + ((Math.max(from, Math.min(1, v)) - from) / (1 - from)) * (WIDTH - 16);
  const mid = HEIGHT / 2;
  return s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "whisker", "aria-hidden": "true", focusable: "false" },
    s("line", { x1: 8, x2: WIDTH - 8, y1: mid, y2: mid, class: "axis" }),
    s("line", { x1: x(0), x2: x(0), y1: 3, y2: HEIGHT - 3, class: "zero" }),
    low === null || low === undefined ? null : s("line", { x1: x(low), x2: x(high), y1: mid, y2: mid, class: "range" }),
    s("circle", { cx: x(value), cy: mid, r: 5 }),
  );
}

/** What a number says: value, interval and n, or why there is none. */
export function told(stat) {
  if (stat.value === null || stat.value === undefined) return stat.why || "not defined here";
  const range = typeof stat.low === "number" ? ` (${num(stat.low)} to ${num(stat.high)})` : "";
  return `${num(stat.value)}${range}, n = ${stat.n}`;
}

/** A list of statistics. */
export function statistics(stats) {
  return h(
    "ul",
    { class: "stats", "data-testid": "statistics" },
    stats.map((stat) =>
      h(
        "li",
        { title: stat.interval || null },
        h("span", { class: "stat-name" }, stat.name),
        typeof stat.value === "number" ? whisker(stat) : h("span", null),
        h("span", { class: "meta" }, told(stat)),
      ),
    ),
  );
}

/** The view Agreement of a project. */
export function agreement(project) {
  const box = h("section", { "data-testid": "agreement" });
  fillWith(box, async () => {
    const found = await get(`projects/${encodeURIComponent(project)}/agreement`);
    return [
      h("h2", null, "Between people"),
      h("p", { class: "help" }, found.how ?? "", " Scale from -1 to 1; the line is the 95 % interval."),
      found.statistics?.length
        ? statistics(found.statistics)
        : h("p", { class: "empty" }, "Nothing to compare yet: it takes two people on one task."),
      (found.models ?? []).map((m) =>
        h("section", null, h("h3", null, h("bdi", null, m.label), " against the people"), statistics(m.statistics)),
      ),
      found.pairs?.length ? pairs(found) : null,
    ];
  });
  return box;
}

function pairs(found) {
  return h(
    "section",
    null,
    h("h3", null, "Pairs"),
    table({
      caption: "Agreement of pairs",
      head: ["Pair", "Tasks", "Kendall tau-b", "From -1 to 1"],
      rows: found.pairs.map((p) => [
        h("bdi", null, `${p.first_label ?? p.first} and ${p.second_label ?? p.second}`),
        String(p.tasks),
        told(p.tau_b),
        typeof p.tau_b.value === "number" ? whisker(p.tau_b) : "",
      ]),
    }),
    found.pairs_left_out ? h("p", { class: "help" }, `${found.pairs_left_out} pairs with fewer tasks are left out here.`) : null,
  );
}
