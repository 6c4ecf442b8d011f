// What our charts share: the frame with finding, n and table; marks that are links and tell their numbers; shapes beside colours.

import { h, s } from "./dom.js";

const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];

/** A chart in its frame. `draw(width)` makes the SVG anew whenever the width changes; `rows()` makes the table. */
export function figure({ title, finding, n, made, draw, rows, testid, legend = null }) {
  const box = h("div", { class: "plot" });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  let table = false;
  let drawn = 0;
  const show = () => {
    const width = box.clientWidth;
    if (!width || (width === drawn && !table)) return;
    drawn = table ? 0 : width;
    box.replaceChildren(table ? rows() : draw(Math.min(width, 1200)), tip);
  };
  const toggle = h("button", { type: "button", class: "quiet", "aria-pressed": "false", "data-testid": `${testid}-table` }, "As a table");
  toggle.addEventListener("click", () => {
    table = !table;
    drawn = 0;
    toggle.setAttribute("aria-pressed", String(table));
    show();
  });
  new ResizeObserver(() => {
    if (!table) show();
  }).observe(box);
  tips(box, tip);
  return h(
    "figure",
    { class: "figure", "data-testid": testid },
    h("figcaption", null, h("h3", null, title), toggle),
    h("p", { class: "finding", dir: "auto" }, finding),
    legend,
    box,
    h("p", { class: "meta" }, `n = ${n}. ${made}`),
  );
}

/** Shows the words of the mark under the pointer or in focus, near it and inside the plot. */
function tips(box, tip) {
  const show = (event) => {
    const mark = event.target.closest?.("[data-tip]");
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const frame = box.getBoundingClientRect();
    const at = mark.getBoundingClientRect();
    const half = tip.offsetWidth / 2;
    const left = Math.max(half, Math.min(frame.width - half, at.left + at.width / 2 - frame.left));
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(0, at.top - frame.top - tip.offsetHeight - 6)}px`;
  };
  const hide = () => {
    tip.hidden = true;
  };
  box.addEventListener("pointerover", (e) => (e.target.closest?.("[data-tip]") ? show(e) : hide()));
  box.addEventListener("pointerleave", hide);
  box.addEventListener("focusin", show);
  box.addEventListener("focusout", hide);
}

/** A mark that leads to its items: an SVG link with its numbers as name and tip. `open(items, words)` is called instead of going there. */
export function link(words, items, open, ...children) {
  const go = (event) => {
    event.preventDefault();
    open(items, words);
  };
  return s("a", { href: "#items", class: "mark", "data-tip": words, "aria-label": words, onclick: go }, children);
}

/** The shape of series `i` around a point, `r` its reach. Shapes differ, so that colour is never alone. */
export function shape(i, x, y, r = 6) {
  const kind = SHAPES[i % SHAPES.length];
  const look = { class: `series-${i % SHAPES.length}` };
  if (kind === "circle") return s("circle", { cx: x, cy: y, r, ...look });
  if (kind === "square") return s("rect", { x: x - r + 1, y: y - r + 1, width: 2 * r - 2, height: 2 * r - 2, ...look });
  const d = {
    triangle: `M${x} ${y - r}L${x + r} ${y + r - 1}H${x - r}Z`,
    diamond: `M${x} ${y - r - 1}L${x + r + 1} ${y}L${x} ${y + r + 1}L${x - r - 1} ${y}Z`,
    cross: `M${x - r} ${y - 2}H${x - 2}V${y - r}H${x + 2}V${y - 2}H${x + r}V${y + 2}H${x + 2}V${y + r}H${x - 2}V${y + 2}H${x - r}Z`,
  }[kind];
  return s("path", { d, ...look });
}

/** Which series has which shape. */
export function legend(names) {
  if (names.length < 2) return null;
  return h(
    "ul",
    { class: "legend" },
    names.map((text, i) =>
      h("li", null, s("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, shape(i, 8, 8)), h("bdi", null, text)),
    ),
  );
}

/** Round numbers from 0 to at least `top`, at most six. */
export function ticks(top) {
  const step = [0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100].find((d) => top / d <= 5) ?? Math.ceil(top / 5);
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, i) => Math.round(i * step * 100) / 100);
}

/** The SVG of a chart. Its marks are links in its own order; what it shows is said by finding and table. */
export const plot = (label, width, height, ...children) =>
  s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label, class: "plot-svg" }, children);

/** Text cut to what fits into `pixels` at about 13 px type. */
export const cut = (text, pixels) => {
  const room = Math.max(3, Math.floor(pixels / 6.9));
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
};

export const percent = (share) => `${Math.round(share * 100)} %`;
