// Disagreement over time, a line for each model version.

import { isolated, num, s } from "./dom.js";
import { table } from "./forms.js";
import { figure, legend, link, plot, shape, ticks } from "./charts.js";

const DAY = 86_400_000;

/** One point a day and model; how many judgements it stands for is told and drawn as its size. */
export function days(data, open) {
  const points = (data.days ?? []).filter((d) => typeof d.disagreement === "number");
  if (!points.length) return null;
  const models = data.models.filter((m) => points.some((p) => p.model === m));
  const words = (p) => `${p.day}, ${isolated(p.model)}: ${num(p.disagreement)}, n = ${p.n}`;
  return figure({
    title: "Over time",
    finding: finding(points),
    n: `${points.reduce((sum, p) => sum + p.n, 0)} judgements on ${new Set(points.map((p) => p.day)).size} days`,
    made: "Mean disagreement of the judgements of one day; larger marks stand for more of them.",
    testid: "chart-days",
    legend: legend(models),
    draw: (width) => draw(points, models, words, width, open),
    rows: () =>
      table({
        caption: "Disagreement by day",
        head: ["Day", "Model", "Disagreement", "Judgements"],
        rows: points.map((p) => [p.day, p.model, num(p.disagreement), String(p.n)]),
      }),
  });
}

function finding(points) {
  const sorted = [...points].sort((a, b) => (a.day < b.day ? -1 : 1));
  if (sorted[0].day === sorted.at(-1).day) return `All judgements are of ${sorted[0].day}: there is no course to see yet.`;
  const half = sorted.slice(0, Math.ceil(sorted.length / 2));
  const rest = sorted.slice(half.length);
  const mean = (list) => list.reduce((sum, p) => sum + p.disagreement * p.n, 0) / list.reduce((sum, p) => sum + p.n, 0);
  const [before, after] = [mean(half), mean(rest.length ? rest : half)];
  const how = Math.abs(before - after) < 0.01 ? "about the same" : after < before ? "lower" : "higher";
  return `In the later half ${num(after)}, in the earlier ${num(before)}: ${how}.`;
}

function draw(points, models, words, width, open) {
  const [height, left, top, foot] = [230, 38, 14, 34];
  const at = (p) => Date.parse(`${p.day}T00:00:00Z`);
  const first = Math.min(...points.map(at));
  const last = Math.max(first + DAY, ...points.map(at));
  const marks = ticks(Math.min(1, Math.max(0.1, ...points.map((p) => p.disagreement))));
  const x = (t) => left + 14 + ((t - first) / (last - first)) * (width - left - 34);
  const y = (v) => top + (1 - v / marks.at(-1)) * (height - top - foot);
  const grid = marks.map((t) => [
    s("line", { x1: left, x2: width - 8, y1: y(t), y2: y(t), class: "gridline" }),
    s("text", { x: left - 6, y: y(t) + 4, class: "tick", "text-anchor": "end" }, String(t)),
  ]);
  const dates = [...new Set([first, ...(points.some((p) => at(p) === last) ? [last] : [])])].map((t, i) =>
    s("text", { x: x(t), y: height - 12, class: "tick", "text-anchor": i ? "end" : "start" }, new Date(t).toISOString().slice(0, 10)),
  );
  const most = Math.max(...points.map((p) => p.n));
  const series = models.map((m, i) => {
    const own = points.filter((p) => p.model === m).sort((a, b) => at(a) - at(b));
    const d = own.map((p, k) => `${k ? "L" : "M"}${x(at(p))} ${y(p.disagreement)}`).join("");
    const dots = own.map((p) =>
      link(
        words(p),
        p.items,
        open,
        s("circle", { cx: x(at(p)), cy: y(p.disagreement), r: 12, class: "hit" }),
        shape(i, x(at(p)), y(p.disagreement), 4 + 4 * Math.sqrt(p.n / most)),
      ),
    );
    return [s("path", { d, class: `course series-${i % 5}` }), dots];
  });
  return plot("Disagreement over time", width, height, grid, dates, series);
}
