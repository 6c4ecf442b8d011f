// What is put into the queue by the clock: the list, a form that tells the next times before it saves, on and off, delete.

import { h } from "./dom.js";
import { ApiError, get, url } from "./api.js";
import { Refused, field, form, pick } from "./forms.js";
import { fillWith } from "./tab.js";
import { inZone, nextTimes } from "./jobs_cron.js";

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
    return h("p", { class: "empty" }, "Nothing is done by the clock yet. A schedule puts a job into the queue again and again.");
  return h(
    "ul",
    { class: "rows" },
    found.map((s) => row(s, ctx, load)),
  );
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
      h("p", null, h("b", { dir: "auto" }, s.name), " ", h("code", null, s.cron), " ", h("span", { class: "meta" }, s.zone)),
      h(
        "p",
        { class: "meta", dir: "auto" },
        [s.says, s.enabled && s.next_at ? `next ${inZone(new Date(s.next_at), s.zone)}` : "off"].filter(Boolean).join(" · "),
      ),
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

function adder(offer, done) {
  if (!offer.recipes.length)
    return h("p", { class: "empty" }, "A schedule starts a recipe, and recipes are told by workers: none is alive.");
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
  return form({
    testid: "schedule-form",
    label: "Save the schedule",
    fields: [
      field({ name: "name", label: "Name", maxlength: 200 }),
      pick({ name: "recipe", label: "Recipe", choices: offer.recipes.map((r) => [r.name, r.name]) }),
      cron,
      zone,
      next,
    ],
    act: async ({ name, recipe, cron: when, zone: where }) => {
      if (!name.trim()) throw new Refused("Give it a name, so that you know it again.");
      const { text } = offer.recipes.find((r) => r.name === recipe);
      const body = { name, cron: when, zone: where, kind: "synthesize", arguments: { recipe, text, teacher: "", limit: 0 }, enabled: true };
      await send("POST", "schedules", body);
      done();
    },
  });
}
