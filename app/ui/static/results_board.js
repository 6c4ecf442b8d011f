// The view Leaderboard: every evaluation beside the others of its suite, and the page of one.

import { h, moment, num } from "./dom.js";
import { get } from "./api.js";
import { pick } from "./forms.js";
import { every, lostLine } from "./train_watch.js";
import { whole } from "./train_words.js";
import { resultPage } from "./results_page.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { starter } from "./results_start.js";
import { gained, nothingYet, share, sortable, suitesOf, valued, whatRan } from "./results_words.js";

const LOOK_MS = 4_000;
const ALL = "";

/** The whole view: the tables, or the page of the evaluation that the address names. */
export function boardView(ctx) {
  const line = lostLine();
  const tables = h("div", { "data-testid": "boards" });
  const filter = h("div", { class: "choices inrow" });
  const start = starter(ctx, () => look());
  const lists = h("div", null, h("h2", { tabindex: "-1" }, "Evaluations"), filter, tables, start.el);
  const shown = h("div", null);
  const root = h("section", { "data-testid": "board-view" }, line, lists, shown);
  let known = "";
  const show = (id, focus = false) => {
    setResultsPlace(id ? { evaluation: id } : { evaluation: "", set: "", topic: "", other: "" });
    lists.hidden = Boolean(id);
    shown.replaceChildren(id ? resultPage(id, ctx, () => show("", true)) : "");
    if (focus && !id) lists.querySelector("h2").focus();
  };
  const draw = (told) => {
    const suites = suitesOf(told.results);
    const chosen = suites.includes(resultsPlace().suite) ? resultsPlace().suite : ALL;
    const which = pick({ name: "suite", label: "Suite", choices: [[ALL, "all suites"], ...suites.map((s) => [s, s])], value: chosen });
    const fill = () => {
      const wanted = which.value === ALL ? suites : [which.value];
      tables.replaceChildren(...wanted.map((suite) => board(told.results, suite, show)));
    };
    which.input.addEventListener("change", () => {
      setResultsPlace({ suite: which.value });
      fill();
    });
    filter.replaceChildren(suites.length > 1 ? which.el : "");
    if (suites.length) fill();
    else tables.replaceChildren(nothingYet({ admin: ctx.admin, start: start.open }));
  };
  async function look() {
    const told = await get("results");
    const now = JSON.stringify([told.results.map((r) => [r.id, r.apart]), told.suites]);
    if (now !== known) draw(told);
    known = now;
    start.know(told.suites);
  }
  if (resultsPlace().evaluation) show(resultsPlace().evaluation);
  every(root, LOOK_MS, look, line).finally(() => start.close());
  return root;
}

/** One suite as a table; evaluations that can't be compared with most of it stand below, with the reason. */
function board(results, suite, open) {
  const rows = results.filter((r) => r.suite === suite);
  const measure = rows[0].measure;
  const apart = rows.filter((r) => r.apart).length;
  return h(
    "section",
    { class: "m-part", "data-testid": "board", "data-suite": suite },
    h("h3", { dir: "auto" }, suite),
    h(
      "p",
      { class: "help" },
      `${measure} over all topics with its 95 % interval; the difference to the first stage is paired by topic. `,
      apart ? "Those below the others rank other topics, candidates or judgements: their numbers say nothing against the rest." : "",
    ),
    sortable({
      caption: `Evaluations of ${suite}`,
      testid: "board-table",
      columns: columns(measure, open),
      rows,
      sort: "value",
      last: (r) => (r.apart ? 1 : 0),
    }),
  );
}

function columns(measure, open) {
  return [
    { key: "what", label: "What ranks", by: whatRan, down: false, cell: (r) => name(r, open) },
    { key: "value", label: measure, by: (r) => r.value, cell: valued },
    { key: "gain", label: "Against the first stage", by: (r) => r.gain, cell: (r) => gained(r) },
    { key: "n", label: "n", by: (r) => r.n, cell: (r) => whole(r.n) },
    { key: "clean", label: "Clean answers", by: (r) => r.clean, cell: (r) => share(r.clean) },
    { key: "calls", label: "Calls a topic", by: (r) => r.calls, cell: (r) => num(r.calls, 1) },
    { key: "tokens", label: "Tokens a topic", by: (r) => r.tokens, cell: (r) => (r.tokens === null ? "–" : whole(Math.round(r.tokens))) },
    { key: "created", label: "Kept", by: (r) => r.created, cell: (r) => h("span", { class: "meta m-nowrap" }, moment(r.created)) },
  ];
}

function name(r, open) {
  const ran = whatRan(r);
  return h(
    "span",
    { class: "r-name" },
    h(
      "button",
      {
        type: "button",
        class: "link",
        "data-testid": "result-open",
        "aria-label": `Open the evaluation of ${ran}, ${r.id.slice(0, 8)}`,
        onclick: () => open(r.id, true),
      },
      h("bdi", null, ran),
    ),
    r.name && r.name !== ran ? h("bdi", { class: "meta" }, r.name) : null,
    r.apart ? h("span", { class: "r-apart", "data-testid": "apart" }, h("span", { class: "badge warn" }, "not comparable"), ` ${r.apart}`) : null,
  );
}
