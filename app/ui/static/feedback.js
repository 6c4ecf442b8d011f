// What a person learns after a task of the tutorial: how close they came, the expected order beside theirs, and why.

import { h, num } from "./dom.js";
import { misplaced, places } from "./difference.js";
import { name } from "./words.js";
import { markdown } from "./markdown.js";

/** `given` is F of the server's answer, `mine` the judgement as sent. {el, button}; `next()` goes on. */
export function feedback(given, mine, passages, next) {
  const last = given.left === 0;
  const button = h(
    "button",
    { type: "button", class: "primary", "data-testid": "feedback-next", onclick: next },
    last ? "Begin the real tasks" : "Next example",
  );
  const el = h(
    "section",
    { class: `feedback ${given.good ? "good" : ""}`, "aria-labelledby": "rr-feedback", "data-testid": "feedback" },
    h("h3", { id: "rr-feedback" }, given.good ? "That is how we see it too." : "We would have ordered some of them differently."),
    h("p", { class: "meta" }, agreement(given), last ? "" : ` ${given.left} more to practise.`),
    given.why ? h("div", { class: "md" }, markdown(given.why, 4)) : null,
    h("div", { class: "two" }, list("Expected", given.gold, mine, passages), list("Yours", mine, given.gold, passages)),
    h("div", { class: "row" }, button),
  );
  return { el, button };
}

function agreement({ agreement: tau }) {
  if (typeof tau !== "number") return "Too little was ranked to measure how close the two orders are.";
  return `Agreement of the two orders: ${num(tau)} (1 is the same order, 0 no relation, −1 the reverse).`;
}

function list(title, wire, other, passages) {
  const elsewhere = misplaced(wire, other);
  const where = { off: "not relevant", unranked: "not judged" };
  const rows = [...places(wire)].map(([id, p]) => {
    const unlike = elsewhere.has(id);
    const called = passages.has(id) ? name(passages.get(id)) : id;
    return h(
      "li",
      { class: unlike ? "differs" : "" },
      h("span", { class: "at" }, p.rank === null ? "–" : `${p.rank}${p.tied ? "=" : ""}`),
      h("span", { dir: "auto", class: "name" }, called.slice(0, 120), unlike ? h("span", { class: "sr" }, " (differs)") : null),
      p.rank === null ? h("span", { class: "grade" }, where[p.where]) : null,
      wire.grades?.[id] === undefined ? null : h("span", { class: "grade" }, `grade ${wire.grades[id]}`),
    );
  });
  return h("div", { class: "side" }, h("h4", null, title), h("ol", { role: "list" }, rows));
}
