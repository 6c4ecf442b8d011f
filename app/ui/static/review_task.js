// One task under review: the judges side by side, the heat map, what they wrote, and the decision.

import { h, count, moment, num, seconds } from "./dom.js";
import { heading } from "./words.js";
import { heat } from "./heat.js";
import { orders } from "./orders.js";
import { statistics } from "./agreement.js";
import { adjudicate } from "./adjudicate.js";

/** `task` as GET /tasks/{id}/review tells it; `again()` reads it anew. */
export function reviewTask(task, say, again) {
  const passages = new Map(task.passages.map((p) => [p.id, p]));
  const reader = h("div", { class: "panel reader", hidden: true, tabindex: "-1", "data-testid": "reader" });
  const pick = (id) => read(reader, passages.get(id));
  const some = task.judgements.length > 0;
  return h(
    "article",
    { class: "review-task", "data-testid": "review-task" },
    h(
      "p",
      { class: "meta" },
      [`Task ${task.number}`, task.project?.name, task.topic, task.holdout ? "held out" : ""].filter(Boolean).join(" · "),
    ),
    h("h2", { tabindex: "-1", dir: "auto" }, task.query),
    some
      ? orders(task.judgements, task.positions, passages, pick)
      : h("p", { class: "empty" }, "Nobody has judged this task yet, and no model ranked it."),
    reader,
    some ? h("section", null, h("h3", null, "Where passages were put"), heat(task.positions, passages, pick)) : null,
    task.agreement?.length ? h("section", null, h("h3", null, "Agreement of the people"), statistics(task.agreement)) : null,
    h("section", null, h("h3", null, "What they said"), said(task, passages)),
    adjudicate(task, passages, say, again),
    task.adjudications?.length ? history(task.adjudications) : null,
  );
}

function read(reader, p) {
  if (!p) return;
  reader.hidden = false;
  reader.replaceChildren(
    h(
      "header",
      { class: "bar" },
      heading(p),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "quiet", onclick: () => (reader.hidden = true) }, "Close"),
    ),
    h("p", { class: "full", dir: "auto", tabindex: "0" }, p.text.slice(0, 20_000)),
  );
  reader.focus({ preventScroll: true });
  reader.scrollIntoView({ block: "nearest" });
}

function said(task, passages) {
  const rows = [...task.judgements, ...(task.others ?? []).map((o) => ({ ...o, order: [], claims: [], spans: [], grades: {} }))];
  if (!rows.length) return h("p", { class: "empty" }, "Nothing yet.");
  return h(
    "ul",
    { class: "cardlist two-up" },
    rows.map((j) => h("li", { class: "panel", "data-testid": "said" }, one(j, passages, task.grades))),
  );
}

function one(j, passages, labels) {
  const wrong = (j.claims ?? []).filter((c) => c.verdict === "wrong");
  const facts = [
    j.state && j.state !== "submitted" ? j.state.replace("_", " ") : "",
    j.order?.length ? `${count(j.order.flat().length, "passage")} ranked` : "",
    j.not_relevant?.length ? `${j.not_relevant.length} not relevant` : "",
    Object.keys(j.grades ?? {}).length ? gradesText(j.grades, labels) : "",
    typeof j.confidence === "number" ? `confidence ${num(j.confidence)}` : "",
    j.kind === "person" && j.active_seconds ? `${seconds(j.active_seconds)} at work` : "",
    j.visible ? `saw the order of ${j.visible}` : "",
  ].filter(Boolean);
  return [
    h(
      "header",
      { class: "row" },
      h("h4", null, h("bdi", null, j.label)),
      j.kind === "model" ? h("span", { class: "badge" }, "model") : null,
      j.mine ? h("span", { class: "badge" }, "you") : null,
      h("span", { class: "grow" }),
      h("span", { class: "meta" }, moment(j.created)),
    ),
    h("p", { class: "meta" }, facts.join(" · ")),
    j.note ? h("blockquote", { dir: "auto" }, j.note) : null,
    wrong.length
      ? h(
          "ul",
          { class: "wrong", "aria-label": "Claims marked wrong" },
          wrong.map((c) => h("li", null, claim(c, passages))),
        )
      : null,
  ];
}

function gradesText(grades, labels) {
  const by = new Map();
  for (const g of Object.values(grades)) by.set(g, (by.get(g) ?? 0) + 1);
  return `graded ${[...by]
    .sort(([a], [b]) => b - a)
    .map(([g, n]) => `${n} × ${labels[g] ?? g}`)
    .join(", ")}`;
}

function claim(c, passages) {
  const p = passages.get(c.passage_id);
  return [
    h("b", null, "Marked wrong: "),
    c.text ? h("bdi", null, c.text) : p ? ["what the model said of ", h("bdi", null, p.title || p.id)] : "a step of the model's reasoning",
    c.rewrite ? [". Instead: ", h("bdi", null, c.rewrite)] : "",
  ];
}

function history(found) {
  return h(
    "details",
    { class: "fold" },
    h("summary", null, `Decisions (${found.length})`),
    h(
      "ul",
      { class: "rows" },
      found.map((a) =>
        h(
          "li",
          null,
          h("b", null, `Version ${a.version}`),
          " by ",
          h("bdi", null, a.label),
          `, ${moment(a.created)}${a.edited ? ", edited" : ""}: `,
          h("bdi", null, a.reason),
        ),
      ),
    ),
  );
}
