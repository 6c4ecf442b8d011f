// <rr-options>: how to rank beyond the model: the strategy and its parameters, thinking, fusion with the first stage.

import { h } from "./dom.js";
import { NotANumber, checkField, choiceField, numberField, shareField } from "./fields.js";
import { meaning, plainName, strategies, title } from "./strategies.js";

const MODES = [
  ["profile", "as the profile asks"],
  ["reasoned", "reasoned: a trace, then the answer"],
  ["direct", "direct: the answer alone"],
  ["auto", "auto: a router decides for the query"],
];
const SETTLE = { top: 10, patience: 200 };

class Options extends HTMLElement {
  constructor() {
    super();
    this.fields = [];
    this.choice = h("select", { id: "rr-strategy", "data-testid": "strategy", onchange: () => this.chosen() });
    this.says = h("p", { class: "help", "data-testid": "strategy-about" });
    /** To be placed beside the model: the select with its label. */
    this.picker = h("div", null, h("label", { for: "rr-strategy" }, "Strategy"), this.choice, this.says);
  }

  connectedCallback() {
    if (this.box) return;
    this.own = h("div", { class: "fields", "data-testid": "parameters" });
    this.mode = choiceField({ name: "mode", label: "Mode", choices: MODES });
    this.budget = numberField({ name: "budget", label: "Tokens of a trace at most", min: 1, hint: "Blank for no bound of its own." });
    this.settles = checkField({ name: "settles", label: "Stop a trace once its top places hold" });
    this.top = numberField({ name: "top", label: "Top places", value: SETTLE.top, min: 1 });
    this.patience = numberField({ name: "patience", label: "Tokens without a change", value: SETTLE.patience, min: 1 });
    this.fused = checkField({ name: "fused", label: "Fuse with the first stage" });
    this.share = shareField({
      name: "share",
      label: "Share of the model",
      value: 50,
      say: (percent) => `${percent} % model, ${100 - percent} % first stage`,
    });
    this.brief = h("span", { class: "meta", "data-testid": "options-brief" });
    this.box = h(
      "details",
      { class: "more-options", "data-testid": "more" },
      h("summary", null, "More", " ", this.brief),
      h(
        "div",
        { class: "groups" },
        h("fieldset", null, h("legend", null, "Parameters of the strategy"), this.own),
        h(
          "fieldset",
          null,
          h("legend", null, "Thinking"),
          h(
            "div",
            { class: "fields" },
            [this.mode, this.budget].map((f) => f.el),
          ),
          this.settles.el,
          h(
            "div",
            { class: "fields pair" },
            [this.top, this.patience].map((f) => f.el),
          ),
        ),
        h("fieldset", null, h("legend", null, "First stage"), this.fused.el, this.share.el),
      ),
      h("button", { type: "button", class: "quiet", "data-testid": "options-reset", onclick: () => this.reset() }, "Back to the defaults"),
    );
    this.append(this.box);
    this.addEventListener("input", () => this.sync());
    this.addEventListener("change", () => this.sync());
    this.sync();
    /** Settled once the strategies were asked for. */
    this.ready = this.list();
  }

  async list() {
    try {
      this.known = await strategies();
      this.choice.replaceChildren(...this.known.map((s) => h("option", { value: s.name }, title(s))));
      this.chosen();
    } catch (error) {
      this.says.textContent = error.message;
      if (error.passing) setTimeout(() => this.list(), 4000);
    }
  }

