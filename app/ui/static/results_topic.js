// One topic of an evaluation: the first stage's order beside the one reached, or two evaluations beside each other, with their traces.

import { h, count, light, num, seconds } from "./dom.js";
import { get } from "./api.js";
import { pick } from "./forms.js";
import { fillWith } from "./tab.js";
import { whole } from "./train_words.js";
import { misplaced } from "./difference.js";
import { signed } from "./models_gate.js";
import { orders } from "./orders.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { traceOf } from "./results_trace.js";
import { choiceText, fullName } from "./results_words.js";
import { OUTCOMES, heading, name } from "./words.js";

const TOP = 10; // places of a column whose passages are drawn as lines: a hundred lines nobody can follow
const MOST_LINES = 60;
const AT_FIRST = 20; // candidates whose cards are there at once
const LONG = 420; // characters of a passage that are shown before it is unfolded

const pathOf = (id, { set, topic }) => `results/${encodeURIComponent(id)}/topic?${new URLSearchParams({ set, topic })}`;

/** The page as an element; `close()` leads back to the topics. */
export function topicPage(id, at, ctx, close) {
  const inside = h("div", null);
  const back = h("button", { type: "button", class: "quiet", "data-testid": "topic-back", onclick: close }, "← All topics");
  const root = h("section", { "data-testid": "topic-page" }, h("p", { class: "row" }, back), inside);
  fillWith(inside, async () => {
    const [topic, { results }] = await Promise.all([get(pathOf(id, at)), get("results")]);
    return parts(id, topic, results);
  }).then(() => inside.querySelector("h2")?.focus({ preventScroll: true }));
  return root;
}

function parts(id, topic, results) {
  const mine = results.find((r) => r.id === id);
  const others = results.filter((r) => r.id !== id && r.suite === mine?.suite);
  const beside = h("div", null);
  const list = passages(topic);
  const pickOut = (pid) => {
    list.showAll();
    toCard(list, pid);
  };
  const show = (other) =>
    fillWith(beside, async () => {
      setResultsPlace({ other });
      const second = other ? await get(pathOf(other, topic)) : null;
      const label = mine ? fullName(mine) : "this evaluation";
      const sides = [{ label, topic }, ...(second ? [{ label: fullName(others.find((r) => r.id === other)), topic: second }] : [])];
      return besides(sides, pickOut);
    });
  const which = pick({
    name: "topic-beside",
    label: "Beside",
    choices: [["", "the first stage"], ...others.map((r) => [r.id, choiceText(r)])],
    value: others.some((r) => r.id === resultsPlace().other) ? resultsPlace().other : "",
  });
  which.input.addEventListener("change", () => show(which.value));
  show(which.value);
  return [
    h("h2", { tabindex: "-1", class: "train-query", dir: "auto", "data-testid": "topic-query" }, topic.query || topic.topic),
    h("p", { class: "meta", dir: "auto" }, metaOf(topic)),
    topic.error ? h("p", { class: "trouble", dir: "auto" }, topic.error) : null,
    topic.tied ? h("p", { class: "note-line" }, "Equal scores stand among its first ten: trec_eval orders those by id.") : null,
    others.length ? h("div", { class: "choices inrow" }, which.el) : null,
    beside,
    list,
  ];
}

const metaOf = (t) =>
  [
    t.domain || t.set,
    `topic ${t.topic}`,
    `first stage ${num(t.first, 3)}`,
    `reached ${num(t.value, 3)} (${signed(t.gain)})`,
    typeof t.ceiling === "number" ? `ceiling ${num(t.ceiling, 3)}` : "",
    count(t.relevant, "relevant passage"),
    t.unlisted ? `${t.unlisted} of them not among the candidates` : "",
  ]
    .filter(Boolean)
    .join(" · ");

/** Orders as lines through the passages, then what each side wrote. */
function besides(sides, pickOut) {
  const [{ topic }] = sides;
  const columns = [
    { label: "First stage", order: topic.orders.first },
    ...sides.map(({ label, topic: t }) => ({ label, order: t.orders.reached })),
  ];
  const known = new Map(sides.flatMap((side) => side.topic.passages.map((p) => [p.id, graded(p)])));
  const drawn = worthDrawing(columns, known);
  const ranks = columns.map(({ order }) => new Map(order.filter((id) => drawn.has(id)).map((id, i) => [id, i + 1])));
  const positions = Object.fromEntries([...drawn].map((id) => [id, ranks.map((rank) => rank.get(id) ?? null)]));
  const asList = (order) => ({ order: order.map((id) => [id]) });
  const [before, after] = columns.slice(-2);
  const moved = misplaced(asList(before.order), asList(after.order)).size;
  const all = new Set(columns.flatMap((c) => c.order)).size;
  return [
    h(
      "p",
      { class: "help", "data-testid": "topic-moved" },
      `${count(moved, "passage")} moved from “${before.label}” to “${after.label}”. `,
      all > drawn.size ? `Drawn are those among the first ${TOP} of a column or relevant, ${drawn.size} of ${all}; ranks count these alone.` : "",
    ),
    orders(
      columns.map((c) => ({ label: c.label, kind: "model" })),
      positions,
      known,
      pickOut,
    ),
    h(
      "div",
      { class: "train-two r-sides" },
      sides.map((side) => sideOf(side, pickOut)),
    ),
  ];
}

