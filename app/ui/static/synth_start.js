// Starting a synthesis: recipe, its text, teacher, how many items.

import { h } from "./dom.js";
import { post } from "./api.js";
import { Refused, area, field, form, keyring, pick } from "./forms.js";
import { missing } from "./jobs.js";
import { EMBEDDED } from "./train_words.js";

const NANO = "nano";

/** The panel. `started(job)` is called with the job of one that was started. */
export function starter(offer, ctx, started) {
  const head = h("h2", { tabindex: "-1" }, "Make training data");
  if (!offer.worker) return [head, missing()];
  if (!offer.recipes.length)
    return [
      head,
      h("p", { class: "empty" }, "A worker is alive, but it has no recipe: put one into training/recipes/synthesis and start it again."),
    ];
  if (!ctx.admin)
    return [
      head,
      h("p", { class: "empty" }, "Starting a synthesis takes the role admin. What has been made is below."),
      about(offer.recipes[0]),
    ];
  // The one that works on a fresh installation comes chosen.
  const usual = offer.recipes.find((r) => r.name === "demo") ?? offer.recipes[0];
  const recipe = pick({ name: "recipe", label: "Recipe", value: usual.name, choices: offer.recipes.map((r) => [r.name, r.name]) });
  const teacher = pick({ name: "teacher", label: "Teacher", choices: [["", ""]] });
  const limit = field({
    name: "limit",
    label: "At most so many queries",
    type: "number",
    min: 0,
    step: 1,
    hint: "Empty: all that the recipe names.",
  });
  const text = area({ name: "text", label: "Recipe (TOML)", rows: 18, spellcheck: "false", class: "train-toml", dir: "ltr" });
  const told = h("div", { class: "train-about", "data-testid": "recipe-about" });
  const warning = h("p", { class: "note-line", "data-testid": "embedded" }, EMBEDDED);
  const chosen = () => offer.recipes.find((r) => r.name === recipe.value);
  const warn = () => {
    warning.hidden = (teacher.value || chosen().teacher) !== NANO;
  };
  const take = () => {
    const r = chosen();
    text.input.value = r.text;
    told.replaceChildren(about(r));
    const choices = [["", `as the recipe says (${r.teacher})`], ...offer.teachers.map((t) => [t, t])];
    teacher.input.replaceChildren(...choices.map(([value, label]) => h("option", { value }, label)));
    warn();
  };
  recipe.input.addEventListener("change", take);
  teacher.input.addEventListener("change", warn);
  take();
  const reset = h("button", { type: "button", class: "quiet", "data-testid": "recipe-reset", onclick: take }, "As it was");
  const fold = h(
    "details",
    { class: "fold train-recipe", "data-testid": "recipe-fold" },
    h("summary", null, "Look at the recipe, or change it for this time"),
    text.el,
    h("p", { class: "row" }, reset),
  );
  const keys = keyring();
  const send = async ({ recipe: name, teacher: who, limit: most }) => {
    if (most !== null && (!Number.isInteger(most) || most < 0))
      throw new Refused("So many queries: a whole number from 0, or leave it empty.");
    const own = text.value !== chosen().text;
    const content = { recipe: name, text: own ? text.value : "", teacher: who, limit: most ?? 0 };
    const { job } = await post("syntheses", { ...content, idempotency_key: keys(content) });
    keys({ again: Date.now() }); // the same once more is another synthesis: the next click is not a repetition
    ctx.say("The synthesis is in the queue.");
    started(job);
    queued.replaceChildren(
      h("span", null, "In the queue: a worker takes it in a moment, and it opens below. "),
      h("button", { type: "button", class: "link", onclick: () => ctx.go("jobs") }, "See the jobs"),
    );
    queued.hidden = false;
  };
  const queued = h("p", { class: "help", role: "status", hidden: true, "data-testid": "synthesis-queued" });
  return [
    head,
    told,
    form({ testid: "synthesis-form", label: "Start", fields: [recipe, teacher, limit, warning, fold], act: send, grid: true }),
    queued,
  ];
}

const about = (recipe) => h("p", { class: "help", dir: "auto" }, recipe.about || "This recipe says nothing of itself.");
