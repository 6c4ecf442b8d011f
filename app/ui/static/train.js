// <rr-train>: the tab Train: jobs and who works on them, synthesis of training data, filters, dataset versions.

import { h } from "./dom.js";
import { gate } from "./me.js";
import { comeTo } from "./state.js";
import { Tab, switcher } from "./tab.js";
import { jobsView } from "./jobs.js";
import { synthView } from "./synth.js";
import { filtersView } from "./filters.js";
import { datasetsView } from "./datasets.js";
import { toModels } from "./models_place.js";
import { toResults } from "./results_place.js";
import { setTrainPlace, trainPlace } from "./train_place.js";

const VIEWS = [
  ["synthesis", "Synthesis", synthView],
  ["filters", "Filters", filtersView],
  ["datasets", "Datasets", datasetsView],
  ["jobs", "Jobs", jobsView],
];

class Train extends Tab {
  connectedCallback() {
    if (this.body) return;
    super.connectedCallback();
    // The address names this tab only while it is in sight: a reload comes back here, and to no tab that was left.
    new ResizeObserver(() => {
      if (this.views && !this.offsetWidth) setTrainPlace({ train: "" });
    }).observe(this);
  }

  enter(now) {
    const closed = gate(now, "researcher", "Making training data");
    if (closed) return this.body.replaceChildren(closed);
    const ctx = {
      admin: now.roles.includes("admin"),
      say: (text) => this.say(text),
      go: (view, where = {}) => {
        if (view === "results") return toResults(where);
        if (!VIEWS.some(([key]) => key === view)) return toModels(view, where);
        setTrainPlace(where);
        this.views.show(view);
        return this.views.box.querySelector("h2")?.focus();
      },
    };
    const { train } = trainPlace();
    const build = (key, make) => () => {
      setTrainPlace({ train: key });
      return make(ctx);
    };
    this.views = switcher(
      "Train",
      VIEWS.map(([key, label, make]) => [key, label, build(key, make)]),
      "train",
    );
    this.body.replaceChildren(h("div", { class: "train" }, this.views.el));
    this.views.show(VIEWS.some(([key]) => key === train) ? train : "synthesis");
  }

  /** What was on screen is still there: only the address has to say so again. */
  back() {
    if (this.views) setTrainPlace({ train: this.views.shown });
  }
}

customElements.define("rr-train", Train);

if (trainPlace().train) comeTo("train", "rr-train");
