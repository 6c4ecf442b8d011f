// The bar that stays in sight over a task: the question, how far one is, what is saved, and what can be done with the whole of it.

import { h, count } from "./dom.js";
import { outbox } from "./outbox.js";

const LONG = 140; // characters of a question that are sure to fit two lines

const MORE = [
  ["later", "Judge later", "It comes back to you when the others are done"],
  ["skipped", "Skip", "Somebody else gets it, and it doesn't come back"],
  ["flagged", "Flag", "Something is wrong with it: say what in the note"],
  ["cannot_judge", "I can't judge this", "The subject or the language is beyond me"],
];

/** `act(what)`: undo, redo, save, keys, guidelines, or one of the states of MORE. {el, update(judgement), status(…), progress(text)}. */
export function bar({ query, task, guided }, act) {
  const button = (id, label, props = {}) =>
    h("button", { type: "button", class: "quiet", "data-testid": id, onclick: () => act(id), ...props }, label);
  const undo = button("undo", "Undo");
  const redo = button("redo", "Redo");
  const state = h("p", { class: "save-state", role: "status", "aria-live": "polite", "data-testid": "save-state" });
  const progress = h("span", { class: "meta progress", "data-testid": "task-progress" });
  const unsent = h("span", { class: "badge warn unsent", hidden: true, "data-testid": "unsent" });
  const about = task ? "Submit and go on (Ctrl+Enter)" : "Save (Ctrl+S)";
  const save = button("save", task ? "Submit" : "Save", { class: "primary", title: about });
  const el = h(
    "div",
    { class: "savebar" },
    h("div", { class: "asked" }, question(query), progress),
    undo,
    redo,
    state,
    unsent,
    h("span", { class: "grow" }),
    guided ? button("guidelines-button", "Guidelines", { title: "Guidelines (G)" }) : null,
    button("keys-button", "?", { "aria-label": "All keys", title: "All keys (?)" }),
    task ? more(act) : null,
    save,
  );
  const counted = () => {
    const waiting = outbox.waiting ?? 0;
    unsent.hidden = !waiting;
    unsent.textContent = `${count(waiting, "save")} not sent yet`;
  };
  counted();
  outbox.addEventListener("change", counted);
  return {
    el,
    close: () => outbox.removeEventListener("change", counted),
    update: ({ past, future }) => {
      undo.disabled = !past.length;
      redo.disabled = !future.length;
    },
    status: ({ state: kind, message }) => {
      state.className = `save-state ${kind}`;
      state.textContent = message;
    },
    say: (label) => {
      save.textContent = label;
    },
    progress: (text) => {
      progress.textContent = text;
    },
  };
}

/** The question; a long one is cut to two lines and can be read whole. */
function question(query) {
  const long = query.length > LONG;
  const title = h("h2", { dir: "auto", class: long ? "clamp2" : null, "data-testid": "task-query" }, query);
  const whole = h("button", { type: "button", class: "quiet whole", "aria-expanded": "false", hidden: !long }, "whole question");
  whole.addEventListener("click", () => {
    const short = title.classList.toggle("clamp2");
    whole.setAttribute("aria-expanded", String(!short));
  });
  return [title, whole];
}

function more(act) {
  const menu = h(
    "details",
    { class: "othermenu", "data-testid": "task-more" },
    h("summary", { class: "quiet" }, "Other…"),
    h(
      "ul",
      null,
      MORE.map(([what, label, about]) =>
        h(
          "li",
          null,
          h(
            "button",
            {
              type: "button",
              "data-testid": what,
              onclick: () => {
                menu.open = false;
                act(what);
              },
            },
            h("b", null, label),
            h("span", { class: "meta" }, about),
          ),
        ),
      ),
    ),
  );
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    e.stopPropagation();
  });
  menu.addEventListener("focusout", (e) => {
    if (e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
  });
  return menu;
}
