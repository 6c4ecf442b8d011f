// How training went: a line chart for each thing that is measured at its steps, with the numbers behind it as a table.

import { h, num, s } from "./dom.js";
import { cut, plot, shape } from "./charts.js";
import { table } from "./forms.js";

const STAGES = { cold: "Cold start", sft: "Fine-tuning", rl: "Reinforcement learning" };
const GROUPS = [
  ["reward", "Reward", (name) => ["reward", "reward_std"].includes(name)],
  ["parts", "Parts of the reward", (name) => name.startsWith("reward.")],
  ["loss", "Loss", (name) => name === "loss" || name.startsWith("loss.")],
  ["ndcg", "NDCG", (name) => name.startsWith("ndcg")],
  ["kl", "KL against the start", (name) => name === "kl"],
  ["rate", "Learning rate", (name) => name === "rate"],
  ["length", "Length of an answer", (name) => name.startsWith("length")],
];
const MOST_DRAWN = 240; // points of one line; more are drawn as means of neighbours
const MOST_ROWS = 200;
const HEIGHT = 190;

/** {el, add(points)}: points may come in any order and more than once; what stands there is drawn anew at most once a frame. */
export function curves() {
  const stages = new Map(); // stage -> step -> values
  const figures = new Map();
  const none = h("p", { class: "empty" }, "No step has been told yet.");
  const el = h("div", { class: "m-curves", "data-testid": "curves" }, none);
  let due = false;
  const draw = () => {
    due = false;
    none.hidden = stages.size > 0;
    for (const [stage, steps] of stages) drawStage(el, figures, stage, steps);
  };
  return {
    el,
    add(points) {
      for (const { stage, step, values } of points) {
        if (!stages.has(stage)) stages.set(stage, new Map());
        stages.get(stage).set(step, values);
      }
      if (!due && points.length) requestAnimationFrame(draw);
      due ||= points.length > 0;
    },
  };
}

function drawStage(root, figures, stage, steps) {
  if (!figures.has(stage)) {
    const box = h("div", { class: "m-charts" });
    const title = h("h4", null, STAGES[stage] ?? stage);
    root.append(h("section", { "data-testid": `curves-${stage}` }, title, box));
    figures.set(stage, { box, charts: new Map() });
  }
  const { box, charts } = figures.get(stage);
  const rows = [...steps].sort(([a], [b]) => a - b);
  const names = [...new Set(rows.flatMap(([, values]) => Object.keys(values)))];
  for (const [key, title, series] of grouped(names)) {
    if (!charts.has(key)) {
      const chart = figure(`${stage}-${key}`, title);
      charts.set(key, chart);
      box.append(chart.el);
    }
    charts.get(key).show(series, rows);
  }
}

/** [key, title, names] of every chart; a name that belongs to no group has one of its own. */
function grouped(names) {
  const found = GROUPS.map(([key, title, fits]) => [key, title, names.filter(fits)]).filter(([, , series]) => series.length);
  const known = new Set(found.flatMap(([, , series]) => series));
  return [...found, ...names.filter((name) => !known.has(name)).map((name) => [name, name.replaceAll("_", " "), [name]])];
}

const digits = (value) => {
  const size = Math.abs(value);
  return !Number.isFinite(value) ? "–" : size && size < 0.001 ? value.toExponential(1) : num(value, size >= 100 ? 0 : 3);
};

function figure(key, title) {
  const box = h("div", { class: "plot" });
  const names = h("div", null);
  const said = h("p", { class: "meta m-said" });
  const toggle = h(
    "button",
    { type: "button", class: "quiet", "aria-pressed": "false", "aria-label": `${title} as a table`, "data-testid": `curve-table-${key}` },
    "As a table",
  );
  let [table, series, rows] = [false, [], []];
  const draw = () => {
    const width = box.clientWidth;
    if (!width || !rows.length) return;
    const at = box.querySelector(".scroll")?.scrollTop ?? 0;
    box.replaceChildren(table ? numbers(title, series, rows) : lines({ title, series, rows, width, said }));
    if (at) box.querySelector(".scroll").scrollTop = at;
  };
  toggle.addEventListener("click", () => {
    table = !table;
    toggle.setAttribute("aria-pressed", String(table));
    draw();
  });
  let drawn = 0;
  new ResizeObserver(() => {
    if (box.clientWidth !== drawn) draw();
    drawn = box.clientWidth;
  }).observe(box);
  return {
    el: h(
      "figure",
      { class: "figure m-curve", "data-testid": `curve-${key}` },
      h("figcaption", null, h("h5", null, title), toggle),
      names,
      box,
      said,
    ),
    show(nowSeries, nowRows) {
      if (nowSeries.join() !== series.join()) names.replaceChildren(lineKey(nowSeries));
      [series, rows] = [nowSeries, nowRows];
      said.textContent = lastText(series, rows);
      draw();
    },
  };
}

