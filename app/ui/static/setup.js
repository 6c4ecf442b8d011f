// Projects in the tab Manage: the list with its progress, making one, its rules and guidelines, and taking files in.

import { h, count, moment } from "./dom.js";
import { get, post } from "./api.js";
import { Refused, area, check, field, form, pick } from "./forms.js";
import { failed, fillWith } from "./tab.js";
import { guidelines, importer } from "./project_files.js";

const VIEWS = [
  ["blind", "Blind: nobody sees what the model said"],
  ["model", "With the model's order and reasoning"],
];
const SHOWN = [
  ["random", "Shuffled for each person"],
  ["model", "As the model ranked them"],
  ["first_stage", "As the first stage found them"],
];
const DEFAULTS = {
  about: "",
  grades: ["not at all", "touches the topic", "helps", "answers it"],
  overlap: 3,
  depth: 20,
  view: "blind",
  shown: "random",
  gold_share: 0.1,
  audit_share: 0.1,
  tutorial: true,
  lease_minutes: 30,
  licence: "CC0-1.0",
};

const percent = (value) => Math.round(value * 1000) / 10;

/** All fields of a project, filled from `p`. */
function fields(p, withName) {
  return [
    withName ? field({ name: "name", label: "Name", required: true, maxlength: 200, value: p.name ?? "" }) : null,
    area({ name: "about", label: "What it is about", hint: "Annotators read it before they start.", value: p.about, rows: 2 }),
    area({
      name: "grades",
      label: "Grades, one a line, from 0 upwards",
      hint: "The first line is what 0 means.",
      value: p.grades.join("\n"),
      rows: 4,
    }),
    field({
      name: "overlap",
      label: "People per task",
      hint: "Three or more let you measure agreement.",
      type: "number",
      min: 1,
      max: 100,
      value: p.overlap,
    }),
    field({ name: "depth", label: "Passages per task, at most", type: "number", min: 2, max: 200, value: p.depth }),
    pick({
      name: "view",
      label: "What annotators see of the model",
      hint: "A shown order pulls people towards it. Blind is the safe choice.",
      choices: VIEWS,
      value: p.view,
    }),
    pick({
      name: "shown",
      label: "Order in which passages are shown",
      hint: "Shuffling lets position bias be seen.",
      choices: SHOWN,
      value: p.shown,
    }),
    field({
      name: "gold_share",
      label: "Tasks with a known answer, in per cent",
      hint: "Mixed in unannounced, to see how careful people are.",
      type: "number",
      min: 0,
      max: 90,
      step: 0.1,
      value: percent(p.gold_share),
    }),
    field({
      name: "audit_share",
      label: "Tasks drawn at random, in per cent",
      hint: "They keep statistics unbiased; the rest goes where most is to be learnt.",
      type: "number",
      min: 0,
      max: 100,
      step: 0.1,
      value: percent(p.audit_share),
    }),
    check({ name: "tutorial", label: "Start everybody with five tutorial tasks", value: p.tutorial }),
    field({
      name: "lease_minutes",
      label: "Minutes a task is kept for one person",
      hint: "After that somebody else may get it; saved work is never lost.",
      type: "number",
      min: 1,
      max: 10080,
      value: p.lease_minutes,
    }),
    field({
      name: "licence",
      label: "Licence of the judgements",
      hint: "An SPDX name; it goes into every export.",
      maxlength: 200,
      value: p.licence,
    }),
  ].filter(Boolean);
}

function wire(values) {
  const grades = values.grades
    .split("\n")
    .map((g) => g.trim())
    .filter(Boolean);
  if (grades.length < 2) throw new Refused("Grades: name at least two, one on each line.");
  return { ...values, grades, gold_share: values.gold_share / 100, audit_share: values.audit_share / 100 };
}

