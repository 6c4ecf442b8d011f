// The orders of several judges side by side: a column for each, a line for each passage; and the same as a table.

import { h, s } from "./dom.js";
import { cut } from "./charts.js";
import { name } from "./words.js";

const ROW = 26;
const TOP = 58;
const COLUMN = 96; // pixels between two judges
const APART = 4; // places between two judges from which a line is drawn strong

/** Ranks of one passage are null where a judge did not rank it: the line breaks there. */
export function orders(judgements, positions, passages, pick) {
  const box = h("div", { class: "chart" });
  const toggle = h("button", { type: "button", class: "quiet", "aria-pressed": "false", "data-testid": "orders-table" }, "As a table");
  const draw = (asTable) =>
    box.replaceChildren(asTable ? rows(judgements, positions, passages) : lines(judgements, positions, passages, pick));
  toggle.addEventListener("click", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    draw(on);
  });
  draw(false);
  return h(
    "section",
    null,
    h("header", { class: "bar" }, h("h3", null, "Side by side"), h("span", { class: "grow" }), toggle),
    h(
      "p",
      { class: "help" },
      `Strong lines: judges are ${APART} places or more apart. A line breaks where a judge did not rank the passage.`,
    ),
    box,
  );
}

const called = (passages, id) => name(passages.get(id) ?? { id, title: id, text: "" });
const rankText = (rank) => (rank === null ? "not ranked" : String(rank));

function lines(judgements, positions, passages, pick) {
  const ids = sorted(positions);
  const left = innerWidth < 640 ? 118 : 210; // room for what the passages are called
  const width = left + 24 + judgements.length * COLUMN;
  const height = TOP + (ids.length + 1) * ROW;
  const x = (k) => left + 30 + k * COLUMN;
  const y = (rank) => TOP + (rank - 0.5) * ROW;
  const heads = judgements.map((j, k) => [
    s("text", { x: x(k), y: 18, class: "head", "text-anchor": "middle" }, short(j.label)),
    s("text", { x: x(k), y: 35, class: "head kind", "text-anchor": "middle" }, j.kind === "model" ? "model" : j.mine ? "you" : "person"),
  ]);
  const items = ids.map((id, i) => line({ id, i, ranks: positions[id], label: called(passages, id), judgements, room: left, x, y }));
  const svg = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "group",
      "aria-label": "Orders of the judges",
      class: "bump orders",
      "data-testid": "orders",
    },
    heads,
    items,
  );
  svg.addEventListener("keydown", (e) => move(e, items, pick));
  svg.addEventListener("click", (e) => {
    const at = e.target.closest("[data-pid]");
    if (at) pick(at.dataset.pid);
  });
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Orders side by side" }, svg);
}

const mean = (ranks) => {
  const given = ranks.filter((r) => r !== null);
  return given.length ? given.reduce((a, b) => a + b, 0) / given.length : Infinity;
};

/** In the order of the first judge, since the names stand beside that column; those it did not rank follow, by their mean rank. */
function sorted(positions) {
  const first = (id) => positions[id][0] ?? Infinity;
  return Object.keys(positions).sort((a, b) => (first(a) === first(b) ? mean(positions[a]) - mean(positions[b]) : first(a) - first(b)));
}

const short = (text) => (text.length > 12 ? `${text.slice(0, 11)}…` : text);

function line({ id, i, ranks, label, judgements, room, x, y }) {
  const said = judgements.map((j, k) => `${j.label} ${rankText(ranks[k])}`).join(", ");
  const known = ranks.filter((r) => r !== null);
  const apart = known.length > 1 && Math.max(...known) - Math.min(...known) >= APART;
  return s(
    "g",
    {
      class: `path ${apart ? "apart" : ""}`,
      tabindex: i ? -1 : 0,
      role: "img",
      "aria-label": `${label.slice(0, 80)}: ${said}`,
      "data-pid": id,
    },
    s("title", null, `${label}\n${said}`),
    pieces(ranks, x, y).map((d) => [s("path", { d, class: "hit" }), s("path", { d, class: "ink" })]),
    ranks.map((r, k) => (r === null ? null : s("circle", { cx: x(k), cy: y(r), r: 3.5 }))),
    s("text", { x: room + 8, y: y(i + 1) + 4, class: "t", "text-anchor": "end" }, cut(label, room)),
  );
}

function pieces(ranks, x, y) {
  const out = [];
  let d = "";
  ranks.forEach((r, k) => {
    if (r === null) {
      if (d) out.push(d);
      d = "";
    } else if (!d) d = `M${x(k)} ${y(r)}`;
    else d += `C${x(k) - COLUMN / 2} ${y(ranks[k - 1])} ${x(k) - COLUMN / 2} ${y(r)} ${x(k)} ${y(r)}`;
  });
  return d ? [...out, d] : out;
}

function move(event, items, pick) {
  const at = items.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Enter" && at >= 0) return pick(items[at].dataset.pid);
  if (at < 0 || !items[to]) return;
  event.preventDefault();
  items[at].setAttribute("tabindex", -1);
  items[to].setAttribute("tabindex", 0);
  items[to].focus();
}

function rows(judgements, positions, passages) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Orders as a table" },
    h(
      "table",
      { "data-testid": "orders-rows" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", { scope: "col" }, "Passage"),
          judgements.map((j) => h("th", { scope: "col" }, j.label)),
        ),
      ),
      h(
        "tbody",
        null,
        sorted(positions).map((id) =>
          h(
            "tr",
            null,
            h("th", { scope: "row", dir: "auto" }, called(passages, id)),
            positions[id].map((r) => h("td", null, rankText(r))),
          ),
        ),
      ),
    ),
  );
}
