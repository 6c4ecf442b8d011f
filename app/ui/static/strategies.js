// The strategies that can be chosen, asked for once and kept.

import { get } from "./api.js";

let known = [];
let asked = null;

/** All choices as the server tells them: [{name, label, unit, parameters}]. A failure is thrown, and the next call asks again. */
export function strategies() {
  asked ??= get("strategies").then(
    (answer) => (known = answer.strategies),
    (error) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

/** A name in settings as people read it. */
export const plainName = (name) => String(name).replaceAll("_", " ");

/** A label is "Name: what it does", or only what it does. */
const split = (s) => {
  const at = s.label.indexOf(": ");
  return at > 0 ? [s.label.slice(0, at), s.label.slice(at + 2)] : [plainName(s.name), s.label];
};
const upper = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** What a choice is called, and what it does in one sentence. */
export const title = (s) => upper(split(s)[0]);
export const meaning = (s) => `${upper(split(s)[1]).replace(/\.$/, "")}.`;

const choice = (name) => known.find((s) => s.name === name);

/** The same by name, for a run that was made; a strategy that is not offered any more keeps its bare name. */
export const titleOf = (name) => (choice(name) ? title(choice(name)) : plainName(name));
export const meaningOf = (name) => (choice(name) ? meaning(choice(name)) : "");

/** A strategy as it was used, in one line: its name, then its arguments; one inside another stands in brackets. */
export function inWords(name, args) {
  const told = Object.entries(args ?? {})
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => argument(key, value));
  return told.length ? `${titleOf(name)}: ${told.join(", ")}` : titleOf(name);
}

function argument(key, value) {
  if (Array.isArray(value)) return `${plainName(key)} ${value.map((v) => (Array.isArray(v) ? v.join("→") : v)).join(", ")}`;
  if (typeof value !== "object") return `${plainName(key)} ${value}`;
  const { name, ...rest } = value;
  return inWords(name, rest).replace(/: (.*)/s, " ($1)");
}
