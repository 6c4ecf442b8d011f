// <rr-data>: what there is, where people disagree, and how to take it away.

import { h, count, moment } from "./dom.js";
import { ApiError, get, url } from "./api.js";
import { studio, setRun, goTo } from "./state.js";
import { badge } from "./facts.js";
import { gate } from "./me.js";
import { Tab, fillWith, switcher } from "./tab.js";
import { dashboard } from "./dashboard.js";
import { exportsView } from "./exports.js";

const COUNTS = [
  ["runs", ["runs", "run"]],
  ["judgements", ["judgements", "judgement"]],
  ["queries", ["questions judged", "question judged"]],
  ["people", ["people", "person"]],
];
const EXPORTS = [
  [
    "judgements.jsonl",
    "Judgements",
    "JSONL",
    "One judgement a line: order, ties, grades, marked claims, who and when. Nothing is left out.",
  ],
  ["qrels.txt", "Grades", "TREC qrels", "Query, passage, grade. What trec_eval and ir_measures read."],
  ["runs.txt", "Rankings", "TREC run", "Every finished ranking, with strictly decreasing scores."],
];

class Data extends Tab {
  enter(now) {
    const held = (what, build) => () => gate(now, "researcher", what) ?? build();
    const views = switcher(
      "Data",
      [
        ["overview", "Overview", () => this.overview()],
        ["dashboard", "Disagreement", held("The dashboard", () => dashboard((text) => this.say(text)))],
        ["exports", "Exports", held("Taking data away", () => exportsView((text) => this.say(text)))],
      ],
      "data",
    );
    this.body.classList.add("data");
    this.body.replaceChildren(views.el);
    views.show(this.views?.shown || "overview");
    this.views = views;
  }

  /** Counts are read again each time the tab is seen. */
  back() {
    if (this.views.shown === "overview") this.views.show("overview");
  }

  overview() {
    const box = h("div", null);
    fillWith(box, async () => {
      const stats = await get("stats");
      return [counts(stats), outcomes(stats.by_outcome ?? {}), exports(), await this.latest()];
    });
    return box;
  }

  /** Recent corrections are for researchers: where they are refused, the rest of the page still stands. */
  async latest() {
    try {
      return this.recent((await get("judgements/recent")).judgements);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return h("section", null, h("h2", null, "Recent corrections"), h("p", { class: "empty" }, error.message));
    }
  }

  recent(judgements) {
    return h(
      "section",
      null,
      h("h2", null, "Recent corrections"),
      judgements.length
        ? h(
            "ul",
            { class: "rows" },
            judgements.map((j) =>
              h(
                "li",
                null,
                h(
                  "button",
                  { type: "button", class: "rowbutton", "data-testid": "recent-item", onclick: () => open(j.run) },
                  h("span", { class: "q", dir: "auto" }, j.query),
                  h(
                    "span",
                    { class: "meta" },
                    [j.disagree ? "disagrees" : "", moved(j), `version ${j.version}`, moment(j.created)].filter(Boolean).join(" · "),
                  ),
                  j.note ? h("span", { class: "said-note", dir: "auto" }, j.note) : null,
                ),
              ),
            ),
          )
        : h("p", { class: "empty" }, "No correction has been saved yet. The first one is yours to make."),
    );
  }
}

function open(token) {
  setRun(token);
  studio.dispatchEvent(new CustomEvent("open", { detail: token }));
  goTo("explore");
}

/** How much of what was shown the person ranked elsewhere, graded or threw out. */
function moved(j) {
  if (!j.order || !j.shown_order) return "";
  const flat = j.order.flat();
  const kept = new Set(flat);
  const shown = j.shown_order.filter((id) => kept.has(id));
  const n = flat.filter((id, i) => shown[i] !== id).length;
  return [
    n ? `${count(n, "passage")} moved` : "order kept",
    Object.keys(j.grades ?? {}).length ? `${Object.keys(j.grades).length} graded` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

const counts = (stats) =>
  h(
    "section",
    { class: "counts", "data-testid": "counts" },
    COUNTS.map(([key, label]) =>
      h(
        "div",
        { class: "count" },
        h("b", { "data-testid": `count-${key}` }, Number(stats[key] ?? 0).toLocaleString("en")),
        h("span", null, Number(stats[key]) === 1 ? label[1] : label[0]),
      ),
    ),
  );

function outcomes(by) {
  const all = Object.entries(by).filter(([, n]) => n > 0);
  if (!all.length) return "";
  return h(
    "section",
    null,
    h("h2", null, "How the runs ended"),
    h(
      "ul",
      { class: "outcomes", "data-testid": "outcomes" },
      all.map(([outcome, n]) =>
        h(
          "li",
          null,
          badge(outcome, ["stopped", "failed", "running"].includes(outcome) ? outcome : "finished"),
          h("b", null, n.toLocaleString("en")),
        ),
      ),
    ),
  );
}

const exports = () =>
  h(
    "section",
    null,
    h("h2", null, "Take it away"),
    h(
      "ul",
      { class: "exports" },
      EXPORTS.map(([file, title, format, about]) =>
        h(
          "li",
          null,
          h(
            "a",
            { href: url(`export/${file}`), download: file, "data-testid": `export-${file.split(".")[0]}` },
            h("b", null, title),
            h("span", { class: "format" }, format),
            h("span", { class: "meta" }, about),
            h("span", { class: "file" }, `Download ${file}`),
          ),
        ),
      ),
    ),
    h("p", { class: "help" }, "The same files come from ", h("code", null, "python -m app export"), "."),
  );

customElements.define("rr-data", Data);
