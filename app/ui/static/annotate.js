// <rr-annotate>: the second tab. Home with one's projects, a project's tasks one after the other, or the correction of one run.

import { h, announcer, moment } from "./dom.js";
import { ApiError, get, post } from "./api.js";
import { adopt } from "./sheets.js";
import { goTo, setRun, studio } from "./state.js";
import { byId } from "./run.js";
import { Desk } from "./desk.js";
import { outbox } from "./outbox.js";
import { fillHistory } from "./history.js";
import { fillProjects } from "./projects.js";
import { linked, place, setPlace } from "./place.js";
import { badge } from "./facts.js";

const AGAIN_MS = 1500; // how often a run that is still being written is looked at

class Annotate extends HTMLElement {
  connectedCallback() {
    if (this.stage) return;
    const root = adopt(this);
    this.live = announcer();
    this.home = this.button("‹ All projects", "quiet", "home", () => this.goHome());
    this.stage = h("div", { class: "stage" });
    this.projects = h("section", { class: "projectlist" });
    this.history = h("section", { class: "history" });
    root.append(h("nav", { class: "crumbs", "aria-label": "Annotate" }, this.home), this.stage, this.projects, this.history, this.live.el);
    this.addEventListener("keydown", (e) => this.desk?.key(e));
    studio.addEventListener("run", (e) => {
      if (this.at?.run !== e.detail) this.leave();
      setPlace({ run: e.detail });
      this.wake();
    });
    // Gradio keeps the panels of other tabs in the page without a size; the first size means the tab was opened.
    new ResizeObserver(() => this.wake()).observe(this);
    outbox.addEventListener("sent", () => {
      if (this.seen && !this.history.hidden) fillHistory(this.history, this.at?.run, (to) => this.choose(to));
    });
    outbox.ready().then(() => outbox.drain());
    addEventListener("beforeunload", (e) => {
      if (outbox.unstored) e.preventDefault();
    });
  }

  button(label, kind, id, act) {
    return h("button", { type: "button", class: kind, "data-testid": id, onclick: act }, label);
  }

  wake() {
    if (!this.offsetWidth) {
      this.seen = false;
      return;
    }
    if (this.seen && this.at) return;
    this.seen = true;
    if (this.at) return;
    this.open(place());
  }

  /** Leaves what is on the desk; what is not saved goes on in the background. */
  leave() {
    const done = this.desk?.close();
    Object.assign(this, { desk: null, at: null });
    return done;
  }

