// What is put into the queue by the clock or after so many new judgements: the list, a form that tells the next times, on and off, delete.

import { h } from "./dom.js";
import { ApiError, get, url } from "./api.js";
import { Refused, field, form, pick } from "./forms.js";
import { fillWith } from "./tab.js";
import { inZone, nextTimes } from "./jobs_cron.js";
import { whole } from "./train_words.js";

const WRITE = { "X-Requested-With": "reasonrank", "Content-Type": "application/json" };

/** PATCH, DELETE and POST of schedules; the answer, or an ApiError. */
async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(url(path), {
      method,
      credentials: "same-origin",
      headers: WRITE,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server does not answer. Is it still running?", 0, "unreachable");
  }
  const told = await answer.json().catch(() => null);
  if (!answer.ok)
    throw new ApiError(told?.error?.message || `The server answered ${answer.status}.`, answer.status, told?.error?.code, told);
  return told;
}

/** The section of the view Jobs. */
export function schedules(ctx) {
  const box = h("div", { "data-testid": "schedules" });
  const load = () => fillWith(box, async () => list((await get("schedules")).schedules, ctx, load));
  load();
  const maker = h("div", null);
  const fold = h("details", { class: "fold", "data-testid": "schedule-add" }, h("summary", null, "Add a schedule"), maker);
  const fill = async () => {
    const offer = await get("recipes");
    return adder(offer, () => {
      ctx.say("The schedule was saved.");
      fold.open = false;
      load();
    });
  };
  fold.addEventListener("toggle", () => {
    if (fold.open) fillWith(maker, fill);
  });
  return h("section", { class: "train-schedules" }, h("h2", null, "Schedules"), box, ctx.admin ? fold : null);
}

function list(found, ctx, load) {
  if (!found.length)
    return h(
      "p",
      { class: "empty" },
      "Nothing is done by itself yet. A schedule puts a job into the queue again and again: by the clock, or after so many new judgements.",
    );
  return h(
    "ul",
    { class: "rows" },
    found.map((s) => row(s, ctx, load)),
  );
}

const WHAT = { synthesize: "synthesis", update: "update of a model" };

const afterText = (s) => (s.judgements ? `after ${whole(s.judgements)} new judgements that are trusted` : "");

function dueText(s) {
  if (!s.enabled) return "off";
  if (s.judgements) return "";
  return s.next_at ? `next ${inZone(new Date(s.next_at), s.zone)}` : "off";
}

function row(s, ctx, load) {
  const trouble = h("span", { class: "trouble", role: "alert", hidden: true });
  const act = (method, body) => async () => {
    try {
      await send(method, `schedules/${encodeURIComponent(s.id)}`, body);
      load();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  };
  const button = (text, label, id, go) =>
    h("button", { type: "button", class: "quiet", "aria-label": label, "data-testid": id, onclick: go }, text);
  const gone = button("Delete", `Delete ${s.name}`, "schedule-delete", () => {
    if (gone.dataset.sure) return act("DELETE")();
    gone.dataset.sure = "1";
    gone.textContent = "Delete for good?";
    return null;
  });
  gone.addEventListener("blur", () => {
    delete gone.dataset.sure;
    gone.textContent = "Delete";
  });
  return h(
    "li",
    { class: "row", "data-testid": "schedule" },
    h(
      "div",
      { class: "grow" },
      h(
        "p",
        null,
        h("b", { dir: "auto" }, s.name),
        " ",
        s.judgements ? null : [h("code", null, s.cron), " ", h("span", { class: "meta" }, s.zone)],
      ),
      h("p", { class: "meta", dir: "auto" }, [WHAT[s.kind] ?? s.kind, s.says || afterText(s), dueText(s)].filter(Boolean).join(" · ")),
      trouble,
    ),
    ctx.admin
      ? [
          button(
            s.enabled ? "Turn off" : "Turn on",
            `${s.enabled ? "Turn off" : "Turn on"} ${s.name}`,
            "schedule-switch",
            act("PATCH", { enabled: !s.enabled }),
          ),
          gone,
        ]
      : null,
  );
}

/** What a schedule can start: [key, label, kind, arguments]. An update begins from the version that serves then, with its recipe's seed. */
const startable = (offer) => [
  ...offer.recipes.map((r) => [
    `synthesize ${r.name}`,
    `Synthesis: ${r.name}`,
    "synthesize",
    { recipe: r.name, text: r.text, teacher: "", limit: 0 },
  ]),
  ...(offer.training ?? []).map((r) => [
    `update ${r.name}`,
    `Update of a model: ${r.name}`,
    "update",
    { recipe: r.name, seed: seedOf(r.text), from_scratch: false },
  ]),
];

/** The seed that a recipe names; 0 where it names none. */
export const seedOf = (text) => Number(/^seed\s*=\s*(\d+)/m.exec(text)?.[1] ?? 0);

function adder(offer, done) {
  const what = startable(offer);
  if (!what.length) return h("p", { class: "empty" }, "A schedule starts a recipe, and recipes are told by workers: none is alive.");
  const when = clock();
  const judgements = field({
    name: "judgements",
    label: "New judgements",
    type: "number",
    min: 1,
    step: 1,
    value: "50",
    hint: "Trusted ones, and none that is kept for evaluation. While one such job waits or runs, no second is begun.",
  });
  const by = pick({
    name: "by",
    label: "Begins",
    choices: [
      ["clock", "by the clock"],
      ["judgements", "after so many new judgements"],
    ],
  });
  const turn = () => {
    judgements.el.hidden = by.value === "clock";
    for (const f of when) (f.el ?? f).hidden = by.value !== "clock";
  };
  by.input.addEventListener("change", turn);
  turn();
  return form({
    testid: "schedule-form",
    label: "Save the schedule",
    fields: [
      field({ name: "name", label: "Name", maxlength: 200 }),
      pick({ name: "recipe", label: "Recipe", choices: what }),
      by,
      judgements,
      ...when,
    ],
    act: async (values) => {
      if (!values.name.trim()) throw new Refused("Give it a name, so that you know it again.");
      const [, , kind, args] = what.find(([key]) => key === values.recipe);
      await send("POST", "schedules", { name: values.name, ...due(values), kind, arguments: args, enabled: true });
      done();
    },
  });
}

/** When a schedule begins, as the server takes it. */
function due({ by, judgements, cron, zone }) {
  if (by === "clock") return { cron, zone };
  if (!Number.isInteger(judgements) || judgements < 1) throw new Refused("So many new judgements: a whole number from 1.");
  return { judgements };
}

/** The fields of a time by the clock, and the next times that they mean. */
function clock() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const zones = [...new Set([own, "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])])];
  const cron = field({
    name: "cron",
    label: "When",
    value: "0 3 * * 1",
    hint: "Minute, hour, day of the month, month, weekday: 0 3 * * 1 is Mondays at 3:00.",
  });
  const zone = pick({ name: "zone", label: "Clock of", choices: zones.map((z) => [z, z]), value: own });
  const next = h("p", { class: "help", role: "status", "data-testid": "schedule-next" });
  const tell = () => {
    const times = nextTimes(cron.value, zone.value);
    if (times === null) next.textContent = "This page can't read this expression; the server will say whether it can.";
    else if (!times.length) next.textContent = "Not due within a year.";
    else next.textContent = `Next: ${times.map((t) => inZone(t, zone.value)).join(" · ")}`;
  };
  cron.input.addEventListener("input", tell);
  zone.input.addEventListener("change", tell);
  tell();
  return [cron, zone, next];
}
