// A person's own judgements, to go back to.

import { h, moment } from "./dom.js";
import { ApiError, get } from "./api.js";
import { unsaved } from "./saver.js";

/** Fills `box` with the newest of my judgements; `open` is the token of the run on screen, `choose(token)` opens another. */
export async function fillHistory(box, open, choose) {
  let judgements = [];
  let trouble = "";
  try {
    ({ judgements } = await get("judgements"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    trouble = error.message;
  }
  const waiting = new Set(unsaved());
  const rows = judgements.map((j) => row(j, { open, choose, waiting: waiting.has(j.run) }));
  const none = h("p", { class: "empty" }, trouble ? "" : "None yet. The first one you save will stand here.");
  box.replaceChildren(
    h("h2", null, "My judgements"),
    trouble ? h("p", { class: "trouble" }, trouble) : "",
    rows.length ? h("ul", { class: "rows" }, rows) : none,
  );
}

function row(j, { open, choose, waiting }) {
  const facts = [j.state, `version ${j.version}`, moment(j.created), waiting ? "changes not saved yet" : ""];
  const props = {
    type: "button",
    class: "rowbutton",
    disabled: !j.run,
    "data-testid": "history-item",
    "aria-current": String(j.run === open),
    onclick: () => choose(j.run),
  };
  return h(
    "li",
    null,
    h("button", props, h("span", { class: "q", dir: "auto" }, j.query), h("span", { class: "meta" }, facts.filter(Boolean).join(" · "))),
  );
}
