// A person's own judgements, to go back to.

import { h, moment } from "./dom.js";
import { ApiError, get } from "./api.js";
import { outbox } from "./outbox.js";

/** Fills `box` with the newest of my judgements; `open` is the run on screen, `choose({run} or {assignment})` opens another. */
export async function fillHistory(box, open, choose) {
  let judgements = [];
  let trouble = "";
  try {
    ({ judgements } = await get("judgements"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    trouble = error.message;
  }
  const held = outbox.targets ?? new Set();
  const waits = (j) => held.has(j.assignment ? `assignment:${j.assignment}` : `run:${j.run}`);
  const rows = judgements.map((j) => row(j, { open, choose, waiting: waits(j) }));
  const none = h("p", { class: "empty" }, trouble ? "" : "None yet. The first one you save will stand here.");
  box.replaceChildren(
    h("h2", null, "My judgements"),
    trouble ? h("p", { class: "trouble" }, trouble) : "",
    rows.length ? h("ul", { class: "rows" }, rows) : none,
  );
}

function row(j, { open, choose, waiting }) {
  const target = j.assignment ? { assignment: j.assignment } : { run: j.run };
  const facts = [j.state.replaceAll("_", " "), `version ${j.version}`, moment(j.created), waiting ? "changes not saved yet" : ""];
  const props = {
    type: "button",
    class: "rowbutton",
    disabled: !j.run && !j.assignment,
    "data-testid": "history-item",
    "aria-current": String(Boolean(open) && (target.assignment ?? target.run) === open),
    onclick: () => choose(target),
  };
  return h(
    "li",
    null,
    h("button", props, h("span", { class: "q", dir: "auto" }, j.query), h("span", { class: "meta" }, facts.filter(Boolean).join(" · "))),
  );
}
