// What stands on the first screen before anything was asked.

import { h, s } from "./dom.js";

// A drawing, not data: five passages before and after a reading. Said so beneath it.
const BEFORE = ["shares the most words", "nearly on topic", "names the same thing", "another near miss", "states the principle"];
const AFTER = [4, 1, 0, 3, 2];

function drawing() {
  const y = (i) => 26 + i * 34;
  const line = (kind, from, to) => s("path", { class: `line ${kind}`, d: `M138 ${y(from)}C200 ${y(from)} 220 ${y(to)} 282 ${y(to)}` });
  const lines = AFTER.map((from, to) => (from === 4 ? [line("path", from, to), line("hero", from, to)] : line("", from, to)));
  const left = BEFORE.map((t, i) => s("text", { x: 126, y: y(i) + 4, "text-anchor": "end", class: i === 4 ? "hero" : "" }, t));
  const dots = [0, 1, 2, 3, 4].flatMap((i) => [
    s("circle", { cx: 138, cy: y(i), r: 4, class: i === 4 ? "hero" : "" }),
    s("circle", { cx: 282, cy: y(i), r: 4, class: AFTER[i] === 4 ? "hero" : "" }),
  ]);
  const right = AFTER.map((from, i) => s("text", { x: 294, y: y(i) + 4, class: from === 4 ? "hero" : "" }, String(i + 1)));
  return s("svg", { viewBox: "0 0 320 190", class: "drawing", "aria-hidden": "true" }, lines, dots, left, right);
}

const SHOWN = 6; // examples before "more"

/** Short questions first, and one of each topic before a second one of any. */
function spread(examples) {
  const turn = new Map();
  const short = [...examples].sort((a, b) => a.text.length - b.text.length);
  return short
    .map((e) => {
      const n = (turn.get(e.topic) ?? 0) + 1;
      turn.set(e.topic, n);
      return { e, n };
    })
    .sort((a, b) => a.n - b.n)
    .map((x) => x.e);
}

/** The welcome: what to do in one line, and questions to start from. `take(example)` runs one. */
export function welcome(examples, take) {
  const cards = spread(examples).map((e, i) =>
    h(
      "li",
      { hidden: i >= SHOWN },
      h(
        "button",
        { type: "button", class: "example", "data-testid": "example", onclick: () => take(e) },
        e.topic ? h("span", { class: "topic" }, e.topic) : null,
        h("span", { class: "q", dir: "auto" }, e.text),
      ),
    ),
  );
  return h(
    "div",
    { class: "welcome" },
    h(
      "section",
      { class: "intro" },
      h(
        "div",
        null,
        h("h2", null, "The right passage often shares no word with the question."),
        h(
          "p",
          null,
          "A search finds candidates. A reasoning model then weighs them side by side, says why, and puts them in order. ",
          "Pick a question, or type your own and press Enter.",
        ),
        h(
          "ol",
          { class: "steps" },
          h("li", null, h("b", null, "Ask."), " Over the demo collection, your own file, or passages you paste."),
          h("li", null, h("b", null, "Watch."), " Every number in the reasoning leads to the passage it speaks of."),
          h("li", null, h("b", null, "Correct."), " Your order and your grades are kept, and yours to take away."),
        ),
      ),
      h("figure", null, drawing(), h("figcaption", null, "An illustration: a principle climbs past its look-alikes.")),
    ),
    cards.length ? h("section", null, h("h3", null, "Questions to start from"), h("ul", { class: "examples" }, cards), more(cards)) : null,
  );
}

function more(cards) {
  if (cards.length <= SHOWN) return null;
  const show = (event) => {
    for (const card of cards) card.hidden = false;
    event.currentTarget.remove();
    cards[SHOWN].firstElementChild.focus();
  };
  return h("button", { type: "button", class: "quiet more-examples", onclick: show }, `Show all ${cards.length}`);
}
