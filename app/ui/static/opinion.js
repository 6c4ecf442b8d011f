// What a person says beyond the order: whether they disagree, how sure they are, and why.

import { h } from "./dom.js";

const SURE = [
  [0.25, "guessing"],
  [0.5, "unsure"],
  [0.75, "fairly sure"],
  [1, "certain"],
];

/** {el, update}. `model` says whether there is a model's ranking to disagree with. */
export function opinion(judgement, model) {
  const disagree = h("input", {
    type: "checkbox",
    id: "rr-disagree",
    "data-testid": "disagree",
    onchange: () => judgement.set({ disagree: disagree.checked }),
  });
  const note = h("textarea", {
    id: "rr-note",
    rows: 3,
    dir: "auto",
    maxlength: 10_000,
    "data-testid": "note",
    placeholder: model ? "What went wrong, and what should have counted?" : "What decided it? What made it hard?",
    oninput: () => judgement.set({ note: note.value }),
  });
  const buttons = SURE.map(([value, label]) =>
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-pressed": "false",
        "data-testid": `sure-${value}`,
        onclick: () => judgement.set({ confidence: judgement.now.confidence === value ? null : value }),
      },
      label,
    ),
  );
  const update = () => {
    const { now } = judgement;
    disagree.checked = now.disagree;
    if (note.value !== now.note) note.value = now.note;
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(now.confidence === SURE[i][0])));
  };
  const el = h(
    "div",
    { class: "panel" },
    model ? h("label", { class: "check", for: "rr-disagree" }, disagree, h("span", null, "I disagree with this ranking")) : null,
    h("label", { for: "rr-note" }, model ? "Reason" : "Note"),
    note,
    h("div", { class: "sure", role: "group", "aria-label": "How sure are you?" }, h("span", { class: "meta" }, "How sure?"), buttons),
  );
  update();
  return { el, note, update };
}
