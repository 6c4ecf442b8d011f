// The page of one evaluation: what was run and what it reached, its sets, its topics, and what can be taken away.

import { h, count, moment, num, seconds } from "./dom.js";
import { get, url } from "./api.js";
import { table } from "./forms.js";
import { fillWith } from "./tab.js";
import { whole } from "./train_words.js";
import { signed } from "./models_gate.js";
import { headroomFigure } from "./results_headroom.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { topicPage } from "./results_topic.js";
import { topicList } from "./results_topics.js";
import { gained, given, share, valued, verdictOf, whatRan } from "./results_words.js";
import { inWords } from "./strategies.js";

/** The page as an element; `close()` leads back to the tables. */
export function resultPage(id, ctx, close) {
  const inside = h("div", null);
  const one = h("div", null);
  const back = h("button", { type: "button", class: "quiet", "data-testid": "result-back", onclick: close }, "← All evaluations");
  const root = h("section", { "data-testid": "result-page" }, h("p", { class: "row" }, back), inside, one);
  const topic = (set, name, focus = true) => {
    setResultsPlace({ set, topic: name });
    inside.hidden = Boolean(name);
    one.replaceChildren(name ? topicPage(id, { set, topic: name }, ctx, () => topic("", "")) : "");
    if (!name && focus) inside.querySelector("h2")?.focus({ preventScroll: true });
  };
  const at = resultsPlace();
  fillWith(inside, async () => {
    const r = await get(`results/${encodeURIComponent(id)}`);
    return parts(r, ctx, topic);
  }).then(() => inside.hidden || inside.querySelector("h2")?.focus({ preventScroll: true }));
  if (at.topic) topic(at.set, at.topic, false);
  return root;
}

const section = (title, id, ...children) =>
  h("section", { class: "m-part", "data-testid": `result-${id}` }, h("h3", null, title), children);
const fold = (title, id, ...children) =>
  h("details", { class: "fold m-part", "data-testid": `result-${id}` }, h("summary", null, title), children);

function parts(r, ctx, topic) {
  return [
    head(r, ctx),
    section("Topics", "topics", topicList(r, topic)),
    r.sets.length > 1 || r.sets[0]?.hashes ? section("Sets", "sets", sets(r)) : null,
    r.headroom?.depths?.length ? section("How much there was to gain", "headroom", headroomFigure([r])) : null,
    fold("How it was made", "made", made(r)),
  ].filter(Boolean);
}

function head(r, ctx) {
  const file = (name, text, testid) =>
    h("a", { class: "button", href: url(`results/${encodeURIComponent(r.id)}/${name}`), download: true, "data-testid": testid }, text);
  const go = h(
    "button",
    { type: "button", class: "quiet", "data-testid": "result-compare", onclick: () => ctx.go("compare", { evaluation: r.id, other: "" }) },
    "Compare …",
  );
  return [
    h(
      "header",
      { class: "row" },
      h("h2", { tabindex: "-1", dir: "auto" }, whatRan(r)),
      h("span", { class: "grow" }),
      go,
      file("report", "Report .html", "result-report"),
      file("topics.csv", "Topics .csv", "result-csv"),
      file("file", "Bundle .tar", "result-file"),
    ),
    h("p", { class: "meta", dir: "auto" }, [r.suite, r.name, moment(r.created)].filter(Boolean).join(" · ")),
    notes(r),
    numbers(r),
    h("p", { class: "m-gain", "data-testid": "result-verdict" }, verdictOf({ ...r })),
  ];
}

/** What must be known before the numbers are read: that they can't be compared, and what the maker noted. */
function notes(r) {
  const lines = [r.apart ? `Not comparable with most evaluations of this suite. ${r.apart}` : "", ...(r.manifest.notes ?? [])].filter(Boolean);
  if (!lines.length) return null;
  return h(
    "ul",
    { class: "note-line r-notes", "data-testid": "result-notes" },
    lines.map((text) => h("li", { dir: "auto" }, text)),
  );
}

function numbers(r) {
  const rows = [
    [r.measure, valued(r)],
    ["First stage", num(r.first, 3)],
    ["Against the first stage", gained(r)],
    ["Won, even, lost", given(r.gain) ? `${r.wins}, ${r.ties}, ${r.losses}` : "–"],
    ["Topics", whole(r.n)],
    ["Clean answers", share(r.clean)],
    ["Calls a topic", num(r.calls, 1)],
    ["Tokens a topic", given(r.tokens) ? whole(Math.round(r.tokens)) : "–"],
    ["Time a topic", seconds(r.seconds)],
  ];
  return h(
    "dl",
    { class: "train-numbers r-numbers", "data-testid": "result-numbers" },
    rows.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
  );
}

function sets(r) {
  const gain = (one) => (given(one.first?.[r.measure]) ? signed(one.means[r.measure] - one.first[r.measure]) : "–");
  return [
    given(r.set_mean) ? h("p", { class: "help" }, `Mean of the sets' means: ${num(r.set_mean, 3)}. The number above is over all topics.`) : null,
    table({
      caption: "Sets",
      testid: "result-sets-table",
      head: ["Set", "n", r.measure, "First stage", "Difference", "Missing"],
      rows: r.sets.map((one) => [
        h("span", null, h("bdi", null, one.title || one.name), one.in_source ? h("span", { class: "meta" }, " (source of training data)") : null),
        whole(one.topics),
        num(one.means?.[r.measure], 3),
        num(one.first?.[r.measure], 3),
        gain(one),
        one.missing ? count(one.missing, "topic") : "0",
      ]),
    }),
  ];
}

/** Everything that could explain the number, as the manifest has it. */
function made(r) {
  const m = r.manifest;
  const plain = (value) => (value && Object.keys(value).length ? JSON.stringify(value) : "");
  const rows = [
    ["Bundle", h("code", { class: "hash" }, r.id)],
    ["Model", [m.model?.name, m.model?.revision].filter(Boolean).join(", revision ")],
    ["Engine", plain(m.model?.engine)],
    ["Profile", [m.profile?.name, m.profile?.hash?.slice(0, 12)].filter(Boolean).join(", ")],
    ["Strategy", r.strategy ? inWords(r.strategy, r.strategy_args) : ""],
    ["Thinking", plain(m.thinking)],
    ["Fusion", plain(m.fusion)],
    ["Sampling", plain(m.sampling)],
    ["Depth", m.depth ? String(m.depth) : ""],
    ["Tokens of a passage", m.passage_tokens ? String(m.passage_tokens) : ""],
    ["Seed", given(m.seed) ? String(m.seed) : ""],
    ["Code", m.made?.commit ?? ""],
    ["Packages", plain(m.made?.packages)],
    ["Made", m.made?.date ? moment(m.made.date) : ""],
  ].filter(([, value]) => value);
  const hashes = r.sets.flatMap((one) => Object.entries(one.hashes ?? {}).map(([kind, hash]) => [one.name, kind, hash])).filter(([, , hash]) => hash);
  return [
    h(
      "dl",
      { class: "m-facts" },
      rows.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", { dir: "auto" }, value))),
    ),
    hashes.length
      ? table({
          caption: "Hashes of what was read",
          head: ["Set", "File", "sha256"],
          rows: hashes.map(([set, kind, hash]) => [h("bdi", null, set), kind, h("code", { class: "hash" }, hash)]),
        })
      : null,
  ];
}
