// <rr-review>: the tab Review: compare what people and models said of a task, decide, and see how good the judges are.

import { h, count } from "./dom.js";
import { get } from "./api.js";
import { gate } from "./me.js";
import { studio, takeTask } from "./state.js";
import { Tab, fillWith, switcher } from "./tab.js";
import { table } from "./forms.js";
import { agreement } from "./agreement.js";
import { annotators } from "./quality.js";
import { objections } from "./objections.js";
import { reviewTask } from "./review_task.js";

class Review extends Tab {
  connectedCallback() {
    super.connectedCallback();
    studio.addEventListener("review", () => {
      if (this.entered) this.take();
    });
  }

  async enter(now) {
    const closed = gate(now, "reviewer", "Reviewing");
    if (closed) return this.body.replaceChildren(closed);
    const { projects } = await get("projects");
    this.choice = h(
      "select",
      { "aria-label": "Project", "data-testid": "review-project", onchange: () => this.views.show(this.views.shown) },
      projects.map((p) => h("option", { value: p.id }, p.name)),
    );
    const of = (build) => () => (projects.length ? build(this.choice.value) : nothing());
    this.views = switcher(
      "Review",
      [
        ["tasks", "Tasks", of((id) => this.tasks(id))],
        ["agreement", "Agreement", of((id) => agreement(id))],
        ["annotators", "Annotators", of((id) => annotators(id, (text) => this.say(text)))],
        ["objections", "Objections", () => objections((text) => this.say(text))],
      ],
      "review",
    );
    this.body.replaceChildren(projects.length ? h("div", { class: "row project-choice" }, this.choice) : "", this.views.el);
    this.views.show("tasks");
    this.take();
  }

  /** Opens the task that somebody pointed at elsewhere on the page. */
  take() {
    const id = takeTask();
    if (id && this.views) this.task(id);
  }

  tasks(project) {
    const box = h("section", null);
    fillWith(box, async () => list((await get(`projects/${encodeURIComponent(project)}/review`)).tasks, (id) => this.task(id)));
    return box;
  }

  async task(id) {
    const box = this.views.box;
    const back = h(
      "button",
      { type: "button", class: "quiet", "data-testid": "review-back", onclick: () => this.views.show("tasks") },
      "← All tasks",
    );
    const inside = h("div", null);
    box.replaceChildren(h("p", { class: "row" }, back), inside);
    await fillWith(inside, async () =>
      reviewTask(
        await get(`tasks/${encodeURIComponent(id)}/review`),
        (text) => this.say(text),
        () => this.task(id),
      ),
    );
    box.querySelector("h2")?.focus();
  }
}

const nothing = () => h("p", { class: "empty" }, "There is no project yet. An admin makes one in the tab Manage.");

/** How far people are apart, as a word, a bar and a number. */
function apart(value) {
  if (value === null || value === undefined) return h("span", { class: "meta" }, "one judge");
  const bar = h("span", { class: "meter small", "aria-hidden": "true" }, h("span", null));
  bar.firstChild.style.setProperty("width", `${Math.round(value * 100)}%`);
  return h("span", { class: "apart" }, bar, value.toFixed(2));
}

function list(tasks, open) {
  if (!tasks.length) return h("p", { class: "empty" }, "This project has no tasks yet.");
  const judged = tasks.filter((t) => t.judgements);
  const open1 = (t) =>
    h("button", { type: "button", class: "link q", "data-testid": "review-item", onclick: () => open(t.task) }, h("bdi", null, t.query));
  const marks = (t) =>
    [
      t.adjudicated ? h("span", { class: "badge good" }, "decided") : null,
      t.flagged ? h("span", { class: "badge warn" }, `${t.flagged} flagged`) : null,
      t.gold ? h("span", { class: "badge" }, "known answer") : null,
      t.holdout ? h("span", { class: "badge" }, "held out") : null,
    ].filter(Boolean);
  return [
    h(
      "p",
      { class: "help" },
      `${count(tasks.length, "task")}, ${judged.length} judged by somebody. Those furthest apart come first: 0 is one order, 1 reversed.`,
    ),
    table({
      caption: "Tasks by disagreement",
      head: ["Question", "People", "Models", "Apart", "Marks"],
      testid: "review-tasks",
      rows: tasks.map((t) => [open1(t), String(t.judgements), String(t.models ?? 0), apart(t.disagreement), marks(t)]),
    }),
  ];
}

customElements.define("rr-review", Review);
