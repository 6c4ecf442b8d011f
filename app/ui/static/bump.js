// <rr-bump>: how places changed from the first stage over the signals to the model, as lines or as a table.

import { h, s } from "./dom.js";
import { name } from "./words.js";
import { byId } from "./run.js";
import { arrow } from "./cards.js";

const ROW = 26;
const TOP = 40;
const STRONG = 5; // lines of the last column's first places are drawn strong

class Bump extends HTMLElement {
  connectedCallback() {
    if (this.box) return;
    this.box = h("div", { class: "chart" });
    this.table = false;
    this.toggle = h(
      "button",
      { type: "button", class: "quiet", "aria-pressed": "false", "data-testid": "bump-table", onclick: () => this.flip() },
      "As a table",
    );
    this.append(
      h("header", { class: "bar" }, h("h2", null, "How the places changed"), h("span", { class: "grow" }), this.toggle),
      this.box,
    );
    new ResizeObserver(() => {
      if (this.offsetWidth !== this.drawn) this.draw();
    }).observe(this);
  }

  show(run) {
    this.run = run;
    this.drawn = 0;
    this.draw();
  }

  flip() {
    this.table = !this.table;
    this.toggle.setAttribute("aria-pressed", String(this.table));
    this.draw();
  }

  draw() {
    if (!this.run?.run || !this.offsetWidth) return;
    this.drawn = this.offsetWidth;
    const { run } = this.run;
    const columns = columnsOf(run);
    if (columns.length < 2)
      return this.box.replaceChildren(
        h(
          "p",
          { class: "empty" },
          this.run.live ? "The chart is drawn when the model has finished." : "There is only one order to show: no model finished here.",
        ),
      );
    this.box.replaceChildren(this.table ? rows(run, columns) : this.lines(run, columns));
  }

  lines(run, columns) {
    const passages = byId(run);
    const width = Math.max(280, this.box.clientWidth);
    const n = run.passages.length;
    const height = TOP + n * ROW + 8;
    const left = 34;
    const right = Math.min(300, Math.max(110, width * 0.36));
    const x = (i) => left + (i * (width - left - right)) / (columns.length - 1);
    const y = (rank) => TOP + (rank - 0.5) * ROW;
    const last = columns.at(-1).order;
    const title = s("title", null, `Places of ${n} passages: ${columns.map((c) => c.label).join(", ")}`);
    const desc = s(
      "desc",
      null,
      `The first three by ${columns.at(-1).label}: ${last
        .slice(0, 3)
        .map((id) => name(passages.get(id)))
        .join("; ")}. The table has every place.`,
    );
    const heads = columns.map((c, i) => s("text", { x: x(i), y: 16, class: "head", "text-anchor": i === 0 ? "start" : "middle" }, c.label));
    if (heads.length) heads[0].setAttribute("x", 8);
    const items = last.map((id, i) => this.line({ id, i, passage: passages.get(id), columns, x, y, right, focus: i === 0 }));
    const svg = s(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Bump chart", class: "bump", "data-testid": "bump" },
      title,
      desc,
      heads,
      [...items].reverse(),
    );
    this.items = items;
    svg.addEventListener("keydown", (e) => this.keys(e));
    svg.addEventListener("click", (e) => this.pick(e.target.closest("[data-pid]")));
    return svg;
  }

  line({ id, i, passage, columns, x, y, right, focus }) {
    const ranks = columns.map((c) => c.order.indexOf(id) + 1);
    const d = ranks
      .map((r, k) => {
        if (!k) return `M${x(0)} ${y(r)}`;
        const mid = (x(k - 1) + x(k)) / 2;
        return `C${mid} ${y(ranks[k - 1])} ${mid} ${y(r)} ${x(k)} ${y(r)}`;
      })
      .join("");
    const change = ranks[0] - ranks.at(-1);
    const kind = change > 0 ? "up" : change < 0 ? "down" : "same";
    const said = columns.map((c, k) => `${c.label} ${ranks[k]}`).join(", ");
    const room = Math.floor((right - 40) / 7.3);
    const text = name(passage);
    return s(
      "g",
      {
        class: `path ${kind} ${i < STRONG ? "strong" : ""}`,
        tabindex: focus ? 0 : -1,
        role: "img",
        "aria-label": `${text.slice(0, 80)}: ${said}`,
        "data-pid": id,
      },
      s("title", null, `${text}\n${said}`),
      s("path", { d, class: "hit" }),
      s("path", { d, class: "ink" }),
      ranks.map((r, k) => s("circle", { cx: x(k), cy: y(r), r: 3.5 })),
      s("text", { x: 8, y: y(ranks[0]) + 4, class: "n" }, String(ranks[0])),
      s("text", { x: x(columns.length - 1) + 12, y: y(ranks.at(-1)) + 4, class: "n" }, String(ranks.at(-1))),
      s(
        "text",
        { x: x(columns.length - 1) + 34, y: y(ranks.at(-1)) + 4, class: "t" },
        text.length > room ? `${text.slice(0, room - 1)}…` : text,
      ),
    );
  }

  keys(event) {
    const at = this.items.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.items.length - 1 }[event.key];
    if (event.key === "Enter") return this.pick(event.target);
    if (at < 0 || to === undefined || !this.items[to]) return;
    event.preventDefault();
    this.items[at].setAttribute("tabindex", -1);
    this.items[to].setAttribute("tabindex", 0);
    this.items[to].focus();
  }

  pick(el) {
    if (el) this.dispatchEvent(new CustomEvent("pick", { detail: el.dataset.pid, bubbles: true }));
  }
}

/** The orders a run has, as [{key, label, order}]; the model's only when it finished one, both its own and the fused where it was fused. */
export function columnsOf(run) {
  const { first_stage, signals, model } = run.orders ?? {};
  const fused = run.unfused?.length;
  return [
    { key: "first_stage", label: "First stage", order: first_stage },
    { key: "signals", label: "Signals", order: signals },
    { key: "unfused", label: "Model alone", order: fused ? run.unfused : null },
    { key: "model", label: fused ? "Fused" : "Model", order: model },
  ].filter((c) => c.order?.length);
}

function rows(run, columns) {
  const passages = byId(run);
  const last = columns.at(-1).order;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Places as a table" },
    h(
      "table",
      { "data-testid": "bump-rows" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", { scope: "col" }, "Passage"),
          columns.map((c) => h("th", { scope: "col" }, c.label)),
          h("th", { scope: "col" }, "Moved"),
        ),
      ),
      h(
        "tbody",
        null,
        last.map((id, i) =>
          h(
            "tr",
            null,
            h("th", { scope: "row", dir: "auto" }, name(passages.get(id))),
            columns.map((c) => h("td", null, String(c.order.indexOf(id) + 1))),
            h("td", null, arrow(columns[0].order.indexOf(id) - i)),
          ),
        ),
      ),
    ),
  );
}

customElements.define("rr-bump", Bump);
