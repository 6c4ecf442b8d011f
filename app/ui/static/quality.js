// The judges of a project, models among them: how far each agrees with known answers and with the others, and what to look at.

import { h, count, moment, num, s, seconds } from "./dom.js";
import { get } from "./api.js";
import { reviewTask } from "./state.js";
import { fillWith } from "./tab.js";
import { table } from "./forms.js";
import { told, whisker } from "./agreement.js";

const FLAGS = { lazy: "at random?", copier: "copies?", position_bias: "follows the shown order?", fast: "very fast?" };

/** The view Annotators of a project. */
export function annotators(project, say) {
  const box = h("section", { "data-testid": "annotators" });
  const all = () =>
    fillWith(box, async () => {
      const found = await get(`projects/${encodeURIComponent(project)}/annotators`);
      return [h("h2", null, "Who judged"), found.how ? h("p", { class: "help" }, found.how) : null, list(found.annotators, one)];
    });
  const one = async (who) => {
    await fillWith(box, async () => page(await get(`projects/${encodeURIComponent(project)}/annotators/${encodeURIComponent(who)}`), all));
    box.querySelector("h2")?.focus();
    say("One annotator.");
  };
  all();
  return box;
}

const value = (m) => (m && typeof m.value === "number" ? num(m.value) : "–");

function list(found, open) {
  if (!found.length) return h("p", { class: "empty" }, "Nobody has judged a task of this project yet.");
  const who = (r) =>
    h(
      "button",
      { type: "button", class: "link", "data-testid": "annotator-item", onclick: () => open(r.who) },
      h("bdi", null, r.label ?? r.who),
      r.mine ? " (you)" : "",
    );
  const flags = (r) => (r.flags ?? []).map((f) => h("span", { class: "badge warn" }, FLAGS[f.kind] ?? f.kind));
  return table({
    caption: "Annotators and models",
    head: ["Judge", "Kind", "Tasks", "Known answers", "Others", "Shown order", "Median time", "To look at"],
    testid: "annotator-rows",
    rows: found.map((r) => [
      who(r),
      r.kind,
      String(r.tasks),
      value(r.gold),
      value(r.peers),
      value(r.position_bias),
      r.kind === "model" || typeof r.seconds !== "number" ? "–" : seconds(r.seconds),
      flags(r),
    ]),
  });
}

const MEANS = [
  ["gold", "With known answers", "Kendall tau-b against tasks whose answer is known"],
  ["peers", "With the others", "against what the others of the same tasks agree on"],
  ["adjudicated", "With decisions", "against what reviewers decided"],
  ["position_bias", "With the order shown", "high: the order was left as it was shown"],
];

function page(r, back) {
  return [
    h(
      "p",
      { class: "row" },
      h("button", { type: "button", class: "quiet", "data-testid": "annotator-back", onclick: back }, "← All judges"),
    ),
    h("h2", { tabindex: "-1" }, h("bdi", null, r.label ?? r.who), r.mine ? " (you)" : ""),
    h(
      "p",
      { class: "meta" },
      [r.kind, count(r.tasks, "task"), typeof r.trust === "number" ? `trust ${num(r.trust)}` : "", left(r.not_submitted)]
        .filter(Boolean)
        .join(" · "),
    ),
    h("section", { "data-testid": "flags" }, h("h3", null, "To look at"), flagList(r.flags ?? [])),
    h(
      "ul",
      { class: "stats" },
      MEANS.filter(([key]) => r[key]).map(([key, label, about]) =>
        h(
          "li",
          { title: about },
          h("span", { class: "stat-name" }, label),
          typeof r[key].value === "number" ? whisker(r[key]) : h("span", null),
          h("span", { class: "meta" }, told(r[key])),
        ),
      ),
    ),
    r.series?.length ? series(r.series) : null,
  ];
}

function left(not) {
  const some = Object.entries(not ?? {}).filter(([, n]) => n);
  return some.map(([state, n]) => `${n} ${state.replace("_", " ")}`).join(", ");
}

function flagList(flags) {
  if (!flags.length) return h("p", { class: "empty" }, "Nothing stands out.");
  return h(
    "ul",
    { class: "flags" },
    flags.map((f) => h("li", { class: "note-line" }, f.sentence, f.n ? h("span", { class: "meta" }, ` n = ${f.n}`) : null)),
  );
}

const LINES = [
  ["gold", "With known answers", -1, 1],
  ["peers", "With the others", -1, 1],
  ["shown", "With the order shown", -1, 1],
  ["seconds", "Seconds at work", 0, null],
];

function series(points) {
  const some = LINES.filter(([key]) => points.some((p) => typeof p[key] === "number"));
  const task = (p) => h("button", { type: "button", class: "link", onclick: () => reviewTask(p.task) }, h("bdi", null, p.query));
  return [
    h(
      "section",
      { class: "sparks" },
      some.map(([key, label, low, high]) => spark(points, key, label, low, high)),
    ),
    h(
      "details",
      { class: "fold" },
      h("summary", null, "Task by task"),
      table({
        caption: "Task by task, oldest first",
        head: ["Question", "When", "Known answer", "Others", "Shown order", "Time"],
        rows: points.map((p) => [task(p), moment(p.created), num(p.gold), num(p.peers), num(p.shown), seconds(p.seconds)]),
      }),
    ),
  ];
}

/** A small series of dots over the tasks in their order; the table below it has the numbers. */
function spark(points, key, label, low, high) {
  const values = points.map((p) => p[key]);
  const top = high ?? Math.max(1, ...values.filter((v) => typeof v === "number"));
  const [w, tall] = [280, 64];
  const x = (i) => 8 + (i * (w - 16)) / Math.max(1, points.length - 1);
  const y = (v) => 6 + (1 - (v - low) / (top - low)) * (tall - 12);
  const known = values.filter((v) => typeof v === "number");
  return h(
    "figure",
    { class: "spark" },
    h("figcaption", null, label, h("span", { class: "meta" }, ` ${num(Math.min(...known))} to ${num(Math.max(...known))}`)),
    s(
      "svg",
      {
        viewBox: `0 0 ${w} ${tall}`,
        role: "img",
        "aria-label": `${label}, task by task: from ${num(Math.min(...known))} to ${num(Math.max(...known))}`,
      },
      s("line", { x1: 8, x2: w - 8, y1: y(low < 0 ? 0 : low), y2: y(low < 0 ? 0 : low), class: "zero" }),
      values.map((v, i) => (typeof v === "number" ? s("circle", { cx: x(i), cy: y(v), r: 3 }) : null)),
    ),
  );
}
