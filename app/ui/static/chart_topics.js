// Charts of how far people and models are apart: by topic and model version, and over all judgements.

import { isolated, num, s } from "./dom.js";
import { table } from "./forms.js";
import { cut, figure, legend, link, plot, shape, ticks } from "./charts.js";

const LANE = 20;
const PAD = 14;
const NARROW = 620; // below this the topic stands above its dots

const known = (stat) => typeof stat?.value === "number";

function words(c) {
  const range = typeof c.tau.low === "number" ? ` (${num(c.tau.low)} to ${num(c.tau.high)})` : "";
  return `${isolated(c.topic ?? "All topics")}, ${isolated(c.model)}: ${num(c.tau.value)}${range}, n = ${c.n}`;
}

/** Dots with intervals: a row for each topic, a lane and a shape for each model version. */
export function topics(data, open) {
  const models = data.models.filter((m) => data.cells.some((c) => c.model === m && known(c.tau)));
  const groups = new Map();
  for (const c of data.cells.filter((one) => known(one.tau))) groups.set(c.topic, [...(groups.get(c.topic) ?? []), c]);
  const worst = (cells) => Math.max(...cells.map((c) => c.tau.value));
  const rows = [...groups].sort(([, a], [, b]) => worst(b) - worst(a));
  if (!rows.length) return null;
  const cells = rows.flatMap(([, found]) => found);
  return figure({
    title: "Where people and models disagree",
    finding: finding(cells),
    n: `${cells.reduce((sum, c) => sum + c.n, 0)} judgements on ${rows.length} topics`,
    made: "Mean (1 - Kendall tau-b) / 2 of people's orders and the model's: 0 is the same order, 1 its reverse. Whiskers: 95 % intervals.",
    testid: "chart-topics",
    legend: legend(models),
    draw: (width) => drawTopics(rows, models, width, open),
    rows: () =>
      table({
        caption: "Disagreement by topic and model version",
        head: ["Topic", "Model", "Disagreement", "95 % interval", "Judgements"],
        rows: cells.map((c) => [c.topic, c.model, num(c.tau.value), `${num(c.tau.low)} to ${num(c.tau.high)}`, String(c.n)]),
      }),
  });
}

function finding(cells) {
  const sorted = [...cells].sort((a, b) => b.tau.value - a.tau.value);
  const [first, last] = [sorted[0], sorted.at(-1)];
  const told = (c) => `${isolated(c.topic)} with ${isolated(c.model)} (${num(c.tau.value)})`;
  return first === last ? `Only ${told(first)} has been judged so far.` : `Furthest apart on ${told(first)}, closest on ${told(last)}.`;
}

function drawTopics(rows, models, width, open) {
  const narrow = width < NARROW;
  const left = narrow ? 6 : Math.min(210, width * 0.25);
  const top = 26;
  const head = narrow ? 20 : 0;
  const tall = (found) => head + found.length * LANE + PAD;
  const height = top + rows.reduce((sum, [, found]) => sum + tall(found), 0) + 4;
  const most = Math.max(...rows.flatMap(([, found]) => found.map((c) => c.tau.high ?? c.tau.value)));
  const marks = ticks(Math.min(1, most));
  const x = (v) => left + 10 + (v / marks.at(-1)) * (width - left - 24);
  const grid = marks.map((t) => [
    s("line", { x1: x(t), x2: x(t), y1: top - 4, y2: height, class: "gridline" }),
    s("text", { x: x(t), y: 14, class: "tick", "text-anchor": "middle" }, String(t)),
  ]);
  let y = top;
  const lanes = rows.map(([topic, found]) => {
    const at = y;
    y += tall(found);
    const label = narrow
      ? s("text", { x: left, y: at + 14, class: "label" }, cut(topic, width - 20))
      : s("text", { x: left - 6, y: at + (found.length * LANE) / 2 + 5, class: "label", "text-anchor": "end" }, cut(topic, left - 12));
    return [label, found.map((c, k) => dot(c, models.indexOf(c.model), x, at + head + (k + 0.5) * LANE, open))];
  });
  return plot("Disagreement by topic and model version", width, height, grid, lanes);
}

function dot(c, i, x, y, open) {
  const range = typeof c.tau.low === "number";
  return link(
    words(c),
    c.items,
    open,
    range ? s("line", { x1: x(Math.max(0, c.tau.low)), x2: x(c.tau.high), y1: y, y2: y, class: `range series-${i % 5}` }) : null,
    s("rect", { x: x(c.tau.value) - 14, y: y - LANE / 2, width: 28, height: LANE, class: "hit" }),
    shape(Math.max(0, i), x(c.tau.value), y),
  );
}

/** How many judgements are how far apart, for each model version: bars that lead to them. */
export function spread(data, open) {
  const some = data.overall.filter((c) => c.bins?.some((b) => b.n));
  if (!some.length) return null;
  const total = (c) => c.bins.reduce((sum, b) => sum + b.n, 0);
  const near = some.map((c) => ({ c, share: c.bins.filter((b) => b.to <= 0.2 + 1e-9).reduce((sum, b) => sum + b.n, 0) / total(c) }));
  const best = near.sort((a, b) => b.share - a.share)[0];
  const label = (c, b) => `${isolated(c.model)}: ${b.n} of ${total(c)} judgements between ${num(b.from, 1)} and ${num(b.to, 1)} apart`;
  return figure({
    title: "How far apart each judgement is",
    finding: `${isolated(best.c.model)}: ${Math.round(best.share * 100)} % of the judgements are at most 0.2 away from its order.`,
    n: `${some.reduce((sum, c) => sum + total(c), 0)} judgements`,
    made: "Each judgement's (1 - Kendall tau-b) / 2 with the order of the model, in tenths.",
    testid: "chart-spread",
    draw: (width) => drawSpread(some, label, width, open),
    rows: () =>
      table({
        caption: "Judgements by distance",
        head: ["Model", "From", "To", "Judgements"],
        rows: some.flatMap((c) => c.bins.map((b) => [c.model, num(b.from, 1), num(b.to, 1), String(b.n)])),
      }),
  });
}

function drawSpread(some, label, width, open) {
  const each = 120;
  const most = Math.max(...some.flatMap((c) => c.bins.map((b) => b.n)));
  const left = 8;
  const step = (width - left * 2) / 10;
  const bars = some.map((c, k) => {
    const base = (k + 1) * each - 22;
    return [
      s("text", { x: left, y: k * each + 16, class: "label" }, cut(c.model, width - 20)),
      s("line", { x1: left, x2: width - left, y1: base, y2: base, class: "axis" }),
      c.bins.map((b, i) => {
        const tall = b.n ? Math.max(2, ((each - 54) * b.n) / most) : 0;
        const x = left + i * step;
        return [
          s("text", { x: x, y: base + 15, class: "tick", "text-anchor": i ? "middle" : "start" }, num(b.from, 1)),
          b.n
            ? link(
                label(c, b),
                b.items,
                open,
                s("rect", { x: x + 2, y: base - tall, width: Math.max(2, step - 4), height: tall, class: "bar series-0" }),
                s("text", { x: x + step / 2, y: base - tall - 4, class: "tick", "text-anchor": "middle" }, String(b.n)),
              )
            : null,
        ];
      }),
      s("text", { x: width - left, y: base + 15, class: "tick", "text-anchor": "end" }, num(c.bins.at(-1).to, 1)),
    ];
  });
  return plot("Judgements by distance", width, some.length * each, bars);
}
