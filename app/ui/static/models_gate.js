// What the gate said of a candidate: every check with its value, interval and limit; the margins it was held to; and another decision.

import { h, isolated, num, s } from "./dom.js";
import { ApiError, post } from "./api.js";
import { Refused, area, dialog, field, form, table } from "./forms.js";

const WIDTH = 190;
const HEIGHT = 22;
const STATES = {
  active: ["good", "serves"],
  waiting: ["warn", "waits for its server"],
  candidate: ["", "candidate"],
  retired: ["", "served before"],
  rejected: ["bad", "rejected"],
};
/** What the sets of lists are called. */
export const SETS = { people: "people's holdout", gold: "the gold lists" };
const MARGINS = [
  ["gold_drop", "Gold lists may fall by", "NDCG@10: the lower end of the interval may not be below minus this."],
  ["domain_drop", "A domain may fall by", "NDCG@10: no domain's mean difference may be below minus this."],
  ["outcome_drop", "Clean answers may fall by", "As a share: 0.02 is two answers of a hundred."],
  ["slower", "It may be slower by the factor", "Median seconds of a list, against the active version."],
  ["level", "Level of the intervals", "0.95 asks for p below 0.05."],
  ["min_people", "Judgements that make people's holdout decide", "With fewer the gold lists decide."],
];
const WHICH = { gold: "gold_drop", outcomes: "outcome_drop", seconds: "slower" };

/** A difference with its sign, which is a real minus; none where it is 0 in so many digits. */
export function signed(value, digits = 3) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return `${Number(text) === 0 ? "" : value < 0 ? "\u2212" : "+"}${text}`;
}

const between = (low, high, digits = 3) => (typeof low === "number" ? `${signed(low, digits)} to ${signed(high, digits)}` : "–");
const given = (value) => value !== null && value !== undefined;

export const versionBadge = (state) => h("span", { class: `badge ${STATES[state]?.[0] ?? ""}` }, STATES[state]?.[1] ?? state);

/** What became of an update, beside the state of its job: promoted, rejected, or nothing yet. */
export function verdict(u) {
  if (u.promoted === true) return h("span", { class: "badge good", "data-testid": "verdict" }, "promoted");
  return u.promoted === false ? h("span", { class: "badge bad", "data-testid": "verdict" }, "rejected") : null;
}

/** A recipe by its name, where its whole text was kept instead. */
export const recipeName = (recipe) => /^name\s*=\s*"([^"\n]*)"/m.exec(recipe)?.[1] ?? recipe.split("\n", 1)[0].slice(0, 60);

/** What a version gained against the one it was compared with, its interval and over how many lists; "" where nothing was measured. */
export function gainText(v) {
  if (typeof v.gain !== "number") return "";
  const range = typeof v.low === "number" ? ` (${between(v.low, v.high)})` : "";
  const p = typeof v.p === "number" ? `, p = ${num(v.p, 4)}` : "";
  return `NDCG@10 ${signed(v.gain)}${range}${p}, n = ${v.n} of ${SETS[v.primary] ?? v.primary ?? "its lists"}`;
}

/** An interval around its value with 0 and the limit drawn in; the numbers stand beside it, so this is for the eye only. */
export function interval({ value, low, high, limit = null }, reach) {
  const from = Math.min(0, value, low ?? value, limit ?? 0);
  const to = Math.max(0, value, high ?? value, limit ?? 0);
  const most = reach ?? (Math.max(Math.abs(from), Math.abs(to)) || 1);
  const x = (v) => 8 + ((Math.max(-most, Math.min(most, v)) + most) / (2 * most)) * (WIDTH - 16);
  const mid = HEIGHT / 2;
  return s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "whisker", "aria-hidden": "true", focusable: "false" },
    s("line", { x1: 8, x2: WIDTH - 8, y1: mid, y2: mid, class: "axis" }),
    s("line", { x1: x(0), x2: x(0), y1: 3, y2: HEIGHT - 3, class: "zero" }),
    given(limit) && limit !== 0 ? s("line", { x1: x(limit), x2: x(limit), y1: 2, y2: HEIGHT - 2, class: "m-limit" }) : null,
    typeof low === "number" ? s("line", { x1: x(low), x2: x(high), y1: mid, y2: mid, class: "range" }) : null,
    s("circle", { cx: x(value), cy: mid, r: 5 }),
  );
}

const ratio = (check) => check.name === "seconds";

function checkName(check) {
  const name = { better: "better than the active version", gold: "gold lists", outcomes: "clean answers", seconds: "time of a list" };
  return name[check.name] ?? check.name.replaceAll("_", " ");
}

function limitText(check) {
  if (!given(check.limit)) return "–";
  if (ratio(check)) return `at most ${num(check.limit)} ×`;
  return check.limit === 0 ? "above 0" : `from ${signed(check.limit)}`;
}

function row(check) {
  const drawn = !ratio(check) && typeof check.value === "number" ? interval(check) : null;
  return [
    h("bdi", null, checkName(check)),
    h("span", { class: `badge ${check.passed ? "good" : "bad"}` }, check.passed ? "passed" : "failed"),
    h("span", { class: "m-value" }, ratio(check) ? `${num(check.value)} ×` : signed(check.value), drawn),
    h("span", { class: "m-nowrap" }, between(check.low, check.high)),
    h("span", { class: "m-nowrap" }, limitText(check)),
    given(check.p) ? num(check.p, 4) : "–",
    check.n ? String(check.n) : "–",
    h("bdi", { class: "m-text" }, check.text),
  ];
}

