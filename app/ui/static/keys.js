// All keys of the Annotate tab, for those who ask with "?".

import { h } from "./dom.js";

/** Groups of [keys, what they do]; `top` is the highest grade. */
const groups = (top, task) => [
  [
    "In the list",
    [
      ["↑ ↓", "go through the list"],
      ["Alt ↑ ↓", "move the passage"],
      ["Alt Home / End", "to the top, to the last rank"],
      ["R", "send it to a rank: type the number, then Enter"],
      ["T", "tie it with the one above"],
      ["X", "not relevant, or back"],
      [`0 – ${top}`, "grade it; the same again takes it back"],
      ["Enter", "read the whole passage"],
      ["M", "mark the words that decide"],
      ["C", "which claim of the model was wrong; then its number"],
    ],
  ],
  [
    "In the words of a passage",
    [
      ["← →", "word by word"],
      ["↑ ↓", "ten words on or back"],
      ["Shift with arrows", "take more words"],
      ["Enter", "mark them"],
      ["Esc", "back"],
    ],
  ],
  [
    "Anywhere",
    [
      ["Ctrl Enter", task ? "submit and go on to the next task" : "save"],
      ["Ctrl S", task ? "save a draft" : "save"],
      ["Ctrl Z", "undo"],
      ["Ctrl Shift Z", "redo"],
      ["G", "guidelines"],
      ["?", "this list"],
    ],
  ],
];

/** A dialog with every key. It is modal: the browser keeps the focus in it and gives it back. */
export function keysDialog({ grades, task }) {
  const close = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  const dialog = h(
    "dialog",
    { class: "keys", "aria-labelledby": "rr-keys", "data-testid": "keys" },
    h("h3", { id: "rr-keys" }, "Keys"),
    h("p", { class: "meta" }, "Dragging and the buttons do the same. Keys work while a passage of the list has the focus."),
    groups(grades.length - 1, task).map(([title, rows]) => [
      h("h4", null, title),
      h(
        "dl",
        null,
        rows.map(([keys, what]) => h("div", null, h("dt", null, h("kbd", null, keys)), h("dd", null, what))),
      ),
    ]),
    h(
      "p",
      { class: "help" },
      "Move the line to say how far down you judged: what stands below it is stored as not judged. ",
      `Grades: ${grades.map((label, g) => `${g} ${label}`).join(", ")}.`,
    ),
    h("div", { class: "row" }, close),
  );
  return dialog;
}
