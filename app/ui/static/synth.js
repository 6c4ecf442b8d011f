// The view Synthesis: start one from a recipe, see how it goes, look into its items.

import { h, count, moment } from "./dom.js";
import { get } from "./api.js";
import { fillWith } from "./tab.js";
import { every, keyed, lostLine } from "./train_watch.js";
import { setTrainPlace, trainPlace } from "./train_place.js";
import { money, whole } from "./train_words.js";
import { starter } from "./synth_start.js";
import { synthesis } from "./synth_live.js";

const LOOK_MS = 3_000;

/** The whole view. */
export function synthView(ctx) {
  const line = lostLine();
  const start = h("div", { class: "train-start" });
  const shown = h("div", { "data-testid": "synthesis-shown" });
  const list = h("ul", { class: "cardlist", "data-testid": "syntheses" });
  const none = h("p", { class: "empty", hidden: true }, "Nothing has been synthesized yet. Choose a recipe above and start it.");
  const fold = h("section", null, h("h2", null, "Syntheses"), none, list);
  const root = h("section", null, line, start, shown, fold);
  let waitingFor = ""; // the job that was started here, until its synthesis is there
  let open = "";
  const show = (id, focus = false) => {
    open = id;
    setTrainPlace({ synthesis: id });
    shown.replaceChildren(id ? synthesis(id, ctx, () => show("")) : "");
    if (focus) shown.querySelector("h2")?.focus();
  };
  const rows = keyed(list, (s) => card(s, (id) => show(id, true)));
  const look = async () => {
    const { syntheses } = await get("syntheses");
    none.hidden = syntheses.length > 0;
    const mine = waitingFor && syntheses.find((s) => s.job === waitingFor);
    if (mine) {
      waitingFor = "";
      show(mine.id);
    }
    rows(syntheses, (s) => s.id);
    for (const el of list.children) el.querySelector("button").setAttribute("aria-pressed", String(el.dataset.id === open));
  };
  fillWith(start, async () => starter(await get("recipes"), ctx, (job) => (waitingFor = job.id)));
  if (trainPlace().synthesis) show(trainPlace().synthesis);
  every(root, LOOK_MS, look, line);
  return root;
}

/** A synthesis in the list. */
function card(first, open) {
  const name = h("h3", { dir: "auto" }, first.name);
  const meta = h("p", { class: "meta" });
  const el = h(
    "li",
    { class: "panel", "data-testid": "synthesis", "data-id": first.id },
    h(
      "header",
      { class: "row" },
      name,
      first.embedded ? h("span", { class: "badge warn" }, "embedded teacher") : h("span", { class: "badge" }, first.teacher),
      h("span", { class: "grow" }),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Open ${first.name}`,
          "data-testid": "synthesis-open",
          onclick: () => open(first.id),
        },
        "Open",
      ),
    ),
    meta,
  );
  return {
    el,
    update: (s) => {
      const text = [
        count(s.items.made, "item"),
        s.items.empty ? `${whole(s.items.empty)} with nothing to rank` : "",
        s.items.failed ? `${whole(s.items.failed)} failed` : "",
        `cost ${money(s.cost, s.currency)}`,
        s.datasets.length ? count(s.datasets.length, "dataset version") : "",
        s.report ? "" : "no report yet",
        moment(s.created),
      ]
        .filter(Boolean)
        .join(" · ");
      if (meta.textContent !== text) meta.textContent = text;
    },
  };
}
