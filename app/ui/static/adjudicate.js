// The decision of a reviewer: an order picked from a judge or put together, and why. A stale decision is shown beside the newer one.

import { h } from "./dom.js";
import { ApiError, post } from "./api.js";
import { conflict } from "./conflict.js";
import { Refused, area, check, form, keyring } from "./forms.js";
import { Judgement } from "./judgement.js";
import { steps } from "./steps.js";

/** `task` as GET /tasks/{id}/review tells it; `again()` reads it anew after a decision. */
export function adjudicate(task, passages, say, again) {
  if (!task.judgements.length) return "";
  if (task.may && !task.may.adjudicate)
    return h("section", null, h("h3", null, "Decide"), h("p", { class: "empty", "data-testid": "may-not" }, task.may.why));
  const state = {
    keys: keyring(),
    base: task.base_version ?? task.adjudication?.version ?? 0,
    picked: task.adjudication?.picked_id ?? null,
  };
  const order = new Judgement(task.passages.map((p) => p.id));
  order.load(task.adjudication ?? task.judgements[0]);
  if (!task.adjudication) state.picked = task.judgements[0].id;
  const choose = h("fieldset", { class: "segments pickers", "data-testid": "pick" });
  const clash = h("div", null);
  const drawChoice = () => choose.replaceChildren(h("legend", null, "Start from"), ...task.judgements.map((j) => picker(j, state, order)));
  drawChoice();
  const reason = area({
    name: "reason",
    label: "Reason (needed)",
    hint: "What decides between the orders, for whoever reads this later.",
    rows: 3,
    required: true,
    maxlength: 4000,
  });
  const gold = check({ name: "gold", label: "Use it as a known answer for later annotators" });
  const act = async (values) => {
    if (!values.reason.trim()) throw new Refused("Say in a sentence why: the reason is kept with the decision.");
    await save({ task, state, order, values, clash, passages, say, again });
  };
  return h(
    "section",
    { class: "decide", "data-testid": "decide" },
    h("h3", null, task.adjudication ? `Decided, version ${task.adjudication.version}` : "Decide"),
    choose,
    h(
      "p",
      { class: "help" },
      "Change it by dragging, by the buttons, or with Alt and the arrow keys; X means not relevant, T a tie with the one above.",
    ),
    steps(order, passages, say, { grades: task.grades }),
    clash,
    form({ testid: "adjudication", label: "Save the decision", fields: [reason, gold], act }),
  );
}

function picker(j, state, order) {
  const input = h("input", {
    type: "radio",
    name: "rr-picked",
    value: j.id,
    checked: state.picked === j.id,
    "data-testid": `pick-${j.who}`,
    onchange: () => {
      state.picked = j.id;
      order.load(j);
    },
  });
  return h("label", null, input, h("span", null, h("bdi", null, j.label)));
}

async function save(at) {
  const { task, state, order, values, say, again } = at;
  const { order: groups, not_relevant, unranked, grades } = order.wire();
  const body = {
    base_version: state.base,
    picked_id: state.picked,
    order: groups,
    not_relevant,
    unranked,
    grades,
    reason: values.reason,
    ...(values.gold ? { gold: true } : {}),
  };
  try {
    await post(`tasks/${encodeURIComponent(task.task)}/adjudications`, { idempotency_key: state.keys(body), ...body });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    return stale(at, error.body?.newest, error.message);
  }
  say("The decision was saved.");
  again();
}

/** Somebody decided meanwhile: both orders, and the choice which is to be the newest. */
function stale({ task, state, order, clash, passages, values, say, again }, newest, message) {
  if (!newest) {
    clash.replaceChildren(
      h(
        "div",
        { class: "clash", role: "alert" },
        h("p", null, message),
        h("button", { type: "button", class: "quiet", onclick: again }, "Look at it anew"),
      ),
    );
    return;
  }
  const mine = { ...order.wire(), note: values.reason };
  clash.replaceChildren(
    conflict(mine, { ...newest, note: newest.reason }, passages, (keep, merged) => {
      clash.replaceChildren();
      if (!keep) return again();
      if (merged) order.load(merged);
      state.base = newest.version;
      save({ task, state, order, clash, passages, values, say, again });
    }),
  );
}
