// The whole text of a passage, and the words in it that decide: marked by selecting them, word by word with the keyboard, or by buttons.

import { h } from "./dom.js";
import { head, toPoint, toUnit, words } from "./points.js";

const STEP = 20_000; // characters shown at once: more than anybody reads in one go, little enough to scroll smoothly
const QUOTED = 160;
const JUMP = 10; // words that Arrow up and down go

/** Shows `passage` and marks into `judgement`; `el` is the element, `say` announces. */
export class Reader {
  constructor(passage, judgement, say) {
    Object.assign(this, { passage, judgement, say, limit: STEP, cursor: null });
    this.text = h("p", { class: "text full", dir: "auto", tabindex: "0", role: "region", "data-testid": "full-text" });
    this.more = this.button("Show more", "show-more", () => this.grow());
    this.start = this.button("Mark words", "mark-words", () => (this.cursor ? this.leave() : this.enter()));
    this.start.title = "Choose the words that decide, with the arrow keys (M)";
    this.take = this.button("Mark the selection", "mark-selection", () => this.markSelection());
    this.take.addEventListener("pointerdown", (e) => e.preventDefault()); // else pressing it would undo the selection
    this.steps = this.stepper();
    this.list = h("ul", { class: "spans", "aria-label": "Words that decide", "data-testid": "spans" });
    const tools = h("div", { class: "row tight" }, this.start, this.take, this.steps);
    this.el = h("div", { class: "reader" }, tools, this.text, this.more, this.list);
    this.text.addEventListener("keydown", (e) => this.keys(e));
    this.watchSelection();
    this.update();
  }

  button(label, id, act) {
    return h("button", { type: "button", class: "quiet", "data-testid": id, onclick: act }, label);
  }

  /** The keys of the word mode as buttons, for those without keys. */
  stepper() {
    const small = (sign, label, act) =>
      h("button", { type: "button", class: "quiet icon", "aria-label": label, title: label, onclick: () => this.after(act) }, sign);
    return h(
      "span",
      { class: "steps-words", role: "group", "aria-label": "Choose words", hidden: true, "data-testid": "word-steps" },
      small("‹", "Word before", () => this.go(-1, false)),
      small("›", "Next word", () => this.go(1, false)),
      small("−", "One word less", () => this.go(-1, true)),
      small("+", "One word more", () => this.go(1, true)),
      this.button("Mark", "mark-chosen", () => this.after(() => this.markWords())),
    );
  }

  after(act) {
    act();
    this.update();
  }

  get shown() {
    return head(this.passage.text, this.limit);
  }

  grow() {
    const top = this.text.scrollTop;
    this.limit += STEP;
    this.cut = null;
    this.update();
    this.text.scrollTop = top;
    if (this.more.hidden) this.text.focus({ preventScroll: true });
  }

  /** Draws text, marks and the list of marks anew. */
  update() {
    const { shown, passage } = this;
    const spans = this.judgement.spansOf(passage.id);
    const stamp = JSON.stringify([spans, this.cursor, this.limit]);
    if (stamp === this.drawn) return; // a text of this size is not drawn at every keystroke elsewhere, and a selection in it stays
    this.drawn = stamp;
    const held = this.text.scrollTop;
    this.text.replaceChildren(...pieces(shown, this.units(spans, shown), this.chosen()));
    this.text.scrollTop = held;
    const left = passage.text.length - shown.length;
    this.more.hidden = !left;
    this.more.textContent = `Show more (${left.toLocaleString("en")} characters left)`;
    this.list.replaceChildren(...spans.map((span) => this.quote(span)));
    this.list.hidden = !spans.length;
    this.start.setAttribute("aria-pressed", String(Boolean(this.cursor)));
    this.start.textContent = this.cursor ? "Done marking" : "Mark words";
    this.steps.hidden = !this.cursor;
    this.take.disabled = !this.selection();
    this.text.setAttribute("role", this.cursor ? "application" : "region");
    this.text.setAttribute(
      "aria-label",
      this.cursor ? "Words of the passage: arrows choose, Shift with arrows takes more, Enter marks, Escape ends" : "Text of the passage",
    );
    if (this.cursor) this.text.querySelector(".word-chosen")?.scrollIntoView({ block: "nearest" });
  }

  units(spans, shown) {
    return spans.map((s) => ({ start: toUnit(shown, s.start), end: toUnit(shown, s.end) })).filter((s) => s.start < s.end);
  }

