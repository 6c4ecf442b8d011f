// Starting an update: recipe, seed, from scratch or from what serves now.

import { h } from "./dom.js";
import { post } from "./api.js";
import { Refused, check, field, form, keyring, pick } from "./forms.js";
import { missing } from "./jobs.js";
import { seedOf } from "./jobs_schedules.js";

/** The panel. `started(job)` is called with the job of one that was started. */
export function starter(offer, ctx, started) {
  const head = h("h2", { tabindex: "-1" }, "Teach a model");
  const recipes = offer.training ?? [];
  if (!offer.worker) return [head, missing()];
  if (!recipes.length)
    return [
      head,
      h("p", { class: "empty" }, "A worker is alive, but it offers no recipe of training: start it from the same checkout as the studio."),
    ];
  if (!ctx.admin)
    return [head, h("p", { class: "empty" }, "Starting an update takes the role admin. What has been made is below."), about(recipes[0])];
  const recipe = pick({ name: "recipe", label: "Recipe", choices: recipes.map((r) => [r.name, r.name]) });
  const seed = field({
    name: "seed",
    label: "Seed",
    type: "number",
    min: 0,
    step: 1,
    hint: "The same seed, recipe, data and start give the same weights.",
  });
  const scratch = check({
    name: "from_scratch",
    label: "From scratch",
    hint: "Repeats the cold start first, instead of going on from the version that serves. Takes longer.",
  });
  const again = check({
    name: "again",
    label: "Although nothing is new",
    hint: "Otherwise it stops where the data are those of the last update from the same version.",
  });
  const told = h("div", { "data-testid": "training-about" });
  const toml = h("pre", { class: "train-log", tabindex: "0", "aria-label": "Recipe" });
  const take = () => {
    const chosen = recipes.find((r) => r.name === recipe.value);
    told.replaceChildren(about(chosen));
    toml.textContent = chosen.text;
    seed.input.value = String(seedOf(chosen.text));
    scratch.el.hidden = chosen.family !== "nano";
  };
  recipe.input.addEventListener("change", take);
  take();
  const queued = h("p", { class: "help", role: "status", hidden: true, "data-testid": "update-queued" });
  const keys = keyring();
  const send = async (values) => {
    if (!Number.isInteger(values.seed) || values.seed < 0) throw new Refused("The seed is a whole number from 0.");
    const from_scratch = values.from_scratch && !scratch.el.hidden;
    const content = { kind: "update", arguments: { recipe: values.recipe, seed: values.seed, from_scratch, again: values.again } };
    const job = await post("jobs", { ...content, idempotency_key: keys(content) });
    keys({ again: Date.now() }); // the same once more is another update: the next click is not a repetition
    ctx.say("The update is in the queue.");
    started(job);
    queued.replaceChildren(
      h("span", null, "In the queue: a worker takes it in a moment, and it opens below. "),
      h("button", { type: "button", class: "link", onclick: () => ctx.go("jobs") }, "See the jobs"),
    );
    queued.hidden = false;
  };
  const fold = h("details", { class: "fold train-recipe" }, h("summary", null, "Look at the recipe"), toml);
  return [
    head,
    h(
      "p",
      { class: "help" },
      "An update learns from what people corrected, is measured on lists that it never saw, and serves only where it is surely better.",
    ),
    told,
    form({ testid: "update-form", label: "Start", fields: [recipe, seed, scratch, again, fold], act: send, grid: true }),
    queued,
  ];
}

const about = (recipe) => h("p", { class: "help", dir: "auto" }, recipe.about || "This recipe says nothing of itself.");
