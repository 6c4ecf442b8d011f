// The view Disagreement of the tab Data: charts of where people and models differ, each mark a way to the items behind it.

import { h, count, moment, num } from "./dom.js";
import { get } from "./api.js";
import { goTo, reviewTask, setRun, studio } from "./state.js";
import { dialog, table } from "./forms.js";
import { fillWith } from "./tab.js";
import { spread, topics } from "./chart_topics.js";
import { bands, contested, flow } from "./chart_moves.js";
import { days } from "./chart_days.js";
import { percent } from "./charts.js";

/** The whole view. */
export function dashboard(say) {
  const chosen = { project: "", model: "" };
  const charts = h("div", { class: "dashboard", "data-testid": "dashboard" });
  const choices = h("div", { class: "inrow choices" });
  const root = h("section", null, h("h2", null, "People and models"), choices, charts);
  const load = () =>
    fillWith(charts, async () => {
      const query = new URLSearchParams(Object.entries(chosen).filter(([, v]) => v));
      const data = await get(`dashboard${query.size ? `?${query}` : ""}`);
      if (!choices.childElementCount) choices.replaceChildren(...filters(data, chosen, load));
      return drawn(data, (items, words) => list(root, items, words, say));
    });
  load();
  return root;
}

function filters(data, chosen, load) {
  const select = (key, label, options) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: `rr-dash-${key}` }, label),
      h(
        "select",
        {
          id: `rr-dash-${key}`,
          "data-testid": `dashboard-${key}`,
          onchange: (e) => {
            chosen[key] = e.target.value;
            load();
          },
        },
        options.map(([value, text]) => h("option", { value }, text)),
      ),
    );
  return [
    select("project", "Project", [["", "All projects"], ...(data.projects ?? []).map((p) => [p.id, p.name])]),
    select("model", "Model version", [["", "All models"], ...(data.models ?? []).map((m) => [m, m])]),
  ];
}

function drawn(data, open) {
  const charts = [topics, flow, contested, bands, spread, days].map((make) => make(data, open)).filter(Boolean);
  if (!charts.length) return empty();
  return [headline(data, open), h("div", { class: "charts" }, charts), objected(data), h("p", { class: "help" }, data.how ?? "")];
}

function empty() {
  return h(
    "section",
    { class: "empty big", "data-testid": "dashboard-empty" },
    h("h2", null, "Nothing to compare yet"),
    h(
      "p",
      null,
      "Charts appear once somebody has put in order what a model ranked: ask, then press “Correct this ranking”; or judge a task.",
    ),
    h("button", { type: "button", class: "primary", onclick: () => goTo("explore") }, "Ask something"),
  );
}

/** For each model version one sentence with its numbers, and how firm it is. */
function headline(data, open) {
  const one = (c) => {
    const words = `All judgements of ${c.model}`;
    return h(
      "li",
      { class: "panel" },
      h("h3", null, h("bdi", null, c.model)),
      h(
        "p",
        { class: "big-number" },
        c.top1?.n ? percent(c.top1.share) : "–",
        h("span", null, `same first passage, n = ${c.top1?.n ?? 0}`),
      ),
      h("p", { class: "meta" }, disagreement(c)),
      c.fragility?.sentence ? h("p", { class: "meta" }, c.fragility.sentence) : null,
      c.visible ? h("p", { class: "meta" }, `${c.visible} of ${c.n} were made with this order in sight.`) : null,
      h(
        "button",
        { type: "button", class: "quiet", "data-testid": "overall-items", onclick: () => open(c.items, words) },
        `The ${count(c.n, "judgement")}`,
      ),
    );
  };
  const some = data.overall.filter((c) => c.n);
  return h("ul", { class: "cardlist heads" }, some.map(one));
}

function disagreement(c) {
  if (typeof c.tau?.value !== "number") return c.tau?.why ?? "";
  const range = typeof c.tau.low === "number" ? ` (${num(c.tau.low)} to ${num(c.tau.high)})` : "";
  const overlap = typeof c.rbo?.value === "number" ? `, ${num(c.rbo.value)} by rank-biased overlap` : "";
  return `Disagreement ${num(c.tau.value)}${range} by Kendall tau-b${overlap}.`;
}

function objected(data) {
  const some = (data.objections ?? []).filter((o) => o.new + o.accepted + o.rejected);
  if (!some.length) return null;
  return h(
    "section",
    null,
    h("h3", null, "Objections of visitors"),
    table({
      caption: "Objections by model",
      head: ["Model", "Runs", "New", "Accepted", "Rejected"],
      rows: some.map((o) => [h("bdi", null, o.model), String(o.runs), String(o.new), String(o.accepted), String(o.rejected)]),
    }),
  );
}

/** The items behind a mark, over the page. */
function list(root, items, words, say) {
  const box = h("div", null);
  const over = dialog(root, {
    title: "The items behind it",
    testid: "items",
    wide: true,
    body: [h("p", { class: "meta", dir: "auto" }, words), box],
  });
  fillWith(box, async () => {
    const found = await get(items.replace(/^\/?api\/v1\//, ""));
    say(`${count(found.items.length, "item")}.`);
    return [
      h("p", { class: "help" }, `${found.what ?? ""}${found.left_out ? ` ${found.left_out} more are not listed.` : ""}`),
      itemList(found.items, over),
    ];
  });
}

function itemList(items, over) {
  if (!items.length) return h("p", { class: "empty" }, "Nothing is behind it any more: it may have been withdrawn.");
  const go = (item, act) => () => {
    over.close();
    act(item);
  };
  return h(
    "ul",
    { class: "rows" },
    items.map((i) =>
      h(
        "li",
        { class: "row", "data-testid": "item" },
        h(
          "div",
          { class: "grow" },
          h("span", { class: "q", dir: "auto" }, i.query),
          h(
            "p",
            { class: "meta" },
            [i.model, i.label ?? i.who, typeof i.disagreement === "number" ? `${num(i.disagreement)} apart` : "", moment(i.created)]
              .filter(Boolean)
              .join(" · "),
          ),
        ),
        i.run ? h("button", { type: "button", class: "quiet", "data-testid": "item-run", onclick: go(i, openRun) }, "See the run") : null,
        i.task ? h("button", { type: "button", class: "quiet", "data-testid": "item-task", onclick: go(i, openTask) }, "Review it") : null,
      ),
    ),
  );
}

function openRun({ run }) {
  setRun(run);
  studio.dispatchEvent(new CustomEvent("open", { detail: run }));
  goTo("explore");
}

const openTask = ({ task }) => reviewTask(task);