  quote(span) {
    const { text, id } = this.passage;
    const said = text.slice(toUnit(text, span.start), toUnit(text, span.end));
    const short = said.length > QUOTED ? `${head(said, QUOTED)}…` : said;
    const remove = () => {
      this.judgement.unmark(id, span.start);
      this.say("Mark removed.");
      this.text.focus({ preventScroll: true });
    };
    const button = this.button("remove", "unmark", remove);
    button.setAttribute("aria-label", `remove the mark: ${short.slice(0, 60)}`);
    return h("li", null, h("mark", { dir: "auto" }, short), button);
  }

  // ---- by selecting

  watchSelection() {
    const look = () => {
      if (!this.el.isConnected) return this.seen && document.removeEventListener("selectionchange", look);
      this.seen = true;
      this.take.disabled = !this.selection();
      return undefined;
    };
    document.addEventListener("selectionchange", look);
  }

  /** The selected part of the text in UTF-16 units, or null. Selections in a shadow root are asked for in the way each browser knows. */
  selection() {
    const root = this.text.getRootNode();
    if (root === this.text || !this.text.isConnected) return null;
    const all = document.getSelection();
    const range = all?.getComposedRanges?.({ shadowRoots: [root] })[0] ?? firstRange(root.getSelection?.() ?? all);
    if (!range || !this.text.contains(range.startContainer)) return null;
    const start = this.offset(range.startContainer, range.startOffset);
    const end = this.text.contains(range.endContainer) ? this.offset(range.endContainer, range.endOffset) : this.shown.length;
    return start < end ? { start, end } : null;
  }

  offset(node, at) {
    const range = document.createRange();
    range.setStart(this.text, 0);
    range.setEnd(node, at);
    return range.toString().length;
  }

  markSelection() {
    const found = this.selection();
    if (!found) return;
    document.getSelection()?.removeAllRanges();
    this.mark(found);
    this.text.focus({ preventScroll: true });
  }

  mark({ start, end }) {
    const { text, id } = this.passage;
    this.judgement.mark(id, toPoint(text, start), toPoint(text, end));
    this.say(`Marked: ${text.slice(start, Math.min(end, start + 80))}`);
  }

  // ---- word by word

  get segments() {
    this.cut ??= words(this.shown);
    return this.cut;
  }

  enter() {
    if (!this.segments.length) return this.say("There are no words in this passage.");
    this.cursor = { from: 0, to: 0 };
    this.update();
    this.text.focus({ preventScroll: true });
    return this.say("Marking words. Arrows choose, Shift with arrows takes more, Enter marks, Escape ends.");
  }

  leave() {
    this.cursor = null;
    this.update();
    this.text.focus({ preventScroll: true });
    this.say("Marking ended.");
  }

  /** The chosen words as one span in UTF-16 units, or null. */
  chosen() {
    if (!this.cursor) return null;
    const { from, to } = this.cursor;
    const [a, b] = [Math.min(from, to), Math.max(from, to)];
    return { start: this.segments[a].start, end: this.segments[b].end };
  }

  go(by, extend) {
    const to = Math.max(0, Math.min(this.segments.length - 1, this.cursor.to + by));
    this.cursor = { from: extend ? this.cursor.from : to, to };
    const { start, end } = this.chosen();
    this.say(this.shown.slice(start, Math.min(end, start + 120)));
  }

  markWords() {
    this.mark(this.chosen());
    this.cursor.from = this.cursor.to;
  }

  keys(event) {
    if (!this.cursor || event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = getComputedStyle(this.text).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const by = { ArrowUp: -JUMP, ArrowDown: JUMP, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.go(Math.abs(by) > 1 ? by : event.key === forward ? 1 : -1, event.shiftKey);
    else if (event.key === "Enter") this.markWords();
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (this.cursor) this.update();
  }
}

const firstRange = (selection) => (selection?.rangeCount ? selection.getRangeAt(0) : null);

/** A text as nodes: `spans` marked, `chosen` (one span or null) shown as the one being chosen. */
function pieces(text, spans, chosen) {
  const cuts = new Set([0, text.length]);
  for (const { start, end } of chosen ? [...spans, chosen] : spans) {
    cuts.add(Math.min(start, text.length));
    cuts.add(Math.min(end, text.length));
  }
  const at = [...cuts].sort((a, b) => a - b);
  const within = (span, i) => span && span.start <= at[i] && at[i + 1] <= span.end;
  return at.slice(0, -1).map((from, i) => {
    const part = text.slice(from, at[i + 1]);
    const isMarked = spans.some((span) => within(span, i));
    const isChosen = within(chosen, i);
    if (!isMarked && !isChosen) return part;
    return h(isMarked ? "mark" : "span", { class: isChosen ? "word-chosen" : null }, part);
  });
}
