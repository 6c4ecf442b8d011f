// Starting an evaluation: suite, model and version, strategy, thinking; and the jobs of those that were started, each with its end.

import { h, moment } from "./dom.js";
import { get, post } from "./api.js";
import { Refused, field, form, keyring, pick } from "./forms.js";
import { missing } from "./jobs.js";
import { jobRow } from "./jobs_row.js";
import { strategies, title } from "./strategies.js";
import { fillWith } from "./tab.js";
import { every, keyed, lostLine } from "./train_watch.js";

const LOOK_MS = 2_000;
const OPEN = ["queued", "running"];
const UNTRAINED = ["first_stage", "signals"];
const THINKING = [
  ["profile", "as the profile asks"],
  ["reasoned", "reasoned: insist on a trace"],
  ["direct", "direct: no trace"],
  ["auto", "auto: the model's router decides for each query"],
];
const WHOLE = { limit: "The number of topics", depth: "The number of candidates", seed: "The seed" };
const COMMAND = "python -m app evaluate --suite demo --model nano --keep";

/** {el, open(), know(suites), close()}. `ended()` is called when a job has ended, since there may be a new evaluation. */
export function starter(ctx, ended) {
  const inside = h("div", null);
  const jobs = h("ul", { class: "cardlist", "data-testid": "evaluate-jobs" });
  const line = lostLine();
  const el = h(
    "section",
    { class: "m-part", "data-testid": "evaluate" },
    h("h3", { tabindex: "-1" }, "Evaluate something"),
    line,
    inside,
    jobs,
  );
  let suites = [];
  let known = "";
  let listed = "";
  const fill = () => fillWith(inside, async () => (ctx.admin ? whole(await offers(), suites, ctx) : reading()));
  const show = keyed(jobs, (job) => jobRow(job, ctx));
  let gone = false;
  every(
    el,
    LOOK_MS,
    async () => {
      if (gone) return false;
      const { jobs: all } = await get("jobs");
      const mine = all.filter((job) => job.kind === "evaluate");
      const shown = mine.filter((job) => OPEN.includes(job.state) || job.state === "failed").slice(0, 5);
      show(shown, (job) => job.id);
      const states = mine.map((job) => `${job.id} ${job.state}`).join();
      if (listed && states !== listed) ended();
      listed = states;
      return true;
    },
    line,
  );
  return {
    el,
    open: () => {
      el.scrollIntoView({ block: "start" });
      (el.querySelector("select") ?? el.querySelector("h3"))?.focus();
    },
    know: (found) => {
      const now = JSON.stringify(found);
      if (now !== known) {
        [suites, known] = [found, now];
        fill();
      }
    },
    close: () => {
      gone = true;
    },
  };
}

const reading = () => [
  h("p", { class: "empty" }, "Starting an evaluation takes the role admin; a bundle that was made elsewhere is kept by a command:"),
  h("pre", { class: "train-log", tabindex: "0", "aria-label": "Command" }, COMMAND),
];

/** What can be chosen: models that answer here, versions of the embedded one, strategies, and whether anybody takes jobs. */
async function offers() {
  const [{ models }, { versions }, { worker }, found] = await Promise.all([get("models"), get("versions"), get("recipes"), strategies()]);
  return { models: models.filter((m) => m.available), versions: versions.filter((v) => v.model === "nano"), worker, strategies: found };
}

/** [value, text] of everything that can rank: "nano" is what serves, "nano VERSION" one version of it. */
function rankers({ models, versions }) {
  return models.flatMap((m) => {
    const own = [m.name, m.name === "nano" ? `${m.label}, the version that serves` : m.label];
    const older = m.name === "nano" ? versions.map((v) => [`nano ${v.id}`, `${v.label}, ${v.state}, ${moment(v.created)}`]) : [];
    return [own, ...older];
  });
}

function whole(offer, suites, ctx) {
  if (!offer.worker) return missing();
  if (!suites.length) return h("p", { class: "empty" }, "This machine has no suite to run: see operate.md on REASONRANK_SUITES.");
  const suite = pick({ name: "suite-run", label: "Suite", choices: suites.map((one) => [one.name, one.title]) });
  const model = pick({ name: "model", label: "What ranks", choices: rankers(offer), value: "nano" });
  const lists = offer.strategies.filter((one) => one.unit === "list");
  const strategy = pick({ name: "strategy", label: "Strategy", choices: lists.map((one) => [one.name, title(one)]), value: "sliding" });
  const thinking = pick({ name: "thinking", label: "Thinking", choices: THINKING });
  const limit = field({ name: "limit", label: "At most so many topics a set", type: "number", min: 0, step: 1, hint: "Empty: all." });
  const seed = field({
    name: "seed",
    label: "Shuffle by seed",
    type: "number",
    min: 0,
    step: 1,
    hint: "Empty: candidates stand as the first stage has them. Several seeds show how stable the order is.",
  });
  const depth = field({
    name: "depth",
    label: "Candidates a topic",
    type: "number",
    min: 1,
    step: 1,
    hint: "Empty: all that the suite has. Fewer are quicker, and can't be compared with more.",
  });
  const routed = new Set(offer.models.filter((m) => m.routed).map((m) => m.name));
  const about = h("p", { class: "help", dir: "auto" });
  const take = () => {
    about.textContent = suites.find((one) => one.name === suite.value)?.about ?? "";
    const plain = UNTRAINED.includes(model.value);
    for (const one of [strategy, thinking, seed]) one.el.hidden = plain;
    const auto = thinking.el.querySelector("[value=auto]");
    [auto.hidden, auto.disabled] = [!routed.has(model.value), !routed.has(model.value)];
    if (auto.selected && auto.disabled) thinking.input.value = "profile";
  };
  for (const one of [suite, model]) one.input.addEventListener("change", take);
  take();
  const keys = keyring();
  const act = async (values) => {
    for (const [name, what] of Object.entries(WHOLE))
      if (values[name] !== null && (!Number.isInteger(values[name]) || values[name] < 0))
        throw new Refused(`${what} is a whole number from 0.`);
    const [name, version] = values.model.split(" ");
    const content = { kind: "evaluate", arguments: wanted(values, name, version) };
    await post("jobs", { ...content, idempotency_key: keys(content) });
    keys({ again: Date.now() }); // the same once more is asked for on purpose: what was answered is not asked again
    ctx.say("The evaluation is in the queue.");
  };
  return [about, form({ testid: "evaluate-form", label: "Start", fields: [suite, model, strategy, thinking, limit, depth, seed], act, grid: true })];
}

function wanted(values, model, version) {
  const plain = UNTRAINED.includes(model);
  return {
    suite: values["suite-run"],
    model,
    strategy: plain ? "" : values.strategy,
    thinking: plain ? "" : values.thinking,
    limit: values.limit ?? 0,
    ...(version ? { version } : {}),
    ...(values.depth ? { depth: values.depth } : {}),
    ...(values.seed !== null && !plain ? { seed: values.seed } : {}),
  };
}
