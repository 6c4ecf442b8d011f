// <rr-cards>: the passages of a run as cards, in the order of the moment.

import { h, num, gradeText, reorder, light, count } from "./dom.js";
import { heading, marked, pattern } from "./words.js";
import { movement } from "./run.js";

export const EVIDENCE = [
  ["words", "shared words (BM25)"],
  ["meaning", "similar meaning (cosine of embeddings)"],
  ["sentence", "one sentence close in meaning"],
  ["coverage", "share of the query's rare terms present"],
  ["phrase", "query words standing side by side"],
  ["lead", "query terms in the title or first sentence"],
];

/** Six bars, each with its name; one image with one description to a screen reader. */
export function bars(features) {
  const known = EVIDENCE.filter(([key]) => typeof features?.[key] === "number");
  if (!known.length) return null;
  const label = `Evidence: ${known.map(([key]) => `${key} ${num(features[key])}`).join(", ")}`;
  return h(
    "div",
    { class: "bars", role: "img", "aria-label": label },
    known.map(([key, about]) =>
      h(
        "span",
        { class: "evid", title: `${key}: ${about}, ${num(features[key])}` },
        h("i", null, h("b", { style: { width: `${Math.round(Math.min(1, Math.max(0, features[key])) * 100)}%` } })),
        h("em", null, key),
      ),
    ),
  );
}

/** ▲3, ▼2 or =, with words for those who don't see it. */
export function arrow(change) {
  if (change === null || change === undefined) return h("span", { class: "arrow" });
  const words = change > 0 ? `up ${count(change, "place")}` : change < 0 ? `down ${count(-change, "place")}` : "same place as before";
  const sign = change > 0 ? `▲${change}` : change < 0 ? `▼${-change}` : "=";
  return h(
    "span",
    { class: `arrow ${change > 0 ? "up" : change < 0 ? "down" : "same"}`, title: words },
    h("span", { "aria-hidden": "true" }, sign),
    h("span", { class: "sr" }, words),
  );
}

/**
 * How far a rank can be trusted, in words and as a bar; null where nothing is known of it. `run.intervals` holds best and worst rank
 * over the orders of a consensus, `run.unfused` the model's own order before fusion.
 */
function standing(run, id, rank) {
  const [best, worst] = run.intervals?.[id] ?? [];
  const alone = (run.unfused ?? []).indexOf(id) + 1;
  const fused = alone ? h("span", { class: "fused" }, `fused; model alone: rank ${alone}`) : null;
  if (!best) return fused;
  const orders = run.strategy_args?.k;
  const firm = best === worst;
  const over = orders ? count(orders, "order") : "the orders";
  const text = firm ? `rank ${rank}, the same in all ${over}` : `rank ${rank}, between ${best} and ${worst} over ${over}`;
  const n = run.passages.length;
  const at = (r) => `${(100 * r) / n}%`;
  return [
    h(
      "span",
      { class: "interval", "aria-hidden": "true" },
      h("b", { style: { left: at(best - 1), width: at(worst - best + 1) } }),
      h("i", { style: { left: at(rank - 0.5) } }),
    ),
    h("span", null, text),
    firm ? h("span", { class: "badge good" }, "firm") : null,
    fused,
  ];
}

class Cards extends HTMLElement {
  constructor() {
    super();
    this.cards = new Map();
  }

  connectedCallback() {
    if (this.list) return;
    this.note = h("p", { class: "provisional-note", hidden: true }, "Provisional places, as they stand while the model writes.");
    this.list = h("ol", { class: "cards", "data-testid": "cards" });
    this.append(this.note, this.list);
    const hint = (e) =>
      this.dispatchEvent(new CustomEvent("about", { detail: e.target.closest?.("[data-pid]")?.dataset.pid ?? null, bubbles: true }));
    this.addEventListener("pointerover", hint);
    this.addEventListener("focusin", hint);
    this.addEventListener("pointerleave", () => this.dispatchEvent(new CustomEvent("about", { detail: null, bubbles: true })));
  }

  show(run) {
    this.run = run;
    this.token = null;
    this.cards.clear();
    this.list.replaceChildren();
  }

