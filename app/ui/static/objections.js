// The inbox of objections that visitors sent: untrusted until a reviewer accepts one and says how far to trust it.

import { h, moment } from "./dom.js";
import { get, post } from "./api.js";
import { setRun, studio, goTo } from "./state.js";
import { failed, fillWith } from "./tab.js";
import { told } from "./agreement.js";
import { field, form } from "./forms.js";

const STATES = [
  ["new", "New"],
  ["accepted", "Accepted"],
  ["rejected", "Rejected"],
];

/** The view Objections. */
export function objections(say) {
  const list = h("div", null);
  const load = (state) => fillWith(list, async () => rows(await get(`disagreements?state=${state}`), state, say, () => load(state)));
  const choice = h(
    "fieldset",
    { class: "segments" },
    h("legend", null, "Which"),
    STATES.map(([key, text], i) =>
      h(
        "label",
        null,
        h("input", {
          type: "radio",
          name: "rr-objections",
          value: key,
          checked: !i,
          "data-testid": `objections-${key}`,
          onchange: () => load(key),
        }),
        h("span", null, text),
      ),
    ),
  );
  load("new");
  return h("section", { "data-testid": "objections" }, h("h2", null, "Objections of visitors"), choice, list);
}

function rows(found, state, say, again) {
  const all = found.disagreements;
  if (!all.length) return h("p", { class: "empty" }, state === "new" ? "No objection waits for a reviewer." : `None is ${state}.`);
  return [
    h(
      "ul",
      { class: "cardlist" },
      all.map((d) => h("li", { class: "panel", "data-testid": "objection-item" }, one(d, state, say, again))),
    ),
    found.more ? h("p", { class: "help" }, "Older ones come up when these are decided.") : null,
  ];
}

function one(d, state, say, again) {
  return [
    h(
      "header",
      { class: "row" },
      h(
        "button",
        { type: "button", class: "link q", "data-testid": "objection-run", onclick: () => openRun(d.run) },
        h("bdi", null, d.query),
      ),
      h("span", { class: "grow" }),
      h("span", { class: "meta" }, `${d.model} · ${moment(d.created)}`),
    ),
    h(
      "p",
      { class: "meta" },
      "by ",
      h("bdi", null, d.label ?? d.who),
      d.newer ? " · objected again later" : "",
      d.holdout ? " · held out" : "",
    ),
    d.note ? h("blockquote", { dir: "auto" }, d.note) : null,
    d.order ? correction(d) : h("p", { class: "help" }, "No corrected order was given."),
    state === "new"
      ? decide(d, say, again)
      : h(
          "p",
          { class: "meta" },
          `${d.state}${d.reviewer ? ` by ${d.reviewer}` : ""}${d.state === "accepted" ? `, trust ${d.trust}` : ""}`,
        ),
  ];
}

/** Their first places beside the model's, with where each stood there. */
function correction(d) {
  const was = new Map(d.model_order.map((id, i) => [id, i + 1]));
  return h(
    "details",
    { class: "fold" },
    h("summary", null, "Their order", d.tau_b ? h("span", { class: "meta" }, ` Kendall tau-b with the model's: ${told(d.tau_b)}`) : null),
    h(
      "ol",
      { class: "correction" },
      d.order
        .flat()
        .slice(0, 20)
        .map((id) =>
          h("li", null, h("bdi", null, d.titles?.[id] || id), h("span", { class: "meta" }, ` the model: ${was.get(id) ?? "–"}`)),
        ),
    ),
    d.not_relevant?.length
      ? h("p", { class: "meta" }, "Not relevant: ", h("bdi", null, d.not_relevant.map((id) => d.titles?.[id] || id).join("; ")))
      : null,
  );
}

function decide(d, say, again) {
  const send = async (body, words) => {
    await post(`disagreements/${encodeURIComponent(d.id)}/decision`, body);
    say(words);
    again();
  };
  const reject = async (event) => {
    const button = event.currentTarget;
    try {
      await send({ state: "rejected" }, "Rejected.");
    } catch (error) {
      button.after(failed(error));
    }
  };
  return form({
    testid: "accept",
    label: "Accept",
    kind: "quiet strong",
    fields: [
      field({
        name: "trust",
        label: "Trust if accepted, above 0 up to 1",
        type: "number",
        min: 0.05,
        max: 1,
        step: 0.05,
        value: 0.5,
        required: true,
      }),
    ],
    act: ({ trust }) => send({ state: "accepted", trust }, "Accepted."),
    more: h("button", { type: "button", class: "quiet", "data-testid": "reject", onclick: reject }, "Reject"),
  });
}

function openRun(token) {
  setRun(token);
  studio.dispatchEvent(new CustomEvent("open", { detail: token }));
  goTo("explore");
}
