// Two versions of one judgement, side by side, and what stays: mine, theirs, or a merge made passage by passage.

import { h, count, moment } from "./dom.js";
import { changes, differing, merged, places } from "./difference.js";
import { name } from "./words.js";

/** `mine` and `theirs` as they go over the wire; `choose(mine, wire)`: mine stays (true) or theirs; `wire` is a merge to save. */
export function conflict(mine, theirs, passages, choose) {
  const merge = new Merge(mine, theirs, passages);
  const plain = lines(mine, merge.unlike, passages, () => null);
  const save = () => choose(true, merge.wire());
  merge.save.addEventListener("click", save);
  return h(
    "section",
    { class: "clash", role: "alertdialog", "aria-labelledby": "rr-conflict", "data-testid": "conflict", tabindex: "-1" },
    h("h3", { id: "rr-conflict" }, "Two versions of this judgement"),
    h(
      "p",
      null,
      "A newer version was saved elsewhere while you worked. Nothing is lost: theirs stays in the history, and what you choose becomes ",
      "the newest. To mix the two, take passages from the other one by one.",
    ),
    h("p", { class: "meta" }, `They differ in: ${changes(mine, theirs) || "nothing that can be seen"}.`),
    h(
      "div",
      { class: "two" },
      side("Yours, not saved", mine, plain),
      side(`Version ${theirs.version}, ${moment(theirs.created)}`, theirs, merge.list(), merge.note?.el),
    ),
    merge.result,
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "primary", "data-testid": "keep-mine", onclick: () => choose(true) }, "Keep mine"),
      h("button", { type: "button", class: "quiet", "data-testid": "take-theirs", onclick: () => choose(false) }, "Take that one"),
      merge.save,
    ),
  );
}

/** Which passages are taken from the other version, and what comes of it, shown while one chooses. */
class Merge {
  constructor(mine, theirs, passages) {
    Object.assign(this, { mine, theirs, passages, unlike: new Set(differing(mine, theirs)), taken: new Set(), toggles: new Map() });
    const other = (mine.note ?? "") !== (theirs.note ?? "") && theirs.note;
    this.note = other ? noteChoice(theirs.note, () => this.draw()) : null;
    this.result = h("div", { class: "result", hidden: true, "data-testid": "merge-result" });
    this.save = h("button", { type: "button", class: "quiet strong", disabled: true, "data-testid": "save-merge" }, "Save the merge");
  }

  wire() {
    return merged(this.mine, this.theirs, [...this.taken], this.note?.box.checked);
  }

  /** Their version, with a button beside each passage that differs. */
  list() {
    return lines(this.theirs, this.unlike, this.passages, (id) => (this.unlike.has(id) ? this.toggle(id) : null));
  }

  toggle(id) {
    const act = () => {
      if (!this.taken.delete(id)) this.taken.add(id);
      this.draw();
    };
    const label = `Take theirs for ${called(id, this.passages)}`;
    const props = { type: "button", class: "quiet", "data-testid": "take-one", "aria-pressed": "false", "aria-label": label, onclick: act };
    this.toggles.set(id, h("button", props, "take"));
    return this.toggles.get(id);
  }

  draw() {
    for (const [id, button] of this.toggles) button.setAttribute("aria-pressed", String(this.taken.has(id)));
    this.save.disabled = !this.taken.size && !this.note?.box.checked;
    this.result.hidden = this.save.disabled;
    this.result.replaceChildren(h("h4", null, "The merge"), ...lines(this.wire(), this.unlike, this.passages, () => null));
  }
}

const called = (id, passages) => (passages.has(id) ? name(passages.get(id)) : id).slice(0, 120);

function noteChoice(text, changed) {
  const box = h("input", { type: "checkbox", "data-testid": "take-note", onchange: changed });
  return { box, el: h("label", { class: "check" }, box, h("span", { dir: "auto" }, `Take this note: ${text.slice(0, 200)}`)) };
}

function side(title, wire, list, more = null) {
  const ranked = (wire.order ?? []).flat().length;
  return h(
    "div",
    { class: "side" },
    h("h4", null, title),
    h("p", { class: "meta" }, `${count(ranked, "passage")} ranked, ${wire.not_relevant?.length ?? 0} not relevant`),
    list,
    wire.note ? h("blockquote", { dir: "auto" }, wire.note) : null,
    more,
  );
}

/** A version as a list; passages in which the two differ are marked by more than colour. */
function lines(wire, unlike, passages, extra) {
  const where = { off: "not relevant", unranked: "not judged" };
  const items = [...places(wire)].map(([id, p]) =>
    h(
      "li",
      { class: unlike.has(id) ? "differs" : "" },
      h("span", { class: "at" }, p.rank === null ? "–" : `${p.rank}${p.tied ? "=" : ""}`),
      h("span", { dir: "auto", class: "name" }, called(id, passages), unlike.has(id) ? h("span", { class: "sr" }, " (differs)") : null),
      p.rank === null ? h("span", { class: "grade" }, where[p.where]) : null,
      wire.grades?.[id] === undefined ? null : h("span", { class: "grade" }, `grade ${wire.grades[id]}`),
      extra(id),
    ),
  );
  return [h("ol", { tabindex: "0", role: "list", "aria-label": "Passages in this version's order" }, items)];
}
