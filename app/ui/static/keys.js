// How the list of the Annotate tab is used, for those who ask.

import { h } from "./dom.js";

const KEYS = [
  ["↑ ↓", "go through the list"],
  ["Alt ↑ ↓", "move the passage"],
  ["0 1 2 3", "grade it"],
  ["R", "send it to a rank"],
  ["T", "tie it with the one above"],
  ["X", "not relevant"],
  ["Ctrl Z", "undo"],
  ["Ctrl Shift Z", "redo"],
  ["Ctrl S", "save"],
];

/** The folded-up help. */
export function help() {
  return h(
    "details",
    { class: "help-keys" },
    h("summary", null, "Drag, use the buttons, or the keyboard"),
    h(
      "dl",
      null,
      KEYS.map(([keys, what]) => h("div", null, h("dt", null, h("kbd", null, keys)), h("dd", null, what))),
    ),
    h(
      "p",
      null,
      "Move the line to say how far down you judged: what stands below it is stored as not judged. ",
      "Grades: 0 not at all, 1 touches the topic, 2 helps, 3 answers it.",
    ),
  );
}