/** The decision in one sentence, every check, and the smallest difference that could have been seen. */
export function gateTable(decision) {
  const on = SETS[decision.primary] ?? decision.primary;
  const seen = given(decision.smallest)
    ? `Smallest NDCG@10 difference that could have been seen on ${on}: ${num(decision.smallest, 3)}.`
    : "How small a difference could have been seen is not known: there are too few lists.";
  return [
    h("p", { class: decision.promote ? "m-yes" : "m-no", dir: "auto", "data-testid": "gate-reason" }, decision.reason),
    !decision.checks.length
      ? null
      : table({
          caption: "Checks of the gate",
          head: ["Check", "", "Value", "Interval", "Limit", "p", "n", "In words"],
          testid: "gate-checks",
          rows: decision.checks.map(row),
        }),
    decision.checks.length ? h("p", { class: "meta", "data-testid": "gate-smallest" }, seen) : null,
  ].filter(Boolean);
}

/** The margins as a line of text. */
export const marginsText = (margins) =>
  Object.entries(margins ?? {})
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)
    .join(" · ");

/** What would have to be given up for a failed check to pass, in a sentence. */
function tradeOff(check) {
  const which = check.name.startsWith("domain ") ? "domain_drop" : WHICH[check.name];
  const label = MARGINS.find(([name]) => name === which)?.[1];
  const value = check.name === "gold" ? check.low : check.value;
  if (!given(value)) return "No margin lets this pass: nothing was measured.";
  if (!label)
    return value > 0
      ? "A lower level of the intervals asks for less certainty."
      : "No margin lets this pass: it is no better on these lists.";
  const least = Math.max(0, ratio(check) ? value : -value);
  return `It would pass with “${label}” at ${(Math.ceil(least * 1000) / 1000).toFixed(3)} or more.`;
}

function failures(decision) {
  const failed = decision.checks.filter((check) => !check.passed);
  return [
    h("p", { class: failed.length ? "note-line" : "m-yes", dir: "auto" }, decision.reason),
    h(
      "ul",
      { class: "m-trade" },
      failed.map((check) => h("li", { dir: "auto" }, h("b", null, checkName(check)), ": ", `${check.text}. ${tradeOff(check)}`)),
    ),
  ];
}

const marginFields = (margins) =>
  MARGINS.filter(([name]) => typeof margins?.[name] === "number").map(([name, label, hint]) =>
    field({ name, label, hint, type: "number", value: String(margins[name]), step: "any", min: 0 }),
  );

/** Margins that differ from the recipe's; null where none does. Refused where one is no number. */
function chosenMargins(fields, margins) {
  if (fields.some((f) => f.value === null || !Number.isFinite(f.value) || f.value < 0))
    throw new Refused("Every margin is a number of at least 0.");
  const other = fields.filter((f) => f.value !== margins[f.name]);
  return other.length ? Object.fromEntries(other.map((f) => [f.name, f.value])) : null;
}

/** The dialog that promotes a version, with the recipe's margins or with others. `done()` is called once it was promoted. */
export function promoter(root, version, { margins, decision, serving, done }) {
  const refused = Boolean(decision) && !decision.promote;
  const told = h("div", { "data-testid": "promote-told" }, refused ? failures(decision) : null);
  const fields = marginFields(margins);
  const note = area({ name: "note", label: refused ? "Why all the same" : "Note", rows: 2, maxlength: 2000 });
  const act = async (values) => {
    const other = chosenMargins(fields, margins);
    if (other && !values.note.trim())
      throw new Refused("Say why: these are other margins than the recipe's, and it is recorded with them.");
    try {
      await post(`versions/${encodeURIComponent(version.id)}/promote`, { margins: other, note: values.note });
    } catch (error) {
      const said = error instanceof ApiError ? (error.body?.decision ?? error.body?.error?.decision) : null;
      if (said) told.replaceChildren(...failures(said));
      throw error;
    }
    box.close();
    done();
  };
  const fold = h(
    "details",
    { class: "fold m-margins", open: refused },
    h("summary", null, "Margins"),
    h("p", { class: "help" }, "The gate decides again from what was measured. Other margins than the recipe's are recorded as forced."),
    h(
      "div",
      { class: "form grid" },
      fields.map((f) => f.el),
    ),
  );
  const box = dialog(root, {
    title: refused ? "Promote it although the gate said no" : "Promote this version",
    testid: "promote",
    wide: true,
    body: [
      h("p", { dir: "auto" }, effect(version, serving)),
      told,
      form({
        testid: "promote-form",
        label: refused ? "Decide again under these margins" : "Promote",
        kind: refused ? "danger" : "primary",
        fields: [...(fields.length ? [fold] : []), note],
        act,
      }),
    ],
  });
  return box;
}

/** What changes when a version begins to serve. */
export const effect = (version, serving) =>
  `${serving ? `${isolated(serving)} serves now. ` : ""}New runs of ${isolated(version.model)} will be answered by ` +
  `${isolated(version.label)} within a second or two; runs that are at work end on the weights they began with. Nothing is deleted.`;
