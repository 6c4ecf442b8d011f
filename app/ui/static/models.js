// <rr-models>: the tab Models: which version serves and which were refused, updates, what a version has learned.

import { h } from "./dom.js";
import { gate } from "./me.js";
import { comeTo } from "./state.js";
import { Tab, switcher } from "./tab.js";
import { versionsView } from "./models_list.js";
import { learnedView } from "./models_learned.js";
import { modelsPlace, setModelsPlace, toTrain } from "./models_place.js";
import { updatesView } from "./updates.js";

const VIEWS = [
  ["versions", "Versions", versionsView],
  ["updates", "Updates", updatesView],
  ["learned", "Learned", learnedView],
];
const KEYS = VIEWS.map(([key]) => key);

class Models extends Tab {
  connectedCallback() {
    if (this.body) return;
    super.connectedCallback();
    // The address names this tab only while it is in sight: a reload comes back here, and to no tab that was left.
    new ResizeObserver(() => {
      if (this.views && !this.offsetWidth) setModelsPlace({ models: "" });
    }).observe(this);
  }

  enter(now) {
    const closed = gate(now, "researcher", "Looking at what the models learned");
    if (closed) return this.body.replaceChildren(closed);
    const ctx = {
      admin: now.roles.includes("admin"),
      say: (text) => this.say(text),
      go: (view, where = {}) => (KEYS.includes(view) ? this.go(view, where) : toTrain(view, where)),
    };
    const { models } = modelsPlace();
    const build = (key, make) => () => {
      setModelsPlace({ models: key });
      return make(ctx);
    };
    this.views = switcher(
      "Models",
      VIEWS.map(([key, label, make]) => [key, label, build(key, make)]),
      "models",
    );
    this.body.replaceChildren(h("div", { class: "train" }, this.views.el));
    this.views.show(KEYS.includes(models) ? models : "versions");
  }

  go(view, where) {
    setModelsPlace(where);
    this.views.show(view);
    this.views.box.querySelector("h2")?.focus();
  }

  /** What was on screen is still there: only the address has to say so again. */
  back() {
    if (this.views) setModelsPlace({ models: this.views.shown });
  }
}

customElements.define("rr-models", Models);

if (modelsPlace().models) comeTo("models", "rr-models");
