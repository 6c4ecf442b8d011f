// The projects a person can work in: how far each is, what they did in it, and the way in.

import { h, count, moment } from "./dom.js";
import { ApiError, get } from "./api.js";

const STATES = {
  leased: "in hand",
  later: "put off",
  submitted: "submitted",
  flagged: "flagged",
  skipped: "skipped",
  cannot_judge: "could not judge",
  expired: "reservation ran out",
};

/** Fills `box`; `work(project)` starts or goes on, `again(assignment)` opens one of one's own. True where there are projects. */
export async function fillProjects(box, { work, again }) {
  let projects = [];
  let trouble = "";
  try {
    ({ projects } = await get("projects"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    trouble = error.passing ? error.message : ""; // who may not annotate is told so once, by the list of judgements below
  }
  const open = projects.filter((p) => p.state !== "closed" || p.mine?.submitted);
  box.replaceChildren(
    ...(trouble ? [h("p", { class: "trouble" }, trouble)] : []),
    ...(open.length
      ? [h("h2", null, "Projects"), h("ul", { class: "projects", "data-testid": "my-projects" }, open.map((p) => card(p, { work, again })))]
      : []),
  );
  return open.length > 0;
}

function card(p, { work, again }) {
  const mine = p.mine ?? {};
  const done = mine.submitted ?? 0;
  const closed = p.state === "closed";
  const list = h("div", null);
  const own = h(
    "details",
    { class: "own", "data-testid": "own-tasks" },
    h("summary", null, "What I did here"),
    list,
  );
  own.addEventListener("toggle", () => own.open && fillOwn(list, p.id, again));
  const label = closed ? "Closed" : mine.tutorial_left ? "Begin with the examples" : done ? "Go on" : "Begin";
  return h(
    "li",
    { class: "project", "data-testid": "project" },
    h(
      "div",
      null,
      h("h3", { dir: "auto" }, p.name),
      p.about ? h("p", { class: "about", dir: "auto" }, p.about.slice(0, 600)) : null,
      progress(p),
      h("p", { class: "meta" }, facts(p, mine).join(" · ")),
    ),
    h("button", { type: "button", class: "primary", disabled: closed, "data-testid": "work", onclick: () => work(p) }, label),
    own,
  );
}

function facts(p, mine) {
  const own = ["submitted", "skipped", "flagged", "cannot_judge", "later"].filter((key) => mine[key]);
  return [
    p.view === "blind" ? "blind: the model's answer is not shown" : "with the model's reasoning",
    `${count(p.overlap, "person").replace("persons", "people")} a task`,
    mine.tutorial_left ? `${count(mine.tutorial_left, "example")} to practise first` : "",
    own.length ? `mine: ${own.map((key) => `${mine[key]} ${STATES[key]}`).join(", ")}` : "",
  ].filter(Boolean);
}

function progress({ judged, tasks, name }) {
  if (!tasks) return h("p", { class: "meta" }, "No tasks yet.");
  const label = `${judged.toLocaleString("en")} of ${count(tasks, "task")} judged`;
  return h(
    "div",
    { class: "gauge" },
    h("progress", { max: tasks, value: judged, "aria-label": `${name.slice(0, 80)}: ${label}` }),
    h("span", { class: "meta" }, label),
  );
}

const told = (a) => [STATES[a.state] ?? a.state, a.kind === "tutorial" ? "example" : "", moment(a.ended)].filter(Boolean).join(" · ");

async function fillOwn(box, project, again) {
  let assignments = [];
  try {
    ({ assignments } = await get(`projects/${encodeURIComponent(project)}/mine`));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    box.replaceChildren(h("p", { class: "trouble" }, error.message));
    return;
  }
  const rows = assignments.map((a) =>
    h(
      "li",
      null,
      h(
        "button",
        { type: "button", class: "rowbutton", "data-testid": "own-task", onclick: () => again(a.assignment) },
        h("span", { class: "q", dir: "auto" }, a.query),
        h("span", { class: "meta" }, told(a)),
      ),
    ),
  );
  box.replaceChildren(rows.length ? h("ul", { class: "rows" }, rows) : h("p", { class: "empty" }, "Nothing yet."));
}