/** A passage with its grade in its name, so that lines can be told apart. */
const graded = (p) => ({ ...p, title: [p.grade > 0 ? `★${p.grade}` : "", name(p)].filter(Boolean).join(" ") });

/** Ids of the passages that stand first in any column, and of the relevant ones. */
function worthDrawing(columns, known) {
  const first = columns.flatMap((c) => c.order.slice(0, TOP));
  const relevant = columns.flatMap((c) => c.order).filter((id) => known.get(id)?.grade > 0);
  return new Set([...first, ...relevant].filter((id) => known.has(id)).slice(0, MOST_LINES));
}

function sideOf({ label, topic }, pickOut) {
  const [outcome] = OUTCOMES[topic.outcome] ?? [topic.outcome];
  return h(
    "section",
    { "data-testid": "topic-side" },
    h("h3", { dir: "auto" }, label),
    h(
      "p",
      { class: "meta" },
      [
        `${num(topic.value, 3)} (${signed(topic.gain)} against the first stage)`,
        topic.calls ? `${count(topic.calls, "call")}, ${outcome}` : "no calls",
        topic.calls ? `${whole(topic.tokens)} tokens` : "",
        topic.calls ? seconds(topic.seconds) : "",
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    traceOf(topic, pickOut, label),
  );
}

function toCard(box, id) {
  const card = [...box.querySelectorAll("[data-card]")].find((el) => el.dataset.card === id);
  if (!card) return;
  light(card);
  card.focus({ preventScroll: true });
}

/** The candidates in the order reached, each with its grade and where the first stage had it; the first ones, then all on demand. */
function passages(topic) {
  const at = new Map(topic.orders.reached.map((id, i) => [id, i + 1]));
  const sorted = [...topic.passages].sort((a, b) => (at.get(a.id) ?? Infinity) - (at.get(b.id) ?? Infinity));
  const made = (some) => some.map((p) => card(p, at.get(p.id)));
  const list = h("ol", { class: "train-cards", "data-testid": "topic-passages" }, made(sorted.slice(0, AT_FIRST)));
  const rest = sorted.slice(AT_FIRST);
  const all = h("button", { type: "button", class: "quiet", hidden: !rest.length, "data-testid": "topic-all" }, `Show all ${sorted.length}`);
  const el = h(
    "section",
    null,
    h("h3", null, `Candidates: ${count(sorted.length, "passage")}`),
    topic.known ? null : h("p", { class: "help" }, "The texts of this suite are not on this machine: ids stand for the passages."),
    list,
    h("p", { class: "row" }, all),
  );
  el.showAll = () => {
    if (list.childElementCount < sorted.length) list.append(...made(rest));
    all.hidden = true;
  };
  all.addEventListener("click", () => {
    el.showAll();
    list.children[AT_FIRST]?.focus();
  });
  return el;
}

function card(p, rank) {
  const long = p.text.length > LONG;
  return h(
    "li",
    { class: "panel train-card", tabindex: "-1", "data-card": p.id },
    h(
      "header",
      { class: "row" },
      h("span", { class: "rank" }, rank ? String(rank) : "–"),
      heading(p),
      h("span", { class: "grow" }),
      gradeBadge(p.grade),
      h("span", { class: "meta" }, p.first_rank ? `first stage ${p.first_rank}` : "not in the first stage"),
    ),
    p.text ? h("p", { class: "train-text", dir: "auto" }, long ? `${p.text.slice(0, LONG)}…` : p.text) : null,
    long ? h("details", { class: "fold" }, h("summary", null, "All of it"), h("p", { class: "train-text", dir: "auto" }, p.text)) : null,
  );
}

function gradeBadge(grade) {
  if (grade === null || grade === undefined) return h("span", { class: "meta" }, "not judged");
  return h("span", { class: `badge ${grade > 0 ? "good" : ""}` }, grade > 0 ? `grade ${grade}` : "not relevant");
}
