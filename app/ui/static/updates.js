// The view Updates: start one from a recipe, watch it learn, look at those that have ended.

import { h, isolated, moment } from "./dom.js";
import { get } from "./api.js";
import { fillWith } from "./tab.js";
import { every, keyed, lostLine } from "./train_watch.js";
import { stateBadge } from "./train_words.js";
import { modelsPlace, setModelsPlace } from "./models_place.js";
import { verdict } from "./models_gate.js";
import { starter } from "./updates_start.js";
import { updatePanel } from "./updates_live.js";

const LOOK_MS = 3_000;

/** The whole view. */
export function updatesView(ctx) {
  const line = lostLine();
  const start = h("div", { class: "train-start" });
  const shown = h("div", { "data-testid": "update-shown" });
  const list = h("ul", { class: "cardlist", "data-testid": "updates" });
  const none = h("p", { class: "empty", hidden: true }, "No update has been made yet. Choose a recipe above and start one.");
  const root = h("section", null, line, start, shown, h("section", null, h("h2", null, "Updates"), none, list));
  let waitingFor = ""; // the job that was started here: its update has the same id, and is there once a worker has taken it
  let open = "";
  let panel = null;
  const show = (id, focus = false) => {
    open = id;
    setModelsPlace({ update: id });
    panel?.close();
    panel = id ? updatePanel(id, ctx, () => show("")) : null;
    shown.replaceChildren(panel?.el ?? "");
    if (focus) shown.querySelector("h2")?.focus();
  };
  const rows = keyed(list, (u) => card(u, (id) => show(id, true)));
  const look = async () => {
    const { updates } = await get("updates");
    none.hidden = updates.length > 0;
    if (waitingFor && updates.some((u) => u.id === waitingFor)) {
      show(waitingFor);
      waitingFor = "";
    }
    rows(updates, (u) => u.id);
    for (const el of list.children) el.querySelector("button").setAttribute("aria-pressed", String(el.dataset.id === open));
  };
  fillWith(start, async () => starter(await get("recipes"), ctx, (job) => (waitingFor = job.id)));
  if (modelsPlace().update) show(modelsPlace().update);
  every(root, LOOK_MS, look, line).finally(() => panel?.close());
  return root;
}

/** An update in the list. */
function card(first, open) {
  const badges = h("span", { class: "row m-badges" });
  const reason = h("p", { class: "m-reason", dir: "auto" });
  const meta = h("p", { class: "meta" }, metaOf(first));
  const el = h(
    "li",
    { class: "panel", "data-testid": "update", "data-id": first.id },
    h(
      "header",
      { class: "row" },
      h("h3", { dir: "auto" }, first.recipe),
      badges,
      h("span", { class: "grow" }),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Open the update by ${first.recipe} of ${moment(first.created)}`,
          "data-testid": "update-open",
          onclick: () => open(first.id),
        },
        "Open",
      ),
    ),
    reason,
    meta,
  );
  let told = "";
  return {
    el,
    update: (u) => {
      const now = JSON.stringify([u.state, u.promoted]);
      if (now !== told) badges.replaceChildren(...[verdict(u), u.promoted === null ? stateBadge(u.state) : null].filter(Boolean));
      told = now;
      if (reason.textContent !== (u.reason ?? "")) reason.textContent = u.reason ?? "";
      if (meta.textContent !== metaOf(u)) meta.textContent = metaOf(u);
    },
  };
}

const metaOf = (u) =>
  [isolated(u.model), u.from_scratch ? "from scratch" : "", `seed ${u.seed}`, moment(u.ended ?? u.created)].filter(Boolean).join(" · ");
