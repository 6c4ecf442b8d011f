// One filter: what it asks, a slider with a number beside it, what it drops, its histogram, and the items on both sides of its line.

import { h } from "./dom.js";
import { histogramPlot, histogramTable } from "./filters_plot.js";
import { whole } from "./train_words.js";

const STEPS = 200; // places of a slider
let made = 0;
const tidy = (v) => String(Number(Number(v).toFixed(4)));

/** {el, update({threshold, dropped, alone, looked})}. `moved(threshold)` is called while the slider moves, `look()` for items there. */
export function filterRow(filter, column, { moved, look, standard }) {
  const id = `rr-filter-${(made += 1)}`;
  const none = (column ?? []).filter((value) => value === null).length;
  const some = (column ?? []).length > none;
  const plot = histogramPlot(filter, column);
  const fixed = Boolean(filter.fixed);
  const step = (filter.high - filter.low) / STEPS || "any";
  const common = { min: filter.low, max: filter.high, disabled: fixed };
  const range = h("input", { type: "range", ...common, step, "aria-labelledby": id, "data-testid": `range-${filter.name}` });
  const number = h("input", {
    type: "number",
    ...common,
    step: "any",
    "aria-label": `Threshold of ${filter.name}`,
    "data-testid": `threshold-${filter.name}`,
  });
  const told = h("p", { class: "meta train-drops", "data-testid": `drops-${filter.name}` });
  const mark = h("span", { class: "badge", hidden: true }, "moved");
  const box = h("div", { class: "train-plot" }, plot.el);
  const asTable = h(
    "button",
    { type: "button", class: "quiet", "aria-pressed": "false", "data-testid": `table-${filter.name}` },
    "As a table",
  );
  const draw = () => {
    if (!some) box.replaceChildren(h("p", { class: "empty" }, "No item has a score by this filter: it drops nothing."));
    else if (asTable.getAttribute("aria-pressed") === "true") box.replaceChildren(histogramTable(filter, column, now));
    else {
      plot.update(now);
      if (box.firstChild !== plot.el) box.replaceChildren(plot.el);
    }
  };
  asTable.addEventListener("click", () => {
    asTable.setAttribute("aria-pressed", String(asTable.getAttribute("aria-pressed") !== "true"));
    draw();
  });
  const at = h(
    "button",
    { type: "button", class: "quiet", "aria-pressed": "false", "data-testid": `look-${filter.name}`, onclick: look },
    "Items at the line",
  );
  range.addEventListener("input", () => moved(Number(range.value)));
  number.addEventListener("input", () => {
    if (number.value !== "" && number.validity.valid) moved(Number(number.value));
  });
  number.addEventListener("change", () => {
    if (number.value === "" || !number.validity.valid) number.value = tidy(now);
  });
  let now = filter.threshold;
  let drawn = null;
  const el = h(
    "li",
    { class: "panel train-filter", "data-testid": `filter-${filter.name}` },
    h(
      "header",
      { class: "row" },
      h("h3", { id }, filter.name.replaceAll("_", " ")),
      mark,
      fixed ? h("span", { class: "badge warn" }, "fixed") : null,
      h("span", { class: "grow" }),
      some ? [at, asTable] : null,
    ),
    h("p", { class: "help", dir: "auto" }, filter.about),
    fixed
      ? h("p", { class: "meta" }, "It can't be moved: these queries are kept for evaluation and never trained on.")
      : h(
          "div",
          { class: "train-slider" },
          h("span", { class: "meta" }, filter.keeps === "at_least" ? "keeps from" : "keeps up to"),
          range,
          number,
        ),
    box,
    told,
  );
  const update = ({ threshold, dropped, alone, looked }) => {
    now = threshold;
    if (Number(range.value) !== threshold) range.value = threshold;
    if (Number(number.value) !== threshold || number.value === "") number.value = tidy(threshold);
    range.setAttribute("aria-valuetext", `${tidy(threshold)}, drops ${whole(dropped)}`);
    mark.hidden = threshold === standard;
    if (drawn !== threshold) draw();
    drawn = threshold;
    at.setAttribute("aria-pressed", String(looked));
    const passed = none ? `, ${whole(none)} without a score pass` : "";
    told.textContent = `drops ${whole(dropped)}, ${whole(alone)} by this one alone${passed}`;
  };
  return { el, update };
}
