// The view Filters: thresholds over scores that are there already, what survives them at once, and freezing the rest as a dataset version.

import { h, debounce } from "./dom.js";
import { get } from "./api.js";
import { fillWith } from "./tab.js";
import { keepThresholds, keptThresholds, setTrainPlace, trainPlace } from "./train_place.js";
import { EMBEDDED, whole } from "./train_words.js";
import { over } from "./train_watch.js";
import { nearest, tally, verdicts } from "./filters_count.js";
import { filterRow } from "./filters_row.js";
import { atTheLine } from "./filters_line.js";
import { survivors } from "./filters_sum.js";
import { builder } from "./filters_build.js";
import { itemView } from "./synth_item.js";

const SAY_MS = 900; // how long the sliders must rest before a screen reader hears the sum

/** The whole view. */
export function filtersView(ctx) {
  const box = h("div", null);
  const root = h("section", null, box);
  const open = (id) => {
    setTrainPlace({ synthesis: id });
    load();
  };
  const load = () => fillWith(box, () => filled(ctx, open, load));
  load();
  return root;
}

async function filled(ctx, open, load) {
  const head = h("h2", { tabindex: "-1" }, "What is kept");
  const { syntheses } = await get("syntheses");
  if (!syntheses.length)
    return [
      head,
      h("p", { class: "empty" }, "There is nothing to filter yet: synthesize something first."),
      h("p", null, h("button", { type: "button", class: "primary", onclick: () => ctx.go("synthesis") }, "To Synthesis")),
    ];
  const wanted = trainPlace().synthesis;
  const id = syntheses.some((s) => s.id === wanted) ? wanted : syntheses[0].id;
  setTrainPlace({ synthesis: id });
  const choice = h(
    "select",
    { "aria-label": "Synthesis", "data-testid": "filters-synthesis", onchange: (e) => open(e.target.value) },
    syntheses.map((s) => h("option", { value: s.id }, `${s.name}, ${s.teacher}, ${whole(s.items.made)} items`)),
  );
  choice.value = id;
  const path = `syntheses/${encodeURIComponent(id)}`;
  const [found, data] = await Promise.all([get(path), get(`${path}/scores`)]);
  const again = h("button", { type: "button", class: "quiet", "data-testid": "filters-again", onclick: load }, "Read the scores again");
  return [head, h("div", { class: "row project-choice" }, choice, again), ...board(found, data, ctx)];
}

/** The board of one synthesis. */
function board(found, data, ctx) {
  const { filters } = found;
  if (!data.numbers.length || !filters.length)
    return [
      h(
        "p",
        { class: "empty", "data-testid": "filters-empty" },
        "No item of this synthesis has scores yet. They come with the items; read them again in a moment.",
      ),
    ];
  const standard = Object.fromEntries(filters.map((f) => [f.name, f.threshold]));
  const moved = sound(keptThresholds(found.id), filters);
  const now = () => ({ ...standard, ...moved });
  const sum = survivors(found, data);
  const line = atTheLine(found.id, (number) => show(number));
  let looked = "";
  const rows = filters.map((filter) =>
    filterRow(filter, data.scores[filter.name], {
      standard: filter.threshold,
      moved: (threshold) => {
        if (threshold === filter.threshold) delete moved[filter.name];
        else moved[filter.name] = threshold;
        keepThresholds(found.id, moved);
        tell();
        if (looked === filter.name) look();
      },
      look: () => {
        looked = looked === filter.name ? "" : filter.name;
        tell();
        if (looked) look();
        place(filter.name);
      },
    }),
  );
  const look = debounce(() => {
    const filter = filters.find((f) => f.name === looked);
    if (filter) line.show(filter, now()[looked], nearest(filter, data.scores[looked], now()[looked]), data);
  }, 250);
  const place = (name) => {
    line.el.hidden = !looked;
    rows[filters.findIndex((f) => f.name === name)].el.append(line.el);
  };
  const reset = h("button", { type: "button", class: "quiet", "data-testid": "filters-reset" }, "Reset to the recipe's");
  const say = debounce((t) => ctx.say(`${whole(t.after)} of ${whole(t.before)} survive.`), SAY_MS);
  const tell = (quiet = false) => {
    const t = tally(filters, data, verdicts(filters, data, now()));
    filters.forEach((f, i) =>
      rows[i].update({ threshold: now()[f.name], dropped: t.dropped[f.name], alone: t.alone[f.name], looked: looked === f.name }),
    );
    sum.update(t);
    reset.disabled = !Object.keys(moved).length;
    if (quiet !== true) say(t);
  };
  reset.addEventListener("click", () => {
    for (const name of Object.keys(moved)) delete moved[name];
    keepThresholds(found.id, moved);
    tell();
    if (looked) look();
  });
  const list = h(
    "ul",
    { class: "train-filters" },
    rows.map((row) => row.el),
  );
  const whole1 = h(
    "div",
    { class: "train-board" },
    h(
      "div",
      { class: "train-sum" },
      sum.el,
      h("p", { class: "row" }, reset),
      builder(found, () => ({ ...moved }), ctx),
    ),
    list,
  );
  const root = h("div", null, whole1);
  const show = (number) => over(root, (back) => itemView(found.id, number, ctx, back));
  tell(true);
  return [found.embedded ? h("p", { class: "note-line" }, EMBEDDED) : null, note(found, data), root];
}

/** Thresholds that were kept and still fit: a filter may have gone, or have other bounds by now. */
function sound(kept, filters) {
  const out = {};
  for (const f of filters) {
    const value = kept[f.name];
    if (typeof value === "number" && !f.fixed && value >= f.low && value <= f.high && value !== f.threshold) out[f.name] = value;
  }
  return out;
}

function note(found, data) {
  const lines = [
    data.sampled
      ? `Counts are of an even sample: ${whole(data.numbers.length)} of ${whole(data.of)} items. The dataset version is made of all.`
      : "",
    found.report
      ? ""
      : "The synthesis has not ended, or left no report: scores that need the whole set are not there yet, and items still come.",
  ].filter(Boolean);
  return lines.length ? h("p", { class: "note-line", "data-testid": "filters-note" }, lines.join(" ")) : null;
}
