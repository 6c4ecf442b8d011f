// <rr-columns>: first stage, signals and model side by side.

import { h } from "./dom.js";
import { name } from "./words.js";
import { byId } from "./run.js";
import { columnsOf } from "./bump.js";
import { arrow } from "./cards.js";

const ABOUT = {
  first_stage: "words and meaning, fused",
  signals: "the untrained sum of six signals",
  unfused: "after reasoning, before fusion",
  model: "after reasoning",
};

class Columns extends HTMLElement {
  show(run) {
    this.run = run;
    if (!run.run) return;
    const passages = byId(run.run);
    const columns = columnsOf(run.run);
    const first = columns[0]?.order ?? [];
    const missing = columns.some((c) => c.key === "model")
      ? null
      : h(
          "section",
          { class: "column" },
          h("h3", null, "Model"),
          h("p", { class: "empty" }, run.live ? "Still writing." : "No model finished an order here."),
        );
    this.replaceChildren(
      h("h2", { class: "sr" }, "Side by side"),
      h(
        "div",
        { class: "columns", "data-testid": "columns", tabindex: "0", role: "region", "aria-label": "Orders side by side" },
        columns.map((c) => this.column(c, passages, first, run.run)),
        missing,
      ),
    );
  }

  column({ key, label, order }, passages, first, run) {
    const fused = run.unfused?.length;
    const title = key === (fused ? "unfused" : "model") ? run.model_label || label : label;
    return h(
      "section",
      { class: "column", "data-testid": `column-${key}` },
      h("h3", null, title),
      h("p", { class: "meta" }, key === "model" && fused ? "the model's order and the first stage's" : ABOUT[key]),
      h(
        "ol",
        null,
        order.map((id, i) =>
          h(
            "li",
            { "data-pid": id, onpointerenter: () => this.twin(id), onpointerleave: () => this.twin(null) },
            h("span", { class: "n" }, String(i + 1)),
            h("span", { class: "t", dir: "auto" }, name(passages.get(id))),
            key === "first_stage" ? null : arrow(first.indexOf(id) - i),
          ),
        ),
      ),
    );
  }

  twin(id) {
    for (const el of this.querySelectorAll("li")) el.classList.toggle("hinted", el.dataset.pid === id);
  }
}

customElements.define("rr-columns", Columns);
