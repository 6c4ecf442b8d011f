// What the model wrote at a step of reinforcement learning: each answer with its reward and the parts of it.

import { h, num } from "./dom.js";
import { get } from "./api.js";
import { pick } from "./forms.js";
import { failed, fillWith } from "./tab.js";
import { OUTCOMES } from "./words.js";

const PAGE = 10;
const ALL = "all";

/** {el, look(points, ended)}: a fold, filled when it is opened, once that part of the update has `ended`: answers are kept only then. */
export function completions(id) {
  const box = h("div", null);
  const el = h(
    "details",
    { class: "fold", hidden: true, "data-testid": "completions" },
    h("summary", null, "What it wrote, step by step"),
    box,
  );
  let browser = null;
  let steps = [];
  el.addEventListener("toggle", () => {
    if (!el.open || browser) return;
    browser = reader(id);
    box.replaceChildren(browser.el);
    browser.offer(steps);
  });
  return {
    el,
    look(points, ended) {
      steps = [...new Set(points.filter((p) => p.stage === "rl").map((p) => p.step))].sort((a, b) => a - b);
      el.hidden = !ended;
      browser?.offer(steps);
    },
  };
}

function reader(id) {
  const list = h("ol", { class: "m-answers", "data-testid": "completion-list" });
  const step = pick({ name: "step", label: "Step", choices: [] });
  const before = h("button", { type: "button", class: "quiet", "data-testid": "step-before" }, "← Step before");
  const next = h("button", { type: "button", class: "quiet", "data-testid": "step-next" }, "Next step →");
  const more = h("button", { type: "button", class: "quiet", hidden: true, "data-testid": "completions-more" }, "More");
  let steps = []; // as values of the choice, ALL before the numbers
  let last = null;
  const ask = async (after) => {
    const page = after === null ? "" : `&after=${after}`;
    const of = step.value === ALL ? "" : `&step=${step.value}`;
    const found = await get(`updates/${encodeURIComponent(id)}/completions?limit=${PAGE}${of}${page}`);
    last = found.completions.at(-1)?.number ?? null;
    more.hidden = !(found.more ?? found.completions.length === PAGE) || last === null;
    return found.completions;
  };
  const load = () =>
    fillWith(list, async () => {
      const found = await ask(null);
      return found.length
        ? found.map(answer)
        : h(
            "li",
            { class: "empty" },
            "Nothing was kept here: an answer is kept where one was sampled, which not every step and not every kind of learning does.",
          );
    });
  const mark = () => {
    before.disabled = steps.indexOf(step.value) <= 0;
    next.disabled = steps.indexOf(step.value) >= steps.length - 1;
  };
  const go = (by) => () => {
    step.input.value = steps[steps.indexOf(step.value) + by];
    mark();
    load();
  };
  before.addEventListener("click", go(-1));
  next.addEventListener("click", go(1));
  step.input.addEventListener("change", () => {
    mark();
    load();
  });
  more.addEventListener("click", async () => {
    more.disabled = true;
    await ask(last).then(
      (found) => list.append(...found.map(answer)),
      (error) => list.append(h("li", null, failed(error, null))),
    );
    more.disabled = false;
  });
  return {
    el: h("div", null, h("div", { class: "inrow" }, step.el, before, next), list, h("p", { class: "row" }, more)),
    offer(now) {
      const values = [ALL, ...now.map(String)];
      if (values.join() === steps.join()) return;
      const chosen = step.value;
      steps = values;
      step.input.replaceChildren(...steps.map((n) => h("option", { value: n }, n === ALL ? "all steps" : n)));
      step.input.value = chosen || steps.at(-1);
      mark();
      if (!chosen) load();
    },
  };
}

/** One answer: its reward, the parts as bars, what it was asked and what it wrote. */
function answer(c) {
  const [outcome] = OUTCOMES[c.outcome] ?? [c.outcome];
  return h(
    "li",
    { class: "panel", "data-testid": "completion" },
    h(
      "header",
      { class: "row" },
      h("b", null, `Reward ${num(c.reward, 3)}`),
      typeof c.advantage === "number" ? h("span", { class: "meta" }, `advantage ${num(c.advantage, 3)}`) : null,
      outcome ? h("span", { class: `badge ${c.outcome === "clean" ? "good" : "warn"}` }, outcome) : null,
      c.example ? h("span", { class: "meta", dir: "auto" }, `example ${String(c.example).slice(0, 40)}`) : null,
    ),
    parts(c.parts),
    h("p", { class: "raw train-trace m-written", dir: "auto", tabindex: "0", role: "region", "aria-label": "What it wrote" }, c.completion),
    h(
      "details",
      { class: "fold" },
      h("summary", null, "What it was asked"),
      h("p", { class: "raw train-trace", dir: "auto", tabindex: "0", role: "region", "aria-label": "What it was asked" }, c.prompt),
    ),
  );
}

/** Parts of a reward as bars from 0 to 1; the number stands beside each. */
function parts(found) {
  const rows = Object.entries(found ?? {}).filter(([, value]) => typeof value === "number");
  if (!rows.length) return null;
  return h(
    "dl",
    { class: "m-parts", "data-testid": "parts" },
    rows.map(([name, value]) =>
      h("div", null, h("dt", null, name.replaceAll("_", " ")), h("dd", null, bar(value), h("span", null, num(value, 2)))),
    ),
  );
}

function bar(value) {
  const fill = h("span", { class: value < 0 ? "m-below" : null });
  fill.style.setProperty("width", `${Math.min(1, Math.abs(value)) * 100}%`);
  return h("span", { class: "meter small", "aria-hidden": "true" }, fill);
}
