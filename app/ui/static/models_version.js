// The page of one version: what the gate said, the honest table, curves, card, where it comes from, and the ways to make it serve.

import { h, isolated, moment, num } from "./dom.js";
import { get, url } from "./api.js";
import { table } from "./forms.js";
import { fillWith } from "./tab.js";
import { markdown } from "./markdown.js";
import { percent } from "./charts.js";
import { curves } from "./curves.js";
import { SETS, gainText, gateTable, marginsText, promoter, recipeName, signed, versionBadge } from "./models_gate.js";

const KINDS = { promoted: "promoted", forced: "promoted under other margins", rolled_back: "went back to" };
const FRONT = /^---\n[\s\S]*?\n---\n/; // what a card tells a hub stands elsewhere on this page
const FIRST = "first_stage";
const CAN_SERVE = ["candidate", "rejected", "retired"];

/** {el, changed(versions)}; `close()` leads back to the lists. */
export function versionPage(id, ctx, close) {
  const inside = h("div", null);
  const el = h(
    "section",
    { "data-testid": "version-page" },
    h(
      "p",
      { class: "row" },
      h("button", { type: "button", class: "quiet", "data-testid": "version-back", onclick: close }, "← All versions"),
    ),
    inside,
  );
  let state = "";
  const load = () =>
    fillWith(inside, async () => {
      const v = await get(`versions/${encodeURIComponent(id)}`);
      state = v.state;
      return parts(v, ctx, { el, load });
    });
  load().then(() => inside.querySelector("h2")?.focus({ preventScroll: true }));
  return {
    el,
    /** The lists were read again: what stands here is only drawn anew where this version's state is another one. */
    changed(versions) {
      const now = versions.find((v) => v.id === id)?.state;
      if (state && now && now !== state) load();
    },
  };
}

function parts(v, ctx, page) {
  const report = v.report ?? {};
  return [
    head(v, ctx, page),
    report.decision ? section("What the gate said", "gate", gateTable(report.decision), margins(report)) : null,
    measured(report.table),
    v.update ? learning(v) : null,
    v.card ? fold("Card", "card", h("div", { class: "prose train-prose" }, markdown(v.card.replace(FRONT, ""), 4))) : null,
    section("Where it comes from", "provenance", provenance(v, ctx)),
    v.history?.length ? section("When it served", "history", served(v, ctx)) : null,
  ];
}

const section = (title, id, ...children) =>
  h("section", { class: "m-part", "data-testid": `version-${id}` }, h("h3", null, title), children);
const fold = (title, id, ...children) =>
  h("details", { class: "fold m-part", "data-testid": `version-${id}` }, h("summary", null, title), children);

/** What the version that serves now is called; "" where it is this one or none. */
function servingLabel(v, { versions, serving }) {
  const active = serving.find((s) => s.model === v.model)?.version;
  return active === v.id ? "" : (versions.find((one) => one.id === active)?.label ?? "");
}

function head(v, ctx, page) {
  const refused = v.report?.decision && !v.report.decision.promote;
  const promote = () =>
    promoter(page.el, v, {
      margins: v.report?.margins,
      decision: v.report?.decision ?? null,
      serving: servingLabel(v, ctx.lists()),
      done: () => {
        ctx.say(`${v.label} was promoted.`);
        page.load();
      },
    });
  const gain = gainText(v);
  return [
    h(
      "header",
      { class: "row" },
      versionBadge(v.state),
      h("h2", { tabindex: "-1", dir: "auto" }, v.label),
      h("span", { class: "grow" }),
      ctx.admin && CAN_SERVE.includes(v.state)
        ? h(
            "button",
            { type: "button", class: refused ? "quiet" : "quiet strong", "data-testid": "promote-open", onclick: promote },
            refused ? "Promote all the same …" : "Promote …",
          )
        : null,
      v.report?.learned ? way("What it learned", () => ctx.go("learned", { version: v.id })) : null,
      v.update ? way("Its update", () => ctx.go("updates", { update: v.update })) : null,
      v.update
        ? h(
            "a",
            { class: "button", href: url(`versions/${encodeURIComponent(v.id)}/file`), download: true, "data-testid": "version-file" },
            "Download .tar",
          )
        : null,
    ),
    v.reason && v.reason !== v.report?.decision?.reason ? h("p", { class: "m-reason", dir: "auto" }, v.reason) : null,
    gain ? h("p", { class: "m-gain" }, gain) : null,
  ].filter(Boolean);
}

