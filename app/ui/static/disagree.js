// <rr-disagree>: after a run, one quiet way for anybody to object, with a corrected order or without.

import { h } from "./dom.js";
import { get, post } from "./api.js";
import { area, form, keyring } from "./forms.js";
import { Judgement } from "./judgement.js";
import { byId } from "./run.js";
import { failed } from "./tab.js";
import { steps } from "./steps.js";

const SHOWN = 10; // passages that may be put in order here; the Annotate tab has all of them

class Disagree extends HTMLElement {
  /** Offers the objection for a finished run, as GET /runs/{token} tells it. */
  show(run, say) {
    if (this.token === run.token) return;
    Object.assign(this, { token: run.token, run, say, keys: keyring() });
    this.button = h(
      "button",
      { type: "button", class: "quiet", "aria-expanded": "false", "data-testid": "object", onclick: () => this.flip() },
      "I disagree",
    );
    this.box = h("div", { hidden: true });
    this.replaceChildren(this.button, this.box);
  }

  async flip() {
    const open = this.box.hidden;
    this.box.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open || this.box.childElementCount) return;
    try {
      this.box.replaceChildren(this.panel(await get("consent")));
    } catch (error) {
      this.box.replaceChildren(failed(error, () => this.flip().then(() => this.flip())));
    }
  }

  panel(consent) {
    const top = (this.run.order ?? this.run.orders?.model ?? this.run.passages.map((p) => p.id)).slice(0, SHOWN);
    const order = new Judgement(top);
    const note = area({ name: "objection-note", label: "Why, in your words (optional)", rows: 2, maxlength: 2000 });
    const list = h(
      "details",
      { class: "fold", "data-testid": "objection-order" },
      h("summary", null, `Put the first ${top.length} in your order (optional)`),
      h("p", { class: "help" }, "Drag, use the buttons, or Alt with the arrow keys."),
      steps(order, byId(this.run), this.say, { line: false, ties: false }),
    );
    return h(
      "section",
      { class: "panel objection", "aria-label": "Disagree with this ranking" },
      h(
        "p",
        { class: "consent", "data-testid": "consent" },
        consent.text,
        h("span", { class: "meta" }, ` (${[consent.licence, `version ${consent.version}`].filter(Boolean).join(", ")})`),
      ),
      form({
        testid: "objection",
        label: "Send my objection",
        kind: "quiet strong",
        fields: [note, { el: list }],
        act: (values) => this.send(consent, order, values["objection-note"]),
      }),
    );
  }

  async send(consent, order, note) {
    const wire = order.wire();
    const corrected = order.past.length > 0;
    const body = {
      consent_version: consent.version,
      order: corrected ? wire.order : null,
      not_relevant: corrected ? wire.not_relevant : [],
      note,
    };
    const path = `runs/${encodeURIComponent(this.token)}/disagreements`;
    const { disagreement } = await post(path, { idempotency_key: this.keys(body), ...body });
    const thanks = disagreement.message ?? "Thank you. A reviewer reads it before it counts for anything.";
    this.button.hidden = true;
    this.box.replaceChildren(h("p", { class: "panel", role: "status", tabindex: "-1", "data-testid": "objection-sent" }, thanks));
    this.box.firstChild.focus();
    this.say(thanks);
  }
}

customElements.define("rr-disagree", Disagree);
