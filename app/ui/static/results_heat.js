// The view Domains: where each evaluation gained on its first stage and where it lost. A table with a number in each cell.

import { h, num } from "./dom.js";
import { get } from "./api.js";
import { pick } from "./forms.js";
import { fillWith } from "./tab.js";
import { signed } from "./models_gate.js";
import { resultsPlace, setResultsPlace } from "./results_place.js";
import { given, nothingYet, suitesOf, whatRan } from "./results_words.js";

const LEVELS = 4; // shades to either side of none
const FULL = 0.2; // a difference from which the shade is the strongest
const MOST_COLUMNS = 12;

/** The whole view: a suite is chosen, the one of the address first. */
export function domainsView(ctx) {
  const inside = h("div", null);
  fillWith(inside, async () => {
    const { results } = await get("results");
    if (!results.length) return nothingYet({ admin: ctx.admin, start: () => ctx.go("board") });
    return chosen(results);
  });
  return h("section", null, h("h2", { tabindex: "-1" }, "Where it gained and where it lost"), inside);
}

function chosen(results) {
  const suites = suitesOf(results);
  const { suite } = resultsPlace();
  const which = pick({
    name: "domains-suite",
    label: "Suite",
    choices: suites.map((s) => [s, s]),
    value: suites.includes(suite) ? suite : suites[0],
  });
  const box = h("div", null);
  const draw = () => {
    setResultsPlace({ suite: which.value });
    box.replaceChildren(...domainHeat(results.filter((r) => r.suite === which.value)));
  };
  which.input.addEventListener("change", draw);
  draw();
  return [suites.length > 1 ? h("div", { class: "choices inrow" }, which.el) : null, box];
}

/** One suite: domains down, evaluations across; those that can't be compared with the others say so in their head. */
function domainHeat(rows) {
  const shown = [...rows].sort((a, b) => Boolean(a.apart) - Boolean(b.apart)).slice(0, MOST_COLUMNS);
  const { measure } = shown[0];
  const names = [...new Set(shown.flatMap((r) => r.domains.map((d) => d.name)))];
  const sizes = new Map(shown.flatMap((r) => r.domains.map((d) => [d.name, d.n])));
  const caption = `Difference to the first stage by domain, ${measure}`;
  return [
    h(
      "p",
      { class: "help" },
      `Each cell is the mean difference of ${measure} to the first stage, with its sign; below it what was reached. `,
      "▲ and the one shade are gains, ▼ and the other losses. A domain has few topics: small differences say little.",
    ),
    rows.length > shown.length ? h("p", { class: "help" }, `The first ${MOST_COLUMNS} of ${rows.length} evaluations.`) : null,
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h(
        "table",
        { class: "heat r-heat", "data-testid": "domain-heat" },
        h("caption", { class: "sr" }, caption),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, "Domain"),
            shown.map((r) => h("th", { scope: "col" }, columnHead(r))),
          ),
        ),
        h(
          "tbody",
          null,
          names.map((name) => line(h("bdi", null, name), sizes.get(name), shown, (r) => r.domains.find((d) => d.name === name))),
          line(h("b", null, "All topics"), null, shown, (r) => ({ n: r.n, value: r.value, first: r.first })),
        ),
      ),
    ),
  ].filter(Boolean);
}

const columnHead = (r) =>
  h(
    "span",
    { class: "r-column" },
    h("bdi", null, whatRan(r)),
    r.name && r.name !== whatRan(r) ? h("bdi", { class: "meta" }, r.name) : null,
    r.apart ? h("span", { class: "badge warn", title: r.apart }, "not comparable") : null,
  );

const line = (name, n, shown, of) =>
  h(
    "tr",
    null,
    h("th", { scope: "row" }, name, n ? h("span", { class: "meta" }, ` n = ${n}`) : null),
    shown.map((r) => cell(of(r))),
  );

function cell(domain) {
  if (!domain) return h("td", { class: "none" }, "–");
  const gain = given(domain.first) && given(domain.value) ? domain.value - domain.first : null;
  const reached = h("span", { class: "r-reached" }, num(domain.value, 3));
  if (gain === null) return h("td", { class: "none" }, reached);
  const level = Math.abs(gain) < 5e-4 ? 0 : Math.min(LEVELS, Math.max(1, Math.ceil((LEVELS * Math.abs(gain)) / FULL)));
  const kind = level === 0 ? "same" : gain > 0 ? "gain" : "loss";
  const sign = { gain: "▲", loss: "▼", same: "=" }[kind];
  return h(
    "td",
    { class: `r-${kind}-${level}` },
    h("span", { class: "m-nowrap" }, h("span", { "aria-hidden": "true" }, `${sign} `), signed(gain)),
    reached,
  );
}
