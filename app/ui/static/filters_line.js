// The items nearest to a filter's line, those it drops and those it keeps: is the threshold in the right place?

import { h, num } from "./dom.js";
import { get } from "./api.js";
import { fillWith } from "./tab.js";

/** {el, show(filter, threshold, places, data)}. `open(number)` opens an item. */
export function atTheLine(synthesis, open) {
  const el = h("div", { class: "train-line", hidden: true, "data-testid": "at-the-line" });
  const show = (filter, threshold, places, data) => {
    const numbers = [...places.out, ...places.in].map((i) => data.numbers[i]);
    if (!numbers.length) return el.replaceChildren(h("p", { class: "empty" }, "No item has a score by this filter."));
    return fillWith(el, async () => {
      const { items } = await get(`syntheses/${encodeURIComponent(synthesis)}/items?numbers=${numbers.join(",")}`);
      const known = new Map(items.map((item) => [item.number, item]));
      const side = (title, some) =>
        h(
          "section",
          null,
          h("h4", null, title),
          some.length
            ? h(
                "ul",
                { class: "rows" },
                some.map((i) => row(known.get(data.numbers[i]), filter, data.scores[filter.name][i], open)),
              )
            : h("p", { class: "empty" }, "None."),
        );
      return h("div", { class: "train-two" }, side("Just dropped", places.out), side("Just kept", places.in));
    });
  };
  return { el, show };
}

function row(item, filter, score, open) {
  if (!item) return null;
  const why = item.reasons?.[filter.name] ?? [];
  return h(
    "li",
    { class: "train-near", "data-testid": "near-item" },
    h("b", null, num(score, 3)),
    h(
      "div",
      null,
      h("button", { type: "button", class: "link q", onclick: () => open(item.number) }, h("bdi", null, item.query || "(no query)")),
      why.length ? h("p", { class: "meta", dir: "auto" }, why.join("; ")) : null,
    ),
  );
}