const way = (text, go) => h("button", { type: "button", class: "quiet", onclick: go }, text);

const margins = (report) => (report.margins ? h("p", { class: "meta" }, `Margins: ${marginsText(report.margins)}`) : null);

/** Candidate and active beside what needs no model, a column for each set of lists, each with its interval. */
function measured(told) {
  const rows = told?.rows ?? [];
  const sets = [...new Set(rows.flatMap((row) => Object.keys(row.sets ?? {})))];
  if (!sets.length) return null;
  const size = (name) => rows.map((row) => row.sets[name]?.n).find((n) => n);
  const range = (text) => h("span", { class: "meta m-range" }, text);
  const cell = (one) => (one ? [num(one.mean, 3), range(`${num(one.low, 3)} to ${num(one.high, 3)}`)] : "–");
  const apart = (one) =>
    one && typeof one.difference === "number"
      ? [signed(one.difference), range(`${signed(one.difference_low)} to ${signed(one.difference_high)}`)]
      : "–";
  return section(
    "Beside everything simpler",
    "table",
    h("p", { class: "help" }, `The same lists for all. Intervals of ${percent(told.level ?? 0.95)}, below the values.`),
    table({
      caption: "The version beside everything simpler",
      head: [
        "What ranks",
        ...sets.flatMap((name) => [`${told.measure} on ${SETS[name] ?? name}, n = ${size(name)}`, "Against the first stage"]),
      ],
      testid: "honest-table",
      rows: rows.map((row) => [
        h("bdi", null, row.label),
        ...sets.flatMap((name) => [cell(row.sets[name]), row.name === FIRST ? "–" : apart(row.sets[name])]),
      ]),
    }),
  );
}

/** The curves of the update that made it, read when they are looked at. */
function learning(v) {
  const inside = h("div", null);
  const el = fold("Curves of its update", "curves", inside);
  el.addEventListener("toggle", () => {
    if (!el.open || inside.childElementCount) return;
    fillWith(inside, async () => {
      const drawn = curves();
      drawn.add((await get(`updates/${encodeURIComponent(v.update)}`)).points ?? []);
      return drawn.el;
    });
  });
  return el;
}

function provenance(v, ctx) {
  const code = (text) => h("code", { class: "hash" }, text);
  const to = (text, testid, go) => h("button", { type: "button", class: "link hash", "data-testid": testid, onclick: go }, text);
  const rows = [
    ["Version", code(v.id)],
    ["Made from", v.base ? to(v.base, "to-base", () => ctx.open(v.base)) : "weights that start at random"],
    ["Dataset version", v.dataset ? to(v.dataset, "to-dataset", () => ctx.go("datasets", { dataset: v.dataset })) : "none"],
    ["Recipe", v.recipe ? h("bdi", null, recipeName(v.recipe)) : "none"],
    ["Seed", v.seed ?? "none"],
    ["Code", v.code ? code(v.code) : "not known"],
    ["Made", moment(v.created)],
  ];
  return [
    h(
      "dl",
      { class: "m-facts" },
      rows.map(([term, what]) => h("div", null, h("dt", null, term), h("dd", null, what))),
    ),
    v.report?.facts?.text
      ? fold("The recipe as it was", "recipe", h("pre", { class: "train-log", tabindex: "0", "aria-label": "Recipe" }, v.report.facts.text))
      : null,
  ];
}

function served(v, ctx) {
  const name = (id) => ctx.lists().versions.find((one) => one.id === id)?.label ?? String(id ?? "").slice(0, 8);
  return h(
    "ul",
    { class: "rows" },
    v.history.map((one) =>
      h(
        "li",
        { class: "row", "data-testid": "promotion" },
        h("span", { class: `badge ${one.kind === "promoted" ? "good" : "warn"}` }, KINDS[one.kind] ?? one.kind),
        h("bdi", null, name(one.version_id)),
        one.previous_id ? h("span", { class: "meta" }, "instead of ", h("bdi", null, name(one.previous_id))) : null,
        h("span", { class: "meta" }, moment(one.created)),
        one.note ? h("span", { class: "meta", dir: "auto" }, `“${one.note}”`) : null,
        one.kind === "forced" ? h("span", { class: "meta" }, marginsText(one.margins)) : null,
      ),
    ),
  );
}
