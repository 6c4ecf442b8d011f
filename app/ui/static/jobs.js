// The view Jobs: who works, what waits, what runs with its log, what has ended; and what is done by the clock.

import { h, count } from "./dom.js";
import { get } from "./api.js";
import { copier } from "./forms.js";
import { every, keyed, lostLine } from "./train_watch.js";
import { span } from "./train_words.js";
import { jobRow } from "./jobs_row.js";
import { schedules } from "./jobs_schedules.js";

const LOOK_MS = 2_000;
const COMMAND = "python -m training worker";
const OPEN = ["queued", "running"];

/** The whole view. */
export function jobsView(ctx) {
  const line = lostLine();
  const workers = h("div", { "data-testid": "workers" });
  const waiting = h("p", { class: "help", "data-testid": "jobs-waiting" }, "Loading …");
  const now = h("ul", { class: "cardlist", "data-testid": "jobs-open" });
  const ended = h("ul", { class: "cardlist", "data-testid": "jobs-ended" });
  const endedLine = h("summary", null, "Ended");
  const fold = h("details", { class: "fold", hidden: true, "data-testid": "jobs-fold" }, endedLine, ended);
  const root = h(
    "section",
    { "data-testid": "jobs" },
    line,
    h("h2", { tabindex: "-1" }, "Who works"),
    workers,
    h("h2", null, "Jobs"),
    waiting,
    now,
    fold,
    schedules(ctx),
  );
  const showNow = keyed(now, (job) => jobRow(job, ctx));
  const showEnded = keyed(ended, (job) => jobRow(job, ctx));
  let told = "";
  every(
    root,
    LOOK_MS,
    async () => {
      const found = await get("jobs");
      const [open, over] = [found.jobs.filter((j) => OPEN.includes(j.state)), found.jobs.filter((j) => !OPEN.includes(j.state))];
      const said = JSON.stringify(found.workers);
      if (said !== told) workers.replaceChildren(...workerLines(found.workers));
      told = said;
      showNow(open, (j) => j.id);
      showEnded(over, (j) => j.id);
      waiting.textContent = open.length
        ? `${count(open.filter((j) => j.state === "running").length, "job")} at work, ${found.waiting} waiting.`
        : "Nothing is at work and nothing waits. An upload, a synthesis or a dataset version puts a job here.";
      fold.hidden = !over.length;
      endedLine.textContent = `Ended (${over.length})`;
    },
    line,
  );
  return root;
}

function workerLines(workers) {
  const alive = workers.filter((w) => w.alive);
  const rows = h(
    "ul",
    { class: "rows" },
    workers.map((w) =>
      h(
        "li",
        { class: "row", "data-testid": "worker" },
        h("span", { class: `badge ${w.alive ? "good" : "bad"}` }, w.alive ? "alive" : "gone"),
        h("bdi", null, w.name),
        h("span", { class: "meta" }, `heard from ${span(w.age_seconds)} ago, ${w.job ? "has a job" : "has nothing to do"}`),
      ),
    ),
  );
  return alive.length ? [rows] : [missing(), ...(workers.length ? [rows] : [])];
}

/** What to do where nobody works: also shown by the view Synthesis. */
export const missing = () =>
  h(
    "div",
    { class: "trouble train-missing", "data-testid": "no-worker" },
    h("p", null, "No worker is alive: jobs wait until one is. The studio starts one itself, unless it was told not to. Start one with"),
    h("p", { class: "row" }, h("code", null, COMMAND), copier(COMMAND, "Copy the command")),
    h("p", null, "and with the same --data-dir or --database-url as the studio's."),
  );
