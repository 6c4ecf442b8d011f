// Freezing what survives as a dataset version: a name, a job, and the way to what came of it.

import { h } from "./dom.js";
import { get, post } from "./api.js";
import { Refused, field, form, keyring } from "./forms.js";
import { every, lostLine } from "./train_watch.js";
import { stateBadge } from "./train_words.js";

const LOOK_MS = 1_500;
const OPEN = ["queued", "running"];

/** The panel. `moved()` are the thresholds that differ from the synthesis's own. */
export function builder(found, moved, ctx) {
  if (!ctx.admin) return h("p", { class: "help" }, "Building a dataset version takes the role admin.");
  const after = h("div", { "data-testid": "build-after" });
  const keys = keyring();
  const made = form({
    testid: "build",
    label: "Build dataset version",
    fields: [field({ name: "name", label: "Name of the version", value: found.name, maxlength: 200 })],
    act: async ({ name }) => {
      if (!name.trim()) throw new Refused("Give the version a name.");
      const content = { name: name.trim(), thresholds: moved() };
      const { job } = await post(`syntheses/${encodeURIComponent(found.id)}/datasets`, { ...content, idempotency_key: keys(content) });
      ctx.say("The dataset version is in the queue.");
      after.replaceChildren(follow(job, ctx));
    },
  });
  return h("section", { class: "panel train-build" }, made, after);
}

/** What became of a job, until it has ended. */
function follow(first, ctx) {
  const line = lostLine();
  const state = h("p", { class: "row", role: "status", "data-testid": "build-state" });
  const root = h("div", null, line, state);
  const look = async () => {
    const job = await get(`jobs/${encodeURIComponent(first.id)}`);
    const dataset = job.result?.dataset;
    const said = `${job.state} ${job.doing} ${dataset ?? ""} ${job.error}`;
    if (state.dataset.said !== said) {
      state.dataset.said = said;
      state.replaceChildren(
        stateBadge(job.state),
        h("span", { class: "meta", dir: "auto" }, job.error || (OPEN.includes(job.state) ? job.doing : "")),
        dataset
          ? h(
              "button",
              { type: "button", class: "quiet strong", "data-testid": "build-see", onclick: () => ctx.go("datasets", { dataset }) },
              "See the version",
            )
          : "",
      );
    }
    return OPEN.includes(job.state);
  };
  every(root, LOOK_MS, look, line);
  return root;
}
