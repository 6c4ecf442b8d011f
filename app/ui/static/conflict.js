// Two versions of one judgement, side by side, and the choice between them.

import { h, count, moment } from "./dom.js";
import { name } from "./words.js";

/** `mine` and `theirs` as they go over the wire; `choose(true)` keeps mine. */
export function conflict(mine, theirs, passages, choose) {
  return h(
    "section",
    { class: "clash", role: "alertdialog", "aria-labelledby": "rr-conflict", "data-testid": "conflict" },
    h("h3", { id: "rr-conflict" }, "Two versions of this judgement"),
    h(
      "p",
      null,
      "A newer version was saved elsewhere while you worked. Nothing is lost: both stay in the history, one of them will be the newest.",
    ),
    h(
      "div",
      { class: "two" },
      side(
        "Yours, not saved",
        mine,
        theirs,
        passages,
        h("button", { type: "button", class: "primary", "data-testid": "keep-mine", onclick: () => choose(true) }, "Keep mine"),
      ),
      side(
        `Version ${theirs.version}, ${moment(theirs.created)}`,
        theirs,
        mine,
        passages,
        h("button", { type: "button", class: "quiet", "data-testid": "take-theirs", onclick: () => choose(false) }, "Take that one"),
      ),
    ),
  );
}

function side(title, wire, other, passages, button) {
  const place = (w) => new Map(w.order.flatMap((group, i) => group.map((id) => [id, i])));
  const here = place(wire);
  const there = place(other);
  const differs = (id) => here.get(id) !== there.get(id) || wire.grades?.[id] !== other.grades?.[id];
  const line = (id, i) =>
    h(
      "li",
      { class: differs(id) ? "differs" : "", value: i + 1 },
      h("span", { dir: "auto" }, passages.has(id) ? name(passages.get(id)) : id),
      wire.grades?.[id] === undefined ? null : h("span", { class: "grade" }, `grade ${wire.grades[id]}`),
    );
  return h(
    "div",
    { class: "side" },
    h("h4", null, title),
    h("p", { class: "meta" }, `${count(here.size, "passage")} ranked, ${wire.not_relevant?.length ?? 0} not relevant`),
    h(
      "ol",
      null,
      wire.order.flatMap((group, i) => group.map((id) => line(id, i))),
    ),
    wire.note ? h("blockquote", { dir: "auto" }, wire.note) : null,
    button,
  );
}