const dash = (i) => `course m-dash-${Math.floor(i / 5) % 3} series-${i % 5}`;

/** Which line is which: shape and colour repeat after five, then the line is dashed. */
function lineKey(series) {
  if (series.length < 2) return "";
  const mark = (i) =>
    s(
      "svg",
      { viewBox: "0 0 30 16", width: 30, height: 16, "aria-hidden": "true" },
      s("path", { d: "M0 8H30", class: dash(i) }),
      shape(i, 15, 8, 4.5),
    );
  return h(
    "ul",
    { class: "legend" },
    series.map((name, i) => h("li", null, mark(i), h("bdi", null, short(name)))),
  );
}

const short = (name) => name.replace(/^reward\./, "").replaceAll("_", " ");

/** The newest value of each line, in words. */
function lastText(series, rows, row = null) {
  const [step, values] = row ?? rows.at(-1);
  const latest = (name) => (row ? values[name] : rows.findLast(([, at]) => typeof at[name] === "number")?.[1][name]);
  return `Step ${step}: ${series.map((name) => `${short(name)} ${digits(latest(name) ?? NaN)}`).join(", ")}`;
}

/** At most so many points: means of neighbours, at the last step of each heap. */
function thinned(points) {
  const heap = Math.ceil(points.length / MOST_DRAWN);
  if (heap < 2) return points;
  return Array.from({ length: Math.ceil(points.length / heap) }, (_, i) => {
    const part = points.slice(i * heap, (i + 1) * heap);
    return [part.at(-1)[0], part.reduce((sum, [, v]) => sum + v, 0) / part.length];
  });
}

/** Four round numbers around `low` to `high`. */
function scale(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough - 1e-12);
  const from = Math.floor(low / step + 1e-9) * step;
  const marks = [];
  for (let mark = from; marks.length < 2 || marks.at(-1) < high - 1e-9 * span; mark += step) marks.push(mark);
  return marks;
}

function lines({ title, series, rows, width, said }) {
  const [left, top, foot] = [50, 10, 26];
  const all = series.map((name) => thinned(rows.flatMap(([step, at]) => (Number.isFinite(at[name]) ? [[step, at[name]]] : []))));
  const values = all.flat().map(([, v]) => v);
  if (!values.length) return h("p", { class: "empty" }, "No number was told.");
  const marks = scale(Math.min(...values), Math.max(...values));
  const [first, last] = [rows[0][0], rows.at(-1)[0]];
  const x = (step) => left + 8 + (last === first ? 0.5 : (step - first) / (last - first)) * (width - left - 20);
  const y = (v) => top + (1 - (v - marks[0]) / (marks.at(-1) - marks[0])) * (HEIGHT - top - foot);
  const grid = marks.map((t) => [
    s("line", { x1: left, x2: width - 6, y1: y(t), y2: y(t), class: "gridline" }),
    s("text", { x: left - 6, y: y(t) + 4, class: "tick", "text-anchor": "end" }, cut(digits(t), left)),
  ]);
  const ends = [...new Set([first, last])].map((t, i) =>
    s("text", { x: x(t), y: HEIGHT - 8, class: "tick", "text-anchor": i ? "end" : "start" }, i ? `step ${t}` : String(t)),
  );
  const drawn = all.map((points, i) => [
    s("path", {
      d: points.map(([t, v], k) => `${k ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join(""),
      class: dash(i),
    }),
    points.length ? shape(i, x(points.at(-1)[0]), y(points.at(-1)[1]), 4.5) : null,
  ]);
  const rule = s("line", { y1: top, y2: HEIGHT - foot, class: "m-rule", visibility: "hidden" });
  const svg = plot(`${title}: ${lastText(series, rows)}`, width, HEIGHT, grid, ends, drawn, rule);
  svg.setAttribute("role", "img");
  const read = (event) => {
    const at = first + ((event.clientX - svg.getBoundingClientRect().left - left - 8) / (width - left - 20)) * (last - first);
    const row = rows.reduce((best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best));
    for (const side of ["x1", "x2"]) rule.setAttribute(side, x(row[0]));
    rule.setAttribute("visibility", "visible");
    said.textContent = lastText(series, rows, row);
  };
  svg.addEventListener("pointermove", read);
  svg.addEventListener("pointerleave", () => {
    rule.setAttribute("visibility", "hidden");
    said.textContent = lastText(series, rows);
  });
  return svg;
}

/** The numbers behind the lines: the newest steps first, at most so many. */
function numbers(title, series, rows) {
  const shown = rows.slice(-MOST_ROWS).reverse();
  const made = table({
    caption: shown.length < rows.length ? `${title}: the last ${shown.length} of ${rows.length} steps` : title,
    head: ["Step", ...series.map(short)],
    rows: shown.map(([step, values]) => [String(step), ...series.map((name) => digits(values[name] ?? NaN))]),
  });
  made.classList.add("m-numbers");
  return made;
}