  draw() {
    const { run } = this.run;
    if (!run) return;
    if (this.token !== run.token) this.build(run);
    const order = this.run.standing ?? run.passages.map((p) => p.id);
    const settled = this.run.ended || (this.run.standing && !this.run.provisional);
    const moved = order.join("\n") !== this.order;
    const nodes = order.map((id) => this.cards.get(id)?.el).filter(Boolean);
    if (moved || !this.list.childElementCount) reorder(this.list, nodes, Boolean(this.order));
    this.order = order.join("\n");
    this.list.classList.toggle("provisional", !settled && Boolean(this.run.standing));
    this.note.hidden = settled || !this.run.standing;
    order.forEach((id, i) => this.place(this.cards.get(id), i + 1, movement(this.cards.get(id)?.passage ?? {}, order)));
    this.grades();
    this.held(run, order);
  }

  /** Intervals and unfused ranks are known at the end. */
  held(run, order) {
    const stamp = this.run.ended && run.order ? this.order : null;
    if (stamp === this.told) return;
    this.told = stamp;
    order.forEach((id, i) => {
      const card = this.cards.get(id);
      if (!card) return;
      const said = stamp === null ? null : standing(run, id, i + 1);
      card.held.hidden = !said;
      card.held.replaceChildren(...[said].flat().filter(Boolean));
    });
  }

  build(run) {
    this.show(this.run);
    this.token = run.token;
    this.order = "";
    this.told = null;
    this.graded = "";
    for (const p of run.passages) this.cards.set(p.id, this.card(p));
  }

  card(p) {
    const find = pattern(p.terms);
    const rank = h("span", { class: "rank" });
    const move = h("span", { class: "move" });
    const number = h("span", { class: "number", title: "The number the model knows this passage by" }, `[${p.first_rank}]`);
    const grade = h("span", { class: "grade", hidden: true });
    const first = h(
      "span",
      { class: "first", title: "Rank and score in the first stage" },
      `first stage ${p.first_rank}`,
      p.score === null || p.score === undefined ? "" : ` · ${num(p.score, 4)}`,
    );
    const held = h("p", { class: "held", hidden: true, "data-testid": "held" });
    const text = h("p", { class: "text clamp", dir: "auto" }, marked(p.text, find));
    const more = h("button", { type: "button", class: "quiet more", "aria-expanded": "false" }, "Read all");
    more.addEventListener("click", () => {
      const open = text.classList.toggle("clamp");
      more.setAttribute("aria-expanded", String(!open));
      more.textContent = open ? "Read all" : "Show less";
    });
    if (p.text.length < 180) more.hidden = true;
    const el = h(
      "li",
      { class: "card", tabindex: "-1", "data-pid": p.id, "data-testid": `card-${p.first_rank}`, "data-first": p.first_rank },
      h("div", { class: "place" }, rank, move),
      h(
        "div",
        { class: "what" },
        h("div", { class: "top" }, number, heading(p, find), first, grade),
        held,
        text,
        h("div", { class: "foot" }, bars(p.features), more),
      ),
    );
    return { el, passage: p, rank, move, number, grade, held, at: 0 };
  }

  place(card, rank, change) {
    if (!card || (card.at === rank && card.change === change)) return;
    card.rank.replaceChildren(h("span", { class: "sr" }, "rank "), String(rank));
    card.move.replaceChildren(arrow(change));
    Object.assign(card, { at: rank, change });
    card.el.setAttribute("data-rank", rank);
  }

  /** Numbers and grades as the last call that read the passage had them; looked at when a call came or ended, not at every frame. */
  grades() {
    const windows = [...this.run.windows.values()];
    const stamp = `${windows.length} ${windows.filter((w) => w.live).length} ${this.run.ended}`;
    if (stamp === this.graded) return;
    this.graded = stamp;
    const numbers = new Map();
    const claims = new Map();
    for (const w of windows) {
      (w.passages ?? []).forEach((id, i) => numbers.set(id, `[${i + 1}]`));
      for (const claim of w.claims ?? [])
        if (claim.grade !== null && claim.grade !== undefined) for (const id of claim.passages) claims.set(id, claim);
    }
    for (const [id, card] of this.cards) {
      const [number, claim] = [numbers.get(id), claims.get(id)];
      if (number && card.number.textContent !== number) card.number.textContent = number;
      if (!claim) continue;
      card.grade.hidden = false;
      card.grade.textContent = `grade ${gradeText(claim.grade)}`;
      card.grade.className = `grade ${claim.polarity}`;
    }
  }

  /** Scrolls to a passage's card and lights it. */
  light(pid) {
    const card = this.cards.get(pid);
    if (!card) return;
    light(card.el);
    card.el.focus({ preventScroll: true });
  }

  /** Marks the card a citation points at, without moving anything. */
  hint(pid) {
    for (const [id, card] of this.cards) card.el.classList.toggle("hinted", id === pid);
  }
}

customElements.define("rr-cards", Cards);
