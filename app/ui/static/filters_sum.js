// How many survive, in all and by domain, and what each of them cost.

import { h } from "./dom.js";
import { percent } from "./charts.js";
import { money, whole } from "./train_words.js";

/** {el, update(tally)}. What a domain cost counts all its items, those that failed too: that is what the kept ones were bought with. */
export function survivors(found, data) {
  const cost = new Map((found.spent ?? []).map((s) => [s.domain, s]));
  const scale = data.numbers.length ? data.of / data.numbers.length : 1;
  const big = h("p", { class: "big-number", "data-testid": "survive" });
  const fill = h("span", null);
  const bar = h("span", { class: "meter", "aria-hidden": "true" }, fill);
  const body = h("tbody", null);
  const each = (spent, kept) => (kept ? money(spent / (kept * scale), found.currency) : "–");
  const row = (label, before, after, spent) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, h("bdi", null, label)),
      h("td", null, whole(before)),
      h("td", null, whole(after)),
      h("td", null, each(spent, after)),
    );
  const el = h(
    "section",
    { class: "panel", "aria-label": "What survives" },
    big,
    bar,
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Survivors by domain" },
      h(
        "table",
        { "data-testid": "survive-domains" },
        h("caption", { class: "sr" }, "Survivors by domain"),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ["Domain", "Made", "Kept", "Cost a kept one"].map((text) => h("th", { scope: "col" }, text)),
          ),
        ),
        body,
      ),
    ),
  );
  const update = (t) => {
    const share = t.before ? t.after / t.before : 0;
    big.replaceChildren(whole(t.after), h("span", null, `of ${whole(t.before)} survive, ${percent(share)}`));
    fill.style.setProperty("width", percent(share).replace(" ", ""));
    const total = [...cost.values()].reduce((sum, s) => sum + s.cost, 0);
    body.replaceChildren(
      ...t.domains.map((d) => row(d.domain, d.before, d.after, cost.get(d.domain)?.cost ?? 0)),
      ...(t.domains.length > 1 ? [row("all", t.before, t.after, total)] : []),
    );
  };
  return { el, update };
}