  /** Parameters are made anew for each strategy, from what the server says of them. */
  chosen() {
    const strategy = this.strategy;
    this.says.textContent = strategy ? meaning(strategy) : "";
    this.fields = parameters(strategy, this.known);
    this.own.replaceChildren(
      ...(this.fields.length ? this.fields.map((f) => f.el) : [h("p", { class: "help" }, "This strategy has nothing to set.")]),
    );
    this.sync();
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  get strategy() {
    return this.known?.find((s) => s.name === this.choice.value);
  }

  sync() {
    for (const field of [this.top, this.patience]) field.input.disabled = !this.settles.input.checked;
    this.share.input.disabled = !this.fused.input.checked;
    this.brief.textContent = this.words.join(" · ");
  }

  /** Whether the model has a router; `auto` is no choice without one. */
  set routed(on) {
    const auto = this.mode.input.querySelector("[value=auto]");
    [auto.hidden, auto.disabled] = [!on, !on];
    if (!on && this.mode.value === "auto") this.mode.reset();
    this.sync();
  }

  /** What differs from the defaults, in words. */
  get words() {
    const settles = this.settles.input.checked;
    return [
      ...this.fields.map((f) => f.brief),
      this.mode.value ?? "",
      this.budget.input.value ? `${this.budget.input.value} tokens of trace` : "",
      settles ? `early exit at top ${this.top.input.value || SETTLE.top}` : "",
      this.fused.input.checked ? this.share.brief : "",
    ].filter(Boolean);
  }

  reset() {
    for (const f of [...this.fields, this.mode, this.budget, this.settles, this.top, this.patience, this.fused, this.share]) f.reset();
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** `options` of a run, defaults left out; a string says which field can't be read. */
  get value() {
    try {
      return this.read();
    } catch (error) {
      if (!(error instanceof NotANumber)) throw error;
      this.box.open = true;
      return error.message;
    }
  }

  read() {
    const settles = this.settles.input.checked;
    const thinking = compact({
      mode: this.mode.value,
      budget: this.budget.value,
      settle: settles ? { top: this.top.value ?? SETTLE.top, patience: this.patience.value ?? SETTLE.patience } : undefined,
    });
    return {
      ...(this.strategy && { strategy: { name: this.strategy.name, ...values(this.fields) } }),
      ...(Object.keys(thinking).length && { thinking }),
      ...(this.fused.input.checked && { fusion: { weight: this.share.value / 100 } }),
    };
  }
}

const compact = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
const values = (fields) => compact(Object.fromEntries(fields.map((f) => [f.name, f.value])));

/** The fields of a strategy; a parameter that this page has no field for keeps its default. */
function parameters(strategy, known) {
  const made = (strategy?.parameters ?? []).map((p) => {
    const about = { name: p.name, label: p.label ?? plainName(p.name), value: p.default ?? undefined };
    const field = KINDS[p.type]?.(p, about, { known, outer: strategy });
    return field && Object.defineProperty(field, "name", { value: p.name });
  });
  return made.filter(Boolean);
}

const number = (whole) => (p, about) => {
  const hint = p.optional && "Blank for none.";
  return numberField({ ...about, min: p.min ?? undefined, max: p.max ?? undefined, optional: p.optional, hint, whole });
};
const KINDS = {
  integer: number(true),
  number: number(false),
  boolean: (p, about) => checkField(about),
  strategy: (p, about, { known, outer }) => innerField(about, known.filter((s) => s !== outer)),
};

/** A strategy inside another, with parameters of its own. */
function innerField(about, known) {
  const choice = choiceField({ ...about, choices: known.map((s) => [s.name, title(s)]) });
  const box = h("div", { class: "fields inner" });
  let fields = [];
  const chosen = () => {
    fields = parameters(
      known.find((s) => s.name === choice.input.value),
      known,
    );
    box.replaceChildren(...fields.map((f) => f.el));
  };
  choice.input.addEventListener("change", chosen);
  chosen();
  return {
    el: h("div", null, choice.el, box),
    input: choice.input,
    get value() {
      const args = values(fields);
      return choice.value === undefined && !Object.keys(args).length ? undefined : { name: choice.input.value, ...args };
    },
    get brief() {
      return [choice.brief, ...fields.map((f) => f.brief)].filter(Boolean).join(" · ");
    },
    reset() {
      choice.reset();
      chosen();
    },
  };
}

customElements.define("rr-options", Options);
