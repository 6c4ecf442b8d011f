// The histogram of one filter's scores with its threshold, as an SVG and as a table.

import { h, s } from "./dom.js";
import { table } from "./forms.js";
import { BINS, histogram } from "./filters_count.js";
import { whole } from "./train_words.js";

const [W, H, TOP] = [480, 84, 6]; // units of the drawing, which is stretched to the width there is
const short = (v) => String(Number(v.toFixed(2)));

/** {el, update(threshold)} for a histogram that stays while the threshold moves: full bars are kept, dashed ones fall out. */
export function histogramPlot(filter, column) {
  const span = filter.high - filter.low || 1;
  const x = (v) => 2 + Math.min(1, Math.max(0, (v - filter.low) / span)) * (W - 4);
  const bar = (kind, i) => s("rect", { class: `train-bin ${kind}`, x: 2 + (i * (W - 4)) / BINS + 1, width: (W - 4) / BINS - 2 });
  const bars = Array.from({ length: BINS }, (_, i) => [bar("kept", i), bar("out", i)]);
  const line = s("line", { y1: 0, y2: H, class: "train-limit" });
  const svg = s(
    "svg",
    { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", class: "train-hist" },
    s("line", { x1: 0, x2: W, y1: H, y2: H, class: "axis" }),
    bars,
    line,
  );
  const update = (threshold) => {
    const found = histogram(filter, column, threshold);
    const unit = (H - TOP) / Math.max(1, ...found.counts);
    bars.forEach(([kept, out], i) => {
      const tall = found.counts[i] ? Math.max(2, found.counts[i] * unit) : 0;
      const full = found.counts[i] ? (tall * found.kept[i]) / found.counts[i] : 0;
      place(kept, H - full, full);
      place(out, H - tall, tall - full);
    });
    line.setAttribute("x1", x(threshold));
    line.setAttribute("x2", x(threshold));
    const total = found.counts.reduce((a, b) => a + b, 0);
    svg.setAttribute(
      "aria-label",
      `Scores of ${whole(total)} items from ${short(filter.low)} to ${short(filter.high)}, threshold ${short(threshold)}`,
    );
  };
  const ends = h(
    "p",
    { class: "train-ends", "aria-hidden": "true" },
    h("span", null, short(filter.low)),
    h("span", null, short(filter.high)),
  );
  return { el: h("div", null, svg, ends), update };
}

function place(bar, y, height) {
  bar.setAttribute("y", y);
  bar.setAttribute("height", Math.max(0, height));
}

/** The same numbers as a table, for a threshold. */
export function histogramTable(filter, column, threshold) {
  const found = histogram(filter, column, threshold);
  const bins = found.counts.map((n, i) => [short(found.edges[i]), short(found.edges[i + 1]), whole(n), whole(found.kept[i])]);
  return table({
    caption: `Scores by ${filter.name}`,
    head: ["Score from", "to", "Items", "Kept"],
    testid: "histogram-table",
    rows: [...bins.filter((_, i) => found.counts[i]), ...(found.none ? [["no score", "", whole(found.none), whole(found.none)]] : [])],
  });
}
