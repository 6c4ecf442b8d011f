// Forms of the account, people, projects, review and export screens: labelled fields, and a form that says what went wrong.

import { h } from "./dom.js";
import { ApiError, key } from "./api.js";

let made = 0;
const fresh = (name) => `rr-form-${name}-${(made += 1)}`;

function framed(label, input, id, hint) {
  const about = hint ? h("p", { class: "help", id: `${id}-help` }, hint) : null;
  if (about) input.setAttribute("aria-describedby", about.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, about);
}

/** One line of text, a number, a password, a file ...: what `type` says. `more` are attributes of the input. */
export function field({ name, label, hint, type = "text", value = "", ...more }) {
  const id = fresh(name);
  const input = h("input", { id, name, type, "data-testid": name, ...more });
  if (type !== "file") input.value = value;
  return {
    name,
    input,
    el: framed(label, input, id, hint),
    get value() {
      if (type === "number") return input.value === "" ? null : Number(input.value);
      return type === "file" ? (input.files[0] ?? null) : input.value;
    },
  };
}

/** Several lines of text. */
export function area({ name, label, hint, value = "", rows = 4, ...more }) {
  const id = fresh(name);
  const input = h("textarea", { id, name, rows, dir: "auto", "data-testid": name, ...more });
  input.value = value;
  return {
    name,
    input,
    el: framed(label, input, id, hint),
    get value() {
      return input.value;
    },
  };
}

/** One of several: `choices` are [value, text]. */
export function pick({ name, label, hint, choices, value }) {
  const id = fresh(name);
  const input = h(
    "select",
    { id, name, "data-testid": name },
    choices.map(([key, text]) => h("option", { value: key }, text)),
  );
  input.value = value ?? choices[0]?.[0] ?? "";
  return {
    name,
    input,
    el: framed(label, input, id, hint),
    get value() {
      return input.value;
    },
  };
}

/** Yes or no. */
export function check({ name, label, hint, value = false }) {
  const id = fresh(name);
  const input = h("input", { id, name, type: "checkbox", checked: value, "data-testid": name });
  const about = hint ? h("p", { class: "help", id: `${id}-help` }, hint) : null;
  if (about) input.setAttribute("aria-describedby", about.id);
  return {
    name,
    input,
    el: h("div", { class: "field" }, h("label", { class: "check" }, input, h("span", null, label)), about),
    get value() {
      return input.checked;
    },
  };
}

/** Any of several, as checkboxes: `choices` are [value, text, hint]. */
export function checks({ name, label, choices, chosen = [] }) {
  const inputs = choices.map(([key]) =>
    h("input", { type: "checkbox", value: key, checked: chosen.includes(key), "data-testid": `${name}-${key}` }),
  );
  return {
    name,
    el: h(
      "fieldset",
      { class: "field" },
      h("legend", null, label),
      choices.map(([, text, hint], i) =>
        h("label", { class: "check" }, inputs[i], h("span", null, text, hint ? h("span", { class: "meta" }, ` ${hint}`) : null)),
      ),
    ),
    get value() {
      return inputs.filter((i) => i.checked).map((i) => i.value);
    },
  };
}

/** A form. `act(values)` is awaited; what it throws is told above the button and keeps what was typed. `more` stands beside the button. */
export function form({ fields, label, act, testid, kind = "primary", more = null, grid = false }) {
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true, "data-testid": `${testid}-trouble` });
  const button = h("button", { class: kind, "data-testid": `${testid}-send` }, label);
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    trouble.hidden = true;
    try {
      await act(Object.fromEntries(fields.filter((f) => f.name).map((f) => [f.name, f.value])));
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Refused)) throw error;
      trouble.textContent = error.message;
      trouble.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  return h(
    "form",
    { class: grid ? "form grid" : "form", "data-testid": testid, onsubmit: send },
    fields.map((f) => f.el ?? f),
    trouble,
    h("div", { class: "row" }, button, more),
  );
}

/** What the page itself refuses to send, in one sentence. */
export class Refused extends Error {}

/** A button that copies `text`; without a clipboard the text is shown and selected instead. */
export function copier(text, label = "Copy", testid = null) {
  const button = h("button", { type: "button", class: "quiet", "data-testid": testid, onclick: () => copy() }, label);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const shown = h("input", { class: "link", readonly: true, "aria-label": label, value: text });
      button.after(shown);
      shown.select();
    }
    setTimeout(() => {
      button.textContent = label;
    }, 2500);
  };
  return button;
}

/** A table in a scroller of its own: `head` are texts, `rows` are lists of nodes of which the first heads the row. */
export function table({ caption, head, rows, testid = null }) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { "data-testid": testid },
      h("caption", { class: "sr" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map(([first, ...cells]) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, first),
            cells.map((c) => h("td", null, c)),
          ),
        ),
      ),
    ),
  );
}

/** A native modal dialog with a heading and a way out, shown at once in `root`. */
export function dialog(root, { title, body, testid, wide = false, onclose = null }) {
  const id = fresh("dialog");
  const close = h("button", { type: "button", class: "quiet", "data-testid": `${testid}-close`, onclick: () => el.close() }, "Close");
  const el = h(
    "dialog",
    { class: wide ? "modal wide" : "modal", "aria-labelledby": id, "data-testid": testid },
    h("header", { class: "bar" }, h("h2", { id }, title), h("span", { class: "grow" }), close),
    body,
  );
  el.addEventListener("close", () => {
    el.remove();
    onclose?.();
  });
  root.append(el);
  el.showModal();
  return el;
}

/** Keys for a write that may have to be sent again: the same content gets the same key, changed content a new one. */
export function keyring() {
  let last = "";
  let now = "";
  return (content) => {
    const stamp = JSON.stringify(content);
    if (stamp !== last) now = key();
    last = stamp;
    return now;
  };
}
