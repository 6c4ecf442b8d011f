// One job: how far it is, what it does, its log as it is written, and the way to end it.

import { h, moment } from "./dom.js";
import { ApiError, get, post } from "./api.js";
import { dialog } from "./forms.js";
import { followPath } from "./events.js";
import { progressBar, span, stateBadge } from "./train_words.js";

const MOST_LINES = 1_000;

/** {el, update(job), close()}. */
export function jobRow(first, ctx) {
  let job = first;
  const bar = progressBar(first.about);
  const state = h("span", null);
  const meta = h("p", { class: "meta", "data-testid": "job-meta" });
  const doing = h("p", { class: "train-doing", dir: "auto", "data-testid": "job-doing" });
  const error = h("p", { class: "trouble", hidden: true, dir: "auto", "data-testid": "job-error" });
  const ways = h("span", { class: "row train-ways" });
  const log = jobLog(() => job);
  const end = h(
    "button",
    { type: "button", class: "quiet bad", "data-testid": "job-cancel", onclick: () => cancel(job, el, ctx) },
    "Cancel",
  );
  const el = h(
    "li",
    { class: "panel", "data-testid": "job", "data-job": first.id },
    h("header", { class: "row" }, state, h("h3", { dir: "auto" }, first.about), h("span", { class: "grow" }), ways, end),
    bar.el,
    doing,
    meta,
    error,
    log.el,
  );
  const update = (now) => {
    job = now;
    state.replaceChildren(stateBadge(now.state));
    const running = now.state === "running";
    bar.el.hidden = !running;
    bar.set(now.progress);
    set(doing, running ? now.doing : "");
    set(meta, metaOf(now));
    set(error, now.error);
    end.hidden = !ctx.admin || !["queued", "running"].includes(now.state);
    end.disabled = now.cancel;
    end.textContent = now.cancel ? "Ending …" : "Cancel";
    links(ways, now, ctx);
    el.dataset.state = now.state;
  };
  update(first);
  return { el, update, close: log.close };
}

function set(node, text) {
  node.hidden = !text;
  if (node.textContent !== text) node.textContent = text ?? "";
}

function metaOf(job) {
  const from = Date.parse(job.started ?? job.created);
  const to = job.ended ? Date.parse(job.ended) : Date.now();
  const percent = job.state === "running" ? `${Math.round((job.progress ?? 0) * 100)} %` : "";
  return [
    percent,
    job.started ? `${job.ended ? "took" : "for"} ${span((to - from) / 1000)}` : `waiting for ${span((to - from) / 1000)}`,
    job.attempt > 1 ? `attempt ${job.attempt}` : "",
    job.worker ? `by ${job.worker}` : "",
    moment(job.ended ?? job.started ?? job.created),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Ways to what a job has made; none where the page around it is about the job itself (`ctx.at`). */
function links(box, job, ctx) {
  if (job.id === ctx.at) return;
  const made = job.result ?? {};
  const wanted = [
    [made.synthesis, "synthesis", "See the synthesis", { synthesis: made.synthesis }],
    [made.dataset, "datasets", "See the version", { dataset: made.dataset }],
    [made.evaluation, "results", "See the evaluation", { evaluation: made.evaluation }],
    [job.kind === "update" && job.started && job.id, "updates", "See the update", { update: job.id }],
  ].filter(([id]) => id);
  const key = wanted.map(([id]) => id).join(" ");
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(
    ...wanted.map(([, view, text, where]) =>
      h("button", { type: "button", class: "quiet", "data-testid": `job-${view}`, onclick: () => ctx.go(view, where) }, text),
    ),
  );
}

function cancel(job, el, ctx) {
  const send = async () => {
    try {
      await post(`jobs/${encodeURIComponent(job.id)}/cancel`);
      ctx.say("The job will end.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      ctx.say(error.message);
    }
  };
  if (job.state === "queued") return send();
  const sure = dialog(el, {
    title: "End this job?",
    testid: "cancel-job",
    body: [
      h("p", { dir: "auto" }, job.about),
      h("p", { class: "help" }, "What it has done so far is kept, and the same job started again goes on from there."),
      h(
        "p",
        { class: "row" },
        h(
          "button",
          {
            type: "button",
            class: "danger",
            "data-testid": "cancel-sure",
            onclick: () => {
              sure.close();
              send();
            },
          },
          "End it",
        ),
        h("button", { type: "button", onclick: () => sure.close() }, "Let it go on"),
      ),
    ],
  });
  return null;
}

/** The log behind a fold: its last lines when it is opened, then what is written, as long as it stays open. */
function jobLog(now) {
  const lines = h("pre", { class: "train-log", role: "log", tabindex: "0", "aria-label": "Log", "data-testid": "job-log" });
  const status = h("p", { class: "help", role: "status" });
  let stop = null;
  let last = 0;
  const add = (text) => {
    const down = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    lines.append(h("span", null, `${text}\n`));
    while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
    if (down) lines.scrollTop = lines.scrollHeight;
  };
  const open = async () => {
    const path = `jobs/${encodeURIComponent(now().id)}`;
    try {
      const { log } = await get(path);
      lines.replaceChildren();
      for (const one of log) add(one.text);
      last = Math.max(0, ...log.map((one) => one.number));
      status.textContent = log.length ? "" : now().ended ? "It wrote nothing." : "Nothing has been written yet.";
      lines.hidden = !log.length;
      if (!el.open || stop) return;
      stop = followPath(
        `${path}/events`,
        {
          event: (name, data, number) => {
            last = number || last;
            if (name !== "log") return;
            status.textContent = "";
            lines.hidden = false;
            add(data.text);
          },
          line: (line) => {
            if (line === "lost") status.textContent = "Connection lost, trying again. The log goes on where it was.";
            else if (status.textContent.startsWith("Connection")) status.textContent = "";
          },
          gone: (text) => {
            status.textContent = text;
          },
        },
        "This job is gone.",
        String(last || ""),
      );
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      status.textContent = `${error.message} Close the log and open it again.`;
    }
  };
  const close = () => {
    stop?.();
    stop = null;
  };
  const el = h("details", { class: "fold", "data-testid": "job-fold" }, h("summary", null, "Log"), status, lines);
  el.addEventListener("toggle", () => (el.open ? open() : close()));
  return { el, close };
}
