// The project's instructions beside the task: a version of a Markdown text, shown by a renderer of our own.

import { h } from "./dom.js";
import { markdown } from "./markdown.js";

const SEEN = "reasonrank:guidelines"; // versions this browser has shown folded open once

/** What submitting agrees to, as a last paragraph; nothing where there are no such terms. */
function terms(consent) {
  return consent?.text ? h("p", { class: "meta", "data-testid": "consent" }, h("b", null, "What becomes of your work. "), consent.text) : null;
}

/** A panel that stands open the first time a version is seen; null where the project has no guidelines. {el, show(narrow)}. */
export function guidelines(given, consent) {
  if (!given?.text) return null;
  const title = `Guidelines, version ${given.version}`;
  const summary = h("summary", { "data-testid": "guidelines-summary" }, title);
  const text = h("div", { class: "md" }, markdown(given.text));
  const el = h("details", { class: "panel guidelines", "data-testid": "guidelines" }, summary, text, terms(consent));
  el.open = isNew(given.id);
  const dialog = h(
    "dialog",
    { class: "keys", "aria-label": title },
    h("h3", null, title),
    h("div", { class: "md" }, markdown(given.text, 4)),
    terms(consent),
    h("div", { class: "row" }, h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close")),
  );
  const show = (narrow) => {
    if (narrow) {
      el.after(dialog);
      if (!dialog.open) dialog.showModal();
    } else {
      el.open = !el.open;
      summary.focus();
    }
  };
  return { el, show };
}

function isNew(id) {
  try {
    const seen = localStorage.getItem(SEEN) ?? "";
    if (seen.split(" ").includes(id)) return false;
    localStorage.setItem(SEEN, `${seen} ${id}`.trim().split(" ").slice(-50).join(" "));
    return true;
  } catch {
    return true; // storage is forbidden: shown open every time
  }
}
