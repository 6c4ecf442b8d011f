// One synthesized item: the list with labels and origins, every answer of the teacher beside the others, trace, scores with reasons.

import { h, count, gradeText, light, num } from "./dom.js";
import { get } from "./api.js";
import { table } from "./forms.js";
import { fillWith } from "./tab.js";
import { OUTCOMES, cited, heading, name, problemsText } from "./words.js";
import { arrow, bars } from "./cards.js";
import { orders } from "./orders.js";
import { stateBadge } from "./train_words.js";

const WHOSE = {
  source: "human labels of the source's data set",
  people: "judgements of people of this studio",
  teacher: "the teacher's own pointwise answers, with the gold answer in sight",
};
const ORIGINS = { given: "given by the source", linked: "linked page", retrieved: "found by the retriever", hard: "hard negative" };
const LONG = 420; // characters of a passage that are shown before it is unfolded

/** The item in a box of its own; `back()` leads to where it was opened. */
export function itemView(synthesis, number, ctx, back) {
  const inside = h("div", null);
  const root = h(
    "section",
    { class: "train-item", "data-testid": "item" },
    h("p", { class: "row" }, h("button", { type: "button", class: "quiet", "data-testid": "item-back", onclick: back }, "← All items")),
    inside,
  );
  fillWith(inside, async () => {
    const item = await get(`syntheses/${encodeURIComponent(synthesis)}/items/${number}`);
    return whole(item, (id) => toCard(inside, id));
  }).then(() => inside.querySelector("h3")?.focus());
  inside.addEventListener("click", (event) => {
    const at = event.target.closest?.("[data-testid=cite]");
    if (at) toCard(inside, at.dataset.pid);
  });
  return root;
}

function toCard(inside, id) {
  const card = [...inside.querySelectorAll("[data-card]")].find((el) => el.dataset.card === id);
  if (!card) return;
  light(card);
  card.focus({ preventScroll: true });
}

function whole(item, pick) {
  const passages = new Map(item.passages.map((p) => [p.id, p]));
  const best = item.samples?.[item.chosen];
  return [
    h("h3", { tabindex: "-1", class: "train-query", dir: "auto" }, item.query || "(no query)"),
    h(
      "p",
      { class: "meta" },
      stateBadge(item.state),
      " ",
      [`no. ${item.number}`, item.domain, `${item.source} ${item.source_id}`, item.teacher && `ranked by ${item.teacher}`, item.licence]
        .filter(Boolean)
        .join(" · "),
    ),
    item.error ? h("p", { class: "trouble", dir: "auto" }, item.error) : null,
    (item.notes ?? []).map((note) => h("p", { class: "note-line", dir: "auto" }, note)),
    item.answer ? fold("The answer that the source gives", h("p", { dir: "auto", class: "train-text" }, item.answer)) : null,
    scores(item),
    item.passages.length ? list(item, best) : null,
    item.samples?.length ? samples(item, passages, pick) : null,
    item.mined?.length ? mined(item, passages) : null,
  ];
}

const fold = (title, ...children) => h("details", { class: "fold" }, h("summary", null, title), children);

function scores(item) {
  const names = [...new Set([...Object.keys(item.scores ?? {}), ...Object.keys(item.reasons ?? {})])];
  if (!names.length) return null;
  return h(
    "section",
    null,
    h("h4", null, "Scores"),
    table({
      caption: "Scores by filter",
      head: ["Filter", "Score", "Why"],
      testid: "item-scores",
      rows: names.map((key) => [
        key.replaceAll("_", " "),
        typeof item.scores?.[key] === "number" ? num(item.scores[key]) : "nothing to say",
        h("bdi", null, (item.reasons?.[key] ?? []).join("; ") || "–"),
      ]),
    }),
  );
}

function list(item, best) {
  const order = best?.order ?? item.passages.map((p) => p.id);
  const at = new Map(order.map((id, i) => [id, i + 1]));
  const sorted = [...item.passages].sort((a, b) => (at.get(a.id) ?? Infinity) - (at.get(b.id) ?? Infinity));
  const built = new Map(item.passages.map((p, i) => [p.id, i + 1]));
  return h(
    "section",
    null,
    h("h4", null, `The list: ${count(item.passages.length, "passage")}`),
    h(
      "p",
      { class: "help" },
      best
        ? "In the order that trains; arrows are moves against the order in which the list was built. "
        : "In the order in which it was built. ",
      `Labels: ${WHOSE[item.labelled_by] ?? item.labelled_by}.`,
    ),
    h(
      "ol",
      { class: "train-cards", "data-testid": "item-list" },
      sorted.map((p) => card(p, item, { rank: at.get(p.id), moved: best && at.has(p.id) ? built.get(p.id) - at.get(p.id) : null })),
    ),
  );
}

