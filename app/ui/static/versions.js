// All versions of one judgement, what changed in each, and the way back to any. Nothing is ever overwritten: going back is a new version.

import { h, moment } from "./dom.js";
import { ApiError, get } from "./api.js";
import { changes } from "./difference.js";
import { stored } from "./saver.js";

const STATES = { submitted: "submitted", draft: "draft", skipped: "skipped", flagged: "flagged", cannot_judge: "could not judge" };

/** `restore(wire)` takes a version over; `forget(row)` throws away what another tab of this browser left unsaved. */
export async function fillVersions(box, { target, leftovers, restore, forget }) {
  let versions = [];
  let trouble = "";
  try {
    ({ versions } = await get(stored("judgements/versions", target)));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    trouble = error.status === 404 ? "" : error.message;
  }
  const local = leftovers.map((row) => left(row, restore, forget));
  const rows = versions.map((v, i) => version(v, versions[i + 1], i === 0, restore));
  box.replaceChildren(
    trouble ? h("p", { class: "trouble" }, trouble) : "",
    local.length ? h("ul", { class: "rows", "data-testid": "leftovers" }, local) : "",
    rows.length ? h("ul", { class: "rows", "data-testid": "version-list" }, rows) : "",
    rows.length || local.length || trouble ? "" : h("p", { class: "empty" }, "No version yet. The first save makes one."),
  );
}

function version(v, before, newest, restore) {
  const changed = before ? changes(before, v) || "nothing changed" : "first version";
  return h(
    "li",
    { class: "version", "data-testid": "version" },
    h("span", { class: "q" }, `Version ${v.version}`, newest ? h("span", { class: "badge good" }, "newest") : null),
    h("span", { class: "meta" }, [moment(v.created), STATES[v.state] ?? v.state, changed].join(" · ")),
    newest ? null : button("Restore", `Restore version ${v.version}`, "restore", () => restore(v)),
  );
}

function left(row, restore, forget) {
  const wire = row.wire ?? row.body;
  return h(
    "li",
    { class: "version" },
    h("span", { class: "q" }, "Kept in this browser, never saved"),
    h("span", { class: "meta" }, moment(new Date(row.touched ?? row.created).toISOString())),
    button("Restore", "Restore what was kept", "restore-kept", () => restore(wire)),
    button("Discard", "Discard what was kept", "discard-kept", () => forget(row)),
  );
}

const button = (text, label, id, act) =>
  h("button", { type: "button", class: "quiet", "aria-label": label, "data-testid": id, onclick: act }, text);
