// Small form fields with their label, each as {el, value, brief}: `value` undefined means "as it is by default".

import { h } from "./dom.js";

/** What a field holds that is not a number: told to the person, never sent. */
export class NotANumber extends Error {}

let made = 0;
const labelled = (label, input, id, hint) =>
  h("div", { class: "field" }, h("label", { for: id }, label), input, hint ? h("p", { class: "help" }, hint) : null);

/** A number. `value` is the default, left out where the field has none; `optional`: blank is none. Bounds are told, the server decides. */
export function numberField({ name, label, value, min, max, whole = true, optional = false, hint }) {
  const id = `rr-field-${(made += 1)}`;
  const bounds = [min, max].every((b) => typeof b === "number") ? ` (${min} to ${max})` : typeof min === "number" ? ` (from ${min})` : "";
  const input = h("input", { type: "number", id, min, max, step: whole ? 1 : "any", value: value ?? "", "data-testid": `option-${name}` });
  return {
    el: labelled(label + bounds, input, id, hint),
    input,
    get value() {
      if (input.validity.badInput) throw new NotANumber(`${label}: this is not a number.`);
      if (input.value === "") return optional && value !== undefined ? null : undefined;
      return Number(input.value) === value ? undefined : Number(input.value);
    },
    get brief() {
      if (this.value === undefined) return "";
      return `${label}: ${this.value ?? "none"}`;
    },
    reset() {
      input.value = value ?? "";
    },
  };
}

/** One of several: `choices` are [value, label], the first is the default. */
export function choiceField({ name, label, value, choices, hint }) {
  const id = `rr-field-${(made += 1)}`;
  const usual = value ?? choices[0][0];
  const input = h(
    "select",
    { id, "data-testid": `option-${name}` },
    choices.map(([key, text]) => h("option", { value: key }, text)),
  );
  input.value = usual;
  return {
    el: labelled(label, input, id, hint),
    input,
    get value() {
      return input.value === usual ? undefined : input.value;
    },
    get brief() {
      return input.value === usual ? "" : input.selectedOptions[0].textContent;
    },
    reset() {
      input.value = usual;
    },
  };
}

/** Yes or no. */
export function checkField({ name, label, value = false }) {
  const input = h("input", { type: "checkbox", checked: value, "data-testid": `option-${name}` });
  return {
    el: h("label", { class: "check" }, input, h("span", null, label)),
    input,
    get value() {
      return input.checked === value ? undefined : input.checked;
    },
    get brief() {
      return input.checked === value ? "" : `${label}: ${input.checked ? "yes" : "no"}`;
    },
    reset() {
      input.checked = value;
    },
  };
}

/** A share in percent with its meaning beside it; `say(percent)` puts it into words. */
export function shareField({ name, label, value, say }) {
  const id = `rr-field-${(made += 1)}`;
  const told = h("output", { for: id, class: "help" });
  const input = h("input", { type: "range", id, min: 0, max: 100, step: 5, "data-testid": `option-${name}` });
  const tell = () => {
    told.textContent = say(Number(input.value));
    input.setAttribute("aria-valuetext", told.textContent);
  };
  input.value = value;
  input.addEventListener("input", tell);
  tell();
  return {
    el: h("div", { class: "field" }, h("label", { for: id }, label), input, told),
    input,
    get value() {
      return Number(input.value);
    },
    get brief() {
      return say(Number(input.value));
    },
    reset() {
      input.value = value;
      tell();
    },
  };
}
