// <rr-results>: the tab Results: every evaluation beside the others, where it gained, how much there was to gain, and why two differ.

import { h } from "./dom.js";
import { gate } from "./me.js";
import { comeTo, goTo } from "./state.js";
import { Tab, switcher } from "./tab.js";
import { boardView } from "./results_board.js";
import { compareView } from "./results_compare.js";
import { headroomView } from "./results_headroom.js";
import { domainsView } from "./results_heat.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { setTrainPlace } from "./train_place.js";

const VIEWS = [
  ["board", "Leaderboard", boardView],
  ["domains", "Domains", domainsView],
  ["headroom", "Headroom", headroomView],
  ["compare", "Compare", compareView],
];
const KEYS = VIEWS.map(([key]) => key);

class Results extends Tab {
  connectedCallback() {
    if (this.body) return;
    super.connectedCallback();
    // The address names this tab only while it is in sight: a reload comes back here, and to no tab that was left.
    new ResizeObserver(() => {
      if (this.views && !this.offsetWidth) setResultsPlace({ results: "" });
    }).observe(this);
  }

  enter(now) {
    const closed = gate(now, "researcher", "Looking at evaluations");
    if (closed) return this.body.replaceChildren(closed);
    const ctx = {
      admin: now.roles.includes("admin"),
      say: (text) => this.say(text),
      go: (view, where = {}) => {
        if (view === "results") return this.go("board", { set: "", topic: "", ...where });
        return KEYS.includes(view) ? this.go(view, where) : toTrain(view, where);
      },
    };
    const { results } = resultsPlace();
    const build = (key, make) => () => {
      setResultsPlace({ results: key });
      return make(ctx);
    };
    this.views = switcher(
      "Results",
      VIEWS.map(([key, label, make]) => [key, label, build(key, make)]),
      "results",
    );
    this.body.replaceChildren(h("div", { class: "train" }, this.views.el));
    this.views.show(KEYS.includes(results) ? results : "board");
  }

  go(view, where) {
    setResultsPlace(where);
    this.views.show(view);
    this.views.box.querySelector("h2")?.focus();
  }

  /** What was on screen is still there: only the address has to say so again. */
  back() {
    if (this.views) setResultsPlace({ results: this.views.shown });
  }
}

/** From here to a view of the tab Train. */
function toTrain(view, where) {
  setTrainPlace({ train: view, ...where });
  goTo("train");
  document.querySelector("rr-train")?.views?.show(view);
}

customElements.define("rr-results", Results);

if (resultsPlace().results) comeTo("results", "rr-results");
