// Correct the cause: once a passage was moved away from where the model had put it, the model's claims about it are offered under its
// card. One choice stores the wrong claim with its span; the order it comes with is the corrected one.

import { h, count } from "./dom.js";
import { claimsOf, rewriting, spanOf } from "./claims.js";

const FAR = 2; // places between the model's rank and the person's, from which on the reason is asked for

/** Watches a ranker; `run` is the model's run. Nothing is offered for a passage of which the model claimed nothing. */
export class Cause {
  constructor(run, judgement, ranker, say) {
    Object.assign(this, { run, judgement, ranker, say, closed: new Set(), strip: null });
    this.rank = new Map((run.order ?? []).map((id, i) => [id, i + 1]));
    ranker.addEventListener("moved", (e) => this.moved(e.detail));
    ranker.addEventListener("cause", (e) => this.asked(e.detail));
    judgement.addEventListener("change", () => this.update());
  }

  /** How far a passage stands from where the model put it; infinite where it was tossed. */
  far(id) {
    if (this.judgement.now.off.includes(id)) return Infinity;
    const rank = this.judgement.ranks().get(id);
    return rank && this.rank.has(id) ? Math.abs(rank - this.rank.get(id)) : 0;
  }

  moved(id) {
    if (this.far(id) >= FAR && !this.closed.has(id)) this.open(id);
    else if (this.strip?.id === id) this.close();
  }

  /** The C key: the claims of this passage, moved or not, with the focus on the first. */
  asked(id) {
    if (this.strip?.id !== id && !this.open(id)) return this.say("The model made no claim of its own about this passage.");
    return this.strip.buttons[0].focus();
  }

  open(id) {
    if (this.strip?.id === id) return true;
    const found = claimsOf(this.run, id);
    if (!found.length) return false;
    this.close();
    const passage = this.run.passages.find((p) => p.id === id);
    const rows = found.map((f, i) => this.row(f, i + 1, passage));
    const el = h(
      "section",
      { class: "cause", "data-testid": "cause", "aria-label": "What the model claimed of this passage" },
      h("p", { class: "lead" }, this.lead(id), " Which claim was wrong?"),
      h("ol", null, rows.map((r) => r.el)),
      h(
        "div",
        { class: "row tight" },
        this.button("None of these is wrong", "cause-none", () => this.none(id, found)),
        this.button("Dismiss", "cause-dismiss", () => this.dismiss(id)),
      ),
    );
    el.addEventListener("keydown", (e) => this.keys(e, id));
    this.strip = { id, el, rows, buttons: rows.map((r) => r.button) };
    this.ranker.row(id).el.append(el);
    this.update();
    this.say(`${count(found.length, "claim")} of the model about this passage. Press C to choose the wrong one.`);
    return true;
  }

  lead(id) {
    const rank = this.rank.get(id);
    const now = this.judgement.now.off.includes(id) ? "not relevant" : `rank ${this.judgement.ranks().get(id) ?? "–"}`;
    return rank ? `The model put it at rank ${rank}, you say ${now}.` : `The model did not rank it, you say ${now}.`;
  }

  row({ claim, text, call }, number, passage) {
    const rewrite = rewriting(claim, passage, this.judgement);
    const isWrong = () => this.judgement.now.claims[claim.id]?.verdict === "wrong";
    const button = h(
      "button",
      {
        type: "button",
        class: "claim-choice",
        "data-testid": "cause-claim",
        "data-claim": claim.id,
        onclick: () => {
          this.judgement.claim(claim.id, passage.id, { verdict: isWrong() ? "unsure" : "wrong", span: spanOf(claim) });
          this.say(isWrong() ? "Marked wrong. You may write what it should have said." : "No longer marked wrong.");
        },
      },
      h("kbd", { "aria-hidden": "true" }, String(number)),
      h("span", { dir: "auto" }, text, call > 1 ? h("span", { class: "meta" }, ` call ${call}`) : null),
    );
    const update = () => {
      button.setAttribute("aria-pressed", String(isWrong()));
      rewrite.update();
    };
    return { el: h("li", null, button, rewrite.el), button, update };
  }

  button(label, id, act) {
    return h("button", { type: "button", class: "quiet", "data-testid": id, onclick: act }, label);
  }

  none(id, found) {
    for (const { claim } of found)
      if (!this.judgement.now.claims[claim.id]) this.judgement.claim(claim.id, id, { verdict: "right", span: spanOf(claim) });
    this.say("Noted: none of the claims is wrong.");
    this.dismiss(id);
  }

  /** Closes the strip; it isn't offered for this passage again, only by the C key. */
  dismiss(id) {
    this.closed.add(id);
    const { el } = this.ranker.row(id);
    this.close();
    el.focus({ preventScroll: true });
  }

  close() {
    this.strip?.el.remove();
    this.strip = null;
  }

  update() {
    if (!this.strip) return;
    for (const row of this.strip.rows) row.update();
    this.strip.el.querySelector(".lead").firstChild.textContent = this.lead(this.strip.id);
  }

  keys(event, id) {
    if (event.target.matches("textarea") && event.key !== "Escape") return;
    const button = this.strip?.buttons[Number(event.key) - 1];
    if (/^[1-9]$/.test(event.key) && button) {
      button.focus();
      button.click();
    } else if (event.key === "Escape") this.ranker.row(id).el.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