/** The list of projects, and the way to a new one. */
export function projects(say) {
  const box = h("section", { "data-testid": "projects" });
  const load = () =>
    fillWith(box, async () => {
      const found = (await get("projects")).projects;
      return [
        h(
          "header",
          { class: "bar" },
          h("h2", null, "Projects"),
          h("span", { class: "grow" }),
          h(
            "button",
            { type: "button", class: "quiet strong", "data-testid": "project-new", onclick: () => box.replaceChildren(create(load, open)) },
            "New project",
          ),
        ),
        found.length
          ? h(
              "ul",
              { class: "cardlist" },
              found.map((p) => h("li", { class: "panel" }, card(p, open))),
            )
          : h(
              "p",
              { class: "empty" },
              "There is no project yet. A project is a set of questions with their passages that people judge under the same rules.",
            ),
      ];
    });
  const open = (p) => {
    box.replaceChildren(project(p, load, say));
    box.querySelector("h2").focus();
  };
  load();
  return box;
}

const share = (p) => (p.tasks ? Math.round((100 * p.judged) / p.tasks) : 0);

function card(p, open) {
  return h(
    "button",
    { type: "button", class: "rowbutton", "data-testid": "project-item", onclick: () => open(p) },
    h("span", { class: "q", dir: "auto" }, p.name),
    h("span", { class: "meta" }, `${p.judged} of ${count(p.tasks, "task")} judged by ${p.overlap} · ${p.view} · ${p.state}`),
    meter(p),
  );
}

const meter = (p) => {
  const bar = h("span", { class: "meter", role: "img", "aria-label": `${share(p)} per cent of the tasks are judged` }, h("span", null));
  bar.firstChild.style.setProperty("width", `${share(p)}%`);
  return bar;
};

function back(to) {
  return h("button", { type: "button", class: "quiet", "data-testid": "project-back", onclick: to }, "← All projects");
}

function create(load, open) {
  return h(
    "section",
    null,
    h("p", { class: "row" }, back(load)),
    h("h2", { tabindex: "-1" }, "New project"),
    form({
      testid: "project-form",
      label: "Make the project",
      grid: true,
      fields: [
        ...fields(DEFAULTS, true),
        area({
          name: "guidelines",
          label: "Guidelines (Markdown)",
          hint: "Left empty, a sensible text of ours is used; you can change it afterwards.",
          rows: 8,
        }),
      ],
      act: async ({ guidelines: text, ...values }) => {
        const made = await post("projects", { ...wire(values), ...(text.trim() ? { guidelines: text } : {}) });
        open(made.project ?? made);
      },
    }),
  );
}

function project(p, load, say) {
  const told = h("p", { class: "save-state", role: "status", "data-testid": "project-saved" });
  const flip = async () => {
    try {
      await post(`projects/${encodeURIComponent(p.id)}`, { state: p.state === "open" ? "closed" : "open" }, { method: "PATCH" });
      load();
    } catch (error) {
      told.replaceChildren(failed(error));
    }
  };
  const rules = form({
    testid: "project-form",
    label: "Save the rules",
    grid: true,
    fields: fields(p, true),
    act: async (values) => {
      Object.assign(p, await post(`projects/${encodeURIComponent(p.id)}`, wire(values), { method: "PATCH" }));
      told.textContent = "Saved.";
      say("The project was saved.");
    },
  });
  return h(
    "section",
    { class: "project-edit" },
    h(
      "p",
      { class: "row" },
      back(load),
      h("span", { class: "grow" }),
      h(
        "button",
        { type: "button", class: "quiet", "data-testid": "project-state", onclick: flip },
        p.state === "open" ? "Close the project" : "Open it again",
      ),
    ),
    h("h2", { tabindex: "-1", dir: "auto" }, p.name),
    h(
      "p",
      { class: "meta" },
      `${p.judged} of ${count(p.tasks, "task")} have their ${count(p.overlap, "judgement")}. Made ${moment(p.created)}.`,
    ),
    meter(p),
    h("details", { class: "fold", open: !p.tasks }, h("summary", null, "Add tasks from a file"), importer(p, say)),
    h("details", { class: "fold" }, h("summary", null, "Guidelines"), guidelines(p, say)),
    h("details", { class: "fold" }, h("summary", null, "Rules"), rules, told),
  );
}
