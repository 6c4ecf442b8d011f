// One update while it learns and afterwards: its job with log, its steps, curves as they are written, completions, the decision.

import { h, isolated, seconds } from "./dom.js";
import { get } from "./api.js";
import { followPath } from "./events.js";
import { every, lostLine } from "./train_watch.js";
import { counted } from "./train_words.js";
import { jobRow } from "./jobs_row.js";
import { completions } from "./completions.js";
import { curves } from "./curves.js";
import { gateTable, verdict } from "./models_gate.js";

const LOOK_MS = 2_000;
const OPEN = ["queued", "running"];
const STEPS = {
  inputs: "What it starts from",
  dataset: "Dataset version",
  cold: "Cold start",
  sft: "Fine-tuning",
  rl: "Reinforcement learning",
  evaluate: "Evaluation",
  decide: "Decision",
};

/** {el, close()}: the panel of an update; `shut()` closes it. */
export function updatePanel(id, ctx, shut) {
  const line = lostLine();
  const name = h("h2", { tabindex: "-1", dir: "auto" }, "Loading …");
  const badges = h("span", { class: "row m-badges" });
  const job = h("ul", { class: "cardlist" });
  const steps = h("ol", { class: "rows m-steps", "data-testid": "update-steps" });
  const decision = h("section", { class: "m-part", hidden: true, "data-testid": "update-decision" });
  const ways = h("span", { class: "row" });
  const drawn = curves();
  const live = h("p", { class: "help", role: "status", "data-testid": "update-live" });
  const browse = completions(id);
  const el = h(
    "section",
    { class: "panel train-one", "data-testid": "update-one" },
    line,
    h(
      "header",
      { class: "row" },
      name,
      badges,
      h("span", { class: "grow" }),
      ways,
      h("button", { type: "button", class: "quiet", "data-testid": "update-close", onclick: shut }, "Close"),
    ),
    job,
    decision,
    h("section", { class: "m-part" }, h("h3", null, "Steps"), steps),
    h("section", { class: "m-part" }, h("h3", null, "Curves"), live, drawn.el),
    browse.el,
  );
  const row = jobView(job, ctx);
  const told = {};
  const once = (key, value, draw) => {
    const stamp = JSON.stringify(value);
    if (told[key] !== stamp) draw();
    told[key] = stamp;
  };
  const stream = follower(id, drawn, live);
  const look = async () => {
    const u = await get(`updates/${encodeURIComponent(id)}`);
    const running = OPEN.includes(u.state);
    row.update(await get(`jobs/${encodeURIComponent(id)}`));
    once("head", [u.recipe, u.promoted, u.candidate, u.dataset], () => {
      name.textContent = u.recipe;
      badges.replaceChildren(verdict(u) ?? "");
      ways.replaceChildren(...links(u, ctx));
    });
    once("steps", [u.steps, u.state], () => steps.replaceChildren(...stepRows(u)));
    once("decision", u.decision, () => showDecision(decision, u.decision));
    drawn.add(u.points ?? []);
    browse.look(
      u.points ?? [],
      (u.steps ?? []).some((step) => step.name === "rl"),
    );
    if (running) stream.open();
    else stream.close();
    return running;
  };
  every(el, LOOK_MS, look, line).finally(stream.close);
  return {
    el,
    close: () => {
      stream.close();
      row.close();
    },
  };
}

/** The job's own row: state, progress, log and the way to end it. */
function jobView(list, ctx) {
  let row = null;
  return {
    update: (job) => {
      if (!row) list.append((row = jobRow(job, { ...ctx, at: job.id })).el);
      row.update(job);
    },
    close: () => row?.close(),
  };
}

/** Points as the trainer writes them, as long as the update runs: those of the looks would come two seconds late. */
function follower(id, drawn, live) {
  let stop = null;
  return {
    open: () => {
      stop ??= followPath(
        `jobs/${encodeURIComponent(id)}/events`,
        {
          event: (name, data) => {
            if (name === "point") drawn.add([data]);
          },
          line: (state) => {
            live.textContent = state === "lost" ? "Connection lost, trying again. The curves go on where they were." : "";
          },
          gone: (text) => {
            live.textContent = text;
          },
        },
        "This job is gone.",
      );
    },
    close: () => {
      stop?.();
      stop = null;
      live.textContent = "";
    },
  };
}

function links(u, ctx) {
  const way = (text, testid, go) => h("button", { type: "button", class: "quiet", "data-testid": testid, onclick: go }, text);
  return [
    u.candidate ? way("The version it made", "to-version", () => ctx.go("versions", { version: u.candidate })) : null,
    u.candidate ? way("What it learned", "to-learned", () => ctx.go("learned", { version: u.candidate })) : null,
    u.dataset ? way("Its dataset version", "to-dataset", () => ctx.go("datasets", { dataset: u.dataset })) : null,
  ].filter(Boolean);
}

/** Steps that are done with what they took, the one at work, and those to come. */
function stepRows(u) {
  const done = new Map((u.steps ?? []).map((step) => [step.name, step]));
  const known = Object.keys(STEPS).filter((name) => name !== "cold" || u.from_scratch || done.has(name));
  const names = [...known, ...[...done.keys()].filter((name) => !(name in STEPS))];
  const at = OPEN.includes(u.state) ? names.find((name) => !done.has(name)) : null;
  return names.map((name) => {
    const step = done.get(name);
    const [kind, word] = step
      ? ["good", "done"]
      : name === at && u.state === "running"
        ? ["live", "at work"]
        : ["", at ? "to come" : "not done"];
    return h(
      "li",
      { class: "row", "data-testid": "update-step", "data-step": name },
      h("span", { class: `badge ${kind}` }, word),
      h("b", null, STEPS[name] ?? name),
      step?.seconds ? h("span", { class: "meta" }, seconds(step.seconds)) : null,
      step ? h("span", { class: "meta m-result", dir: "auto" }, resultText(step)) : null,
    );
  });
}

/** What a step says of itself: numbers, short texts, counts. What is larger stands elsewhere: the decision above, ids in the log. */
function resultText(step) {
  if (["evaluate", "decide"].includes(step.name)) return "";
  const said = Object.entries(step.result ?? {}).map(([name, value]) => {
    if (typeof value === "boolean") return [name, value ? "yes" : "no"];
    if (typeof value === "string") return [name, isolated(/^[0-9a-f]{32,}$/.test(value) ? value.slice(0, 8) : value.slice(0, 80))];
    const counts = value && typeof value === "object" && !Array.isArray(value) && Object.values(value).every(Number.isFinite);
    return [name, counts || Number.isFinite(value) ? value : null];
  });
  return counted(Object.fromEntries(said.filter(([, value]) => value !== null && value !== "")));
}

function showDecision(box, decision) {
  box.hidden = !decision;
  box.replaceChildren(...(decision ? [h("h3", null, "What the gate said"), ...gateTable(decision)] : []));
}