function card(p, item, { rank, moved }) {
  const long = p.text.length > LONG;
  const grade = item.grades?.[p.id];
  return h(
    "li",
    { class: "panel train-card", tabindex: "-1", "data-card": p.id, "data-testid": "item-card" },
    h(
      "header",
      { class: "row" },
      h("span", { class: "rank" }, rank ? String(rank) : "–"),
      arrow(moved),
      heading(p),
      h("span", { class: "grow" }),
      typeof grade === "number"
        ? h("span", { class: `badge ${grade > 0 ? "good" : ""}` }, grade > 0 ? `label ${gradeText(grade)}` : "not relevant")
        : null,
      h("span", { class: "meta" }, ORIGINS[item.origins?.[p.id]] ?? ""),
    ),
    h("p", { class: "train-text", dir: "auto" }, long ? `${p.text.slice(0, LONG)}…` : p.text),
    long ? fold("All of it", h("p", { class: "train-text", dir: "auto" }, p.text)) : null,
    bars(p.features),
  );
}

/** Every listwise answer as a line through the passages, then each with what it was shown and what it wrote. */
function samples(item, passages, pick) {
  const judges = item.samples.map((s, i) => ({ label: i === item.chosen ? `${i + 1} (trains)` : `Answer ${i + 1}`, kind: "model" }));
  const people = (item.opinions ?? []).map((o, i) => ({ label: `Person ${i + 1}`, kind: "person", order: o.order }));
  const ranks = (groups, id) => {
    let at = 0;
    for (const group of groups) {
      if (group.includes(id)) return at + (group.length + 1) / 2;
      at += group.length;
    }
    return null;
  };
  const positions = Object.fromEntries(
    [...passages.keys()].map((id) => [
      id,
      [...item.samples.map((s) => (s.order.includes(id) ? s.order.indexOf(id) + 1 : null)), ...people.map((p) => ranks(p.order, id))],
    ]),
  );
  return h(
    "section",
    null,
    h("h4", null, "What the teacher answered"),
    h(
      "p",
      { class: "help" },
      `${count(item.samples.length, "answer")} over the list in shuffled orders. The one that trains is nearest to the others.`,
    ),
    orders([...judges, ...people], positions, passages, pick),
    item.samples.map((s, i) => sample(s, i, item, passages)),
  );
}

function sample(s, i, item, passages) {
  const titles = new Map([...passages].map(([id, p]) => [id, name(p)]));
  const [short] = OUTCOMES[s.outcome] ?? [s.outcome];
  const trouble = problemsText(s.outcome, s.problems);
  const length = s.tokens_out ? `, ${count(s.tokens_out, "token")}` : "";
  const title = `Answer ${i + 1}${i === item.chosen ? ", which trains" : ""}: ${short}${length}`;
  const el = h("details", { class: "fold", open: i === item.chosen, "data-testid": "sample" }, h("summary", null, title));
  // A trace may be long, and there are several: made when it is unfolded.
  const fill = () => {
    if (!el.open || el.childElementCount > 1) return;
    el.append(
      trouble ? h("p", { class: "problem" }, trouble) : "",
      h(
        "div",
        { class: "train-two" },
        h(
          "div",
          null,
          h("h4", null, "Trace"),
          s.reasoning
            ? h("p", { class: "raw train-trace", dir: "auto", tabindex: "0", "data-testid": "trace" }, cited(s.reasoning, s.shown, titles))
            : h("p", { class: "empty" }, "It wrote no reasoning."),
        ),
        h("div", null, h("h4", null, "Its order, against what it was shown"), moves(s, passages)),
      ),
    );
  };
  el.addEventListener("toggle", fill);
  fill();
  return el;
}

const moves = (s, passages) =>
  h(
    "ol",
    { class: "train-moves" },
    s.order.map((id, i) =>
      h(
        "li",
        null,
        h("span", { class: "n" }, String(i + 1)),
        arrow(s.shown.includes(id) ? s.shown.indexOf(id) - i : null),
        h("bdi", { class: "t" }, name(passages.get(id) ?? { id, title: id, text: "" })),
      ),
    ),
  );

/** All pointwise answers of the teacher, whoever's labels count. */
function mined(item, passages) {
  const head = item.mined.map((m) => `${m.prompt} ${m.sample + 1}`);
  return fold(
    `What the teacher marked, passage by passage (${count(item.mined.length, "answer")})`,
    h("p", { class: "help" }, "It saw the gold answer here; where it ranks, it does not."),
    item.mined.some((m) => m.outcome !== "clean")
      ? h(
          "p",
          { class: "problem" },
          item.mined
            .filter((m) => m.outcome !== "clean")
            .map((m) => `${m.prompt} ${m.sample + 1}: ${problemsText(m.outcome, m.problems) || m.outcome} `),
        )
      : null,
    table({
      caption: "Pointwise answers",
      head: ["Passage", ...head, "Counts"],
      rows: item.passages.map((p) => [
        h("bdi", null, name(passages.get(p.id))),
        ...item.mined.map((m) => (p.id in m.grades ? gradeText(m.grades[p.id]) : "–")),
        typeof item.grades?.[p.id] === "number" ? gradeText(item.grades[p.id]) : "–",
      ]),
    }),
  );
}