  async open(where, first = true) {
    this.leave();
    this.at = where;
    this.home.hidden = true;
    this.projects.hidden = false;
    try {
      if (where.assignment) await this.task(await get(`assignments/${encodeURIComponent(where.assignment)}`), "", where);
      else if (where.project) await this.next(where, !first);
      else if (where.run) await this.run(where);
      else this.empty("Nothing to correct yet", "Ask something first: a ranking is corrected here.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.at !== where) return;
      this.at = null;
      this.empty("That can't be opened", error.message);
    }
    if (this.at === null || this.at === where) this.lists();
  }

  /** Projects and one's own judgements, below whatever is open. */
  async lists() {
    const chosen = (where) => this.choose(where);
    const inTask = Boolean(this.at?.project || this.at?.assignment);
    this.home.hidden = !inTask;
    this.projects.hidden = inTask;
    this.history.hidden = inTask;
    if (inTask) return;
    const some = await fillProjects(this.projects, {
      work: (p) => chosen({ project: p.id }),
      again: (assignment) => chosen({ assignment }),
    });
    if (some && !this.desk && !linked() && this.at && !this.at.run) this.stage.replaceChildren();
    await fillHistory(this.history, this.at?.assignment ?? this.at?.run, chosen);
  }

  choose(where) {
    if (where.run) {
      setRun(where.run);
      studio.dispatchEvent(new CustomEvent("open", { detail: where.run }));
    }
    setPlace(where);
    if (this.at?.run !== where.run || !where.run) this.open(where, false);
    this.scrollIntoView({ block: "start" });
  }

  goHome() {
    setPlace({});
    this.open({}, false);
    this.live.say("All projects.");
  }

  empty(title, text, button = null) {
    const ask = h("button", { type: "button", class: "primary", onclick: () => goTo("explore") }, "Ask a question");
    this.stage.replaceChildren(h("div", { class: "empty big" }, h("h2", null, title), h("p", null, text), button ?? ask));
  }

  // ---- one run

  async run(where) {
    const run = await get(`runs/${encodeURIComponent(where.run)}`);
    if (this.at !== where) return;
    if (run.state === "running") {
      this.empty("Nothing to correct yet", "The model is still writing. Its ranking can be corrected as soon as it is finished.");
      this.at = null;
      setTimeout(() => {
        this.seen = false;
        this.wake();
      }, AGAIN_MS);
      return;
    }
    const meta = ["Correcting ", h("b", null, run.model_label || run.model), " ", badge(run.outcome, run.state), " ", moment(run.created)];
    const shown = run.order?.length ? run.order : run.passages.map((p) => p.id);
    const head = h("p", { class: "meta" }, meta);
    await this.present({ target: { run: run.token }, query: run.query, passages: byId(run), shown, run, task: null, head }, where);
  }

  // ---- tasks

  /** The next task of a project; `focus` puts the focus on its first passage, for those who work on without a mouse. */
  async next(where, focus = true) {
    const answer = await post(`projects/${encodeURIComponent(where.project)}/next`);
    if (this.at !== where) return;
    if (answer.task) {
      await this.task(answer.task, left(answer.left), where);
      if (focus) this.desk?.focusFirst();
      return;
    }
    const back = this.button("All projects", "primary", "all-projects", () => this.goHome());
    this.empty("Nothing left for you here", answer.why || "Every task has been judged by as many people as were asked for.", back);
    if (focus) back.focus();
  }

  async task(task, then, where) {
    const run = task.project.view === "model" && task.run ? await get(`runs/${encodeURIComponent(task.run)}`) : null;
    if (this.at !== where) return;
    const passages = new Map(task.passages.map((p, i) => [p.id, { ...p, place: i + 1 }]));
    const shown = task.shown_order?.length ? task.shown_order : [...passages.keys()];
    const example = task.kind === "tutorial" ? [h("span", { class: "badge" }, "example"), " "] : [];
    const model = run ? [" · ranked by ", h("b", null, task.model || run.model_label || run.model)] : [];
    const head = h("p", { class: "meta" }, example, h("b", { dir: "auto" }, task.project.name), model);
    await this.present({ target: { assignment: task.assignment }, query: task.query, passages, shown, run, task, head }, where);
    this.desk?.bar.progress([numbered(task), then].filter(Boolean).join(" · "));
  }

  async present(given, where) {
    this.desk?.close();
    const desk = new Desk(given, this.live);
    this.desk = desk;
    desk.addEventListener("done", (e) => this.done(e.detail, where));
    desk.addEventListener("later", () => this.later(given.task, where));
    this.stage.replaceChildren(desk.el);
    await desk.open();
  }

  /** What the person asked for is saved: feedback first where there is some, then the next task. */
  done({ feedback }, where) {
    const project = this.desk.task.project.id;
    const go = () => {
      setPlace({ project });
      this.onwards({ project });
    };
    if (this.at !== where) return;
    if (feedback) this.desk.showFeedback(feedback, go);
    else go();
  }

  async onwards(where) {
    await this.open(where, false);
    this.scrollIntoView({ block: "start" });
  }

  async later(task, where) {
    await this.leave(); // what was begun is saved first, and still there when the task comes back
    this.at = where;
    try {
      await post(`assignments/${encodeURIComponent(task.assignment)}/later`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.live.say(error.message);
    }
    this.onwards({ project: task.project.id });
  }
}

const numbered = ({ kind, number, of }) => (number && of ? `${kind === "tutorial" ? "Example" : "Task"} ${number} of ${of}` : "");
const left = (n) => (n > 0 ? `${n.toLocaleString("en")} left after this` : "");

customElements.define("rr-annotate", Annotate);
