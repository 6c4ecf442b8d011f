// The view Datasets: frozen versions, what is in one, what differs between two, and the folder as a file.

import { h, moment, num } from "./dom.js";
import { get, url } from "./api.js";
import { fillWith } from "./tab.js";
import { table } from "./forms.js";
import { markdown } from "./markdown.js";
import { setTrainPlace, trainPlace } from "./train_place.js";
import { bytes, counted } from "./train_words.js";
import { comparer } from "./datasets_compare.js";

/** The whole view. */
export function datasetsView(ctx) {
  const box = h("div", { "data-testid": "datasets" });
  const load = () =>
    fillWith(box, async () => {
      const { datasets } = await get("datasets");
      return all(datasets, ctx, load);
    });
  load();
  return h("section", null, h("h2", { tabindex: "-1" }, "Dataset versions"), box);
}

function all(found, ctx, load) {
  if (!found.length)
    return [
      h(
        "p",
        { class: "empty" },
        "No version has been made yet. Move the thresholds in Filters until you like what survives, and build one there.",
      ),
      h("p", null, h("button", { type: "button", class: "primary", onclick: () => ctx.go("filters") }, "To Filters")),
    ];
  const { dataset } = trainPlace();
  const rows = found.map((d) => version(d, ctx, d.id === dataset));
  return [
    h("p", { class: "help" }, "A version never changes: the same items, verdicts and recipe have the same id, on any machine."),
    h("ul", { class: "cardlist" }, rows),
    h("p", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: load }, "Look again")),
    found.length > 1 ? comparer(found, ctx) : null,
  ];
}

function version(d, ctx, open) {
  const inside = h("div", null);
  const path = `datasets/${encodeURIComponent(d.id)}`;
  const fold = h(
    "details",
    { class: "fold", open, "data-testid": "dataset-card" },
    h("summary", null, "Card, thresholds and manifest"),
    inside,
  );
  const fill = () => {
    if (!fold.open || inside.childElementCount) return;
    setTrainPlace({ dataset: d.id });
    fillWith(inside, async () => details(await get(path)));
  };
  fold.addEventListener("toggle", fill);
  fill();
  return h(
    "li",
    { class: "panel", "data-testid": "dataset", "data-id": d.id },
    h(
      "header",
      { class: "row" },
      h("h3", { dir: "auto" }, d.name),
      h("span", { class: "meta" }, moment(d.created)),
      h("span", { class: "grow" }),
      d.synthesis
        ? h("button", { type: "button", class: "quiet", onclick: () => ctx.go("filters", { synthesis: d.synthesis }) }, "Its filters")
        : null,
      h("a", { class: "button strong", href: url(`${path}/file`), download: true, "data-testid": "dataset-file" }, "Download .tar"),
    ),
    h("p", { class: "meta", dir: "auto" }, [counted(d.counts), bytes(d.size)].filter(Boolean).join(" · ")),
    h("p", { class: "meta" }, "id ", h("code", { class: "hash" }, d.id)),
    fold,
  );
}

function details(d) {
  const limits = Object.entries(d.thresholds ?? {});
  return [
    h(
      "div",
      { class: "prose train-prose", "data-testid": "dataset-prose" },
      d.card ? markdown(d.card, 4) : h("p", { class: "empty" }, "This version has no card."),
    ),
    limits.length
      ? h(
          "div",
          { class: "train-limits" },
          table({
            caption: "Thresholds",
            head: ["Filter", "Threshold"],
            rows: limits.map(([name, value]) => [name.replaceAll("_", " "), num(value)]),
          }),
        )
      : null,
    h(
      "details",
      { class: "fold" },
      h("summary", null, "Manifest"),
      h("pre", { class: "train-log", tabindex: "0", "aria-label": "Manifest" }, JSON.stringify(d.manifest, null, 2)),
    ),
  ];
}
