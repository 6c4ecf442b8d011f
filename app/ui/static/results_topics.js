// The topics of one evaluation: sorted by what was lost or gained, read in pieces, each leading to its own page.

import { h, num } from "./dom.js";
import { get } from "./api.js";
import { pick } from "./forms.js";
import { failed } from "./tab.js";
import { ApiError } from "./api.js";
import { whole } from "./train_words.js";
import { OUTCOMES } from "./words.js";
import { signed } from "./models_gate.js";

const AT_ONCE = 25;
const SORTS = [
  ["loss", "what it lost most"],
  ["gain", "what it gained most"],
  ["room", "most room below the ceiling"],
  ["first", "worst first stage"],
  ["value", "worst after reranking"],
  ["name", "name"],
];
const ALL = "";

/** The list with its choices; `open(set, topic)` shows one. */
export function topicList(r, open) {
  const sort = pick({ name: "topic-sort", label: "Sorted by", choices: SORTS });
  const within = pick({
    name: "topic-set",
    label: "Of",
    choices: [[ALL, "all topics"], ...r.domains.map((d) => [d.name, `${d.name} (${d.n})`])],
  });
  const body = h("tbody", null);
  const said = h("p", { class: "meta", role: "status", "data-testid": "topics-said" });
  const more = h("button", { type: "button", class: "quiet", "data-testid": "topics-more", hidden: true }, "Show more");
  const trouble = h("div", null);
  let turn = 0;
  const load = async (after) => {
    const mine = (turn += 1);
    trouble.replaceChildren();
    const where = new URLSearchParams({ set: within.value, sort: sort.value, after: String(after), limit: String(AT_ONCE) });
    try {
      const told = await get(`results/${encodeURIComponent(r.id)}/topics?${where}`);
      if (mine !== turn) return;
      const rows = told.topics.map((t) => row(t, r, open));
      if (after) body.append(...rows);
      else body.replaceChildren(...rows);
      more.hidden = !told.more;
      said.textContent = `${whole(body.childElementCount)} of ${whole(told.total)} topics`;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) trouble.replaceChildren(failed(error, () => load(after)));
    }
  };
  for (const one of [sort, within]) one.input.addEventListener("change", () => load(0));
  more.addEventListener("click", () => load(body.childElementCount));
  load(0);
  const head = ["Topic", "First stage", r.measure, "Difference", "Ceiling", "Answers"];
  return [
    h("div", { class: "choices inrow" }, sort.el, r.domains.length > 1 ? within.el : null),
    trouble,
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Topics" },
      h(
        "table",
        { class: "r-table", "data-testid": "topics-table" },
        h("caption", { class: "sr" }, "Topics of this evaluation"),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            head.map((text) => h("th", { scope: "col" }, text)),
          ),
        ),
        body,
      ),
    ),
    h("p", { class: "row" }, said, more),
  ];
}

function row(t, r, open) {
  const label = t.query || t.topic;
  const [outcome] = OUTCOMES[t.outcome] ?? [t.outcome];
  return h(
    "tr",
    { "data-testid": "topic", "data-topic": t.topic },
    h(
      "th",
      { scope: "row" },
      h(
        "button",
        { type: "button", class: "link r-query", "data-testid": "topic-open", onclick: () => open(t.set, t.topic) },
        h("bdi", null, label.slice(0, 160)),
      ),
      h("span", { class: "meta r-under" }, h("bdi", null, [t.domain || t.set, t.query ? t.topic : ""].filter(Boolean).join(" · "))),
    ),
    h("td", null, num(t.first, 3)),
    h("td", null, num(t.value, 3), t.missing ? h("span", { class: "badge bad" }, "missing") : null),
    h("td", null, change(t.gain)),
    h("td", null, num(t.ceiling, 3)),
    h(
      "td",
      null,
      t.calls ? h("span", { class: `badge ${t.outcome === "clean" ? "good" : "warn"}` }, outcome) : h("span", { class: "meta" }, "no calls"),
      t.error ? h("span", { class: "meta r-under", dir: "auto" }, t.error) : null,
    ),
  );
}

/** A difference whose direction can be read without its colour: sign and arrow. */
export function change(value) {
  if (typeof value !== "number") return "–";
  const kind = value > 5e-4 ? "up" : value < -5e-4 ? "down" : "same";
  const sign = { up: "▲", down: "▼", same: "=" }[kind];
  return h("span", { class: `arrow ${kind}` }, h("span", { "aria-hidden": "true" }, `${sign} `), signed(value));
}
