// One list on the desk of one person: a run to correct, or a task of a project. It is told what it shows and says when it is done.

import { h } from "./dom.js";
import { bar } from "./bar.js";
import { Cause } from "./cause.js";
import { panel } from "./claims.js";
import { conflict } from "./conflict.js";
import { feedback } from "./feedback.js";
import { guidelines } from "./guidelines.js";
import { Judgement } from "./judgement.js";
import { keysDialog } from "./keys.js";
import { Lease } from "./lease.js";
import { opinion } from "./opinion.js";
import { outbox } from "./outbox.js";
import { reasoning } from "./reasoning.js";
import { Saver } from "./saver.js";
import { fillVersions } from "./versions.js";
import "./ranker.js";

const NARROW = matchMedia("(max-width: 900px)");
const GRADES = ["not at all", "touches the topic", "helps", "answers it"];
const DONE = new Set(["submitted", "skipped", "flagged", "cannot_judge"]);

/**
 * `given`: {target, query, passages (Map by id), shown (ids), run (or null: blind), task (T or null), head (nodes above the bar)}.
 * Fires `saved`; `done` with {state, feedback}, once what the person asked for is saved; and `later`.
 */
export class Desk extends EventTarget {
  constructor(given, live) {
    super();
    Object.assign(this, given, { live, pid: "", leaving: "" });
    this.grades = this.task?.project.grades?.length ? this.task.project.grades : GRADES;
    this.judgement = new Judgement(this.shown);
    this.saver = new Saver(this.target, this.judgement);
    this.saver.addEventListener("status", (e) => this.status(e.detail));
    this.saver.addEventListener("saved", (e) => this.saved(e.detail));
    this.judgement.addEventListener("change", () => this.sync());
    this.build();
  }

  build() {
    this.guide = guidelines(this.task?.guidelines, this.task?.consent);
    this.bar = bar({ query: this.query, task: Boolean(this.task), guided: Boolean(this.guide) }, (what) => this.act(what));
    this.opinion = opinion(this.judgement, Boolean(this.run));
    this.trace = reasoning(this.run, (pid) => this.goTo(pid));
    this.ranker = h("rr-ranker");
    this.keys = keysDialog({ grades: this.grades, task: Boolean(this.task) });
    this.clash = h("div", null);
    this.lapsed = h("p", { class: "lapsed", role: "status", hidden: true, "data-testid": "lease" });
    this.focusPanel = h(
      "div",
      { class: "panel focusbox", "data-testid": "focus" },
      h("p", { class: "empty" }, `Choose a passage to read it whole${this.run ? " and to see what the model said of it" : ""}.`),
    );
    this.versionList = h("div", null);
    this.versions = h("details", { class: "panel versions", "data-testid": "versions" }, h("summary", null, "Versions"), this.versionList);
    this.versions.addEventListener("toggle", () => this.versions.open && this.fillVersions());
    const aside = h("aside", null, this.focusPanel, this.guide?.el, this.opinion.el, this.trace?.el, this.versions);
    const split = h("div", { class: "split wide" }, h("div", null, this.hint(), this.ranker), aside);
    this.el = h("div", { class: "desk" }, this.head, this.bar.el, this.lapsed, this.clash, split, this.keys);
    this.ranker.show(this.judgement, this.passages, this.live.say, this.grades);
    this.ranker.addEventListener("focus-passage", (e) => this.seen(e.detail));
    this.ranker.addEventListener("read", (e) => this.read(e.detail));
    this.ranker.addEventListener("mark", (e) => this.read(e.detail, true));
    if (this.run) this.cause = new Cause(this.run, this.judgement, this.ranker, this.live.say);
    // What scrolls under the bar must stop below it, however many lines it has.
    this.sizes = new ResizeObserver(() => this.el.style.setProperty("--bar", `${this.bar.el.offsetHeight}px`));
    this.sizes.observe(this.bar.el);
  }

  hint() {
    const about = "Drag, use the buttons, or the keyboard: Alt with the arrows moves, ";
    return h("p", { class: "meta hint" }, about, h("kbd", null, "?"), " lists every key. Move the line up to say how far down you judged.");
  }

  /** Nothing can be touched before what was saved earlier is here: it would be judged against the wrong version, or overwritten. */
  async open() {
    this.el.classList.add("opening");
    try {
      await this.saver.open(this.task ? this.task.judgement : undefined);
    } finally {
      this.el.classList.remove("opening");
    }
    if (this.task?.lease_until && !this.saver.corrects) {
      const tell = (text) => {
        this.lapsed.hidden = !text;
        this.lapsed.textContent = text;
      };
      this.lease = new Lease(this.task.assignment, this.task.lease_until, { active: () => this.saver.touched, tell });
    }
    this.versions.open = this.saver.leftovers.length > 0;
    this.sync();
  }

  close() {
    this.closed = true;
    this.lease?.close();
    this.bar.close();
    this.sizes.disconnect();
    return this.saver.close();
  }

  // ---- reading a passage

  seen(pid) {
    this.trace?.about(pid);
    if (!NARROW.matches) this.focusOn(pid);
  }

  /** Opens a passage: beside the list, or on a narrow screen where it stands; `marking` starts with choosing words. */
  read(pid, marking = false) {
    const row = this.ranker.row(pid).el;
    if (NARROW.matches) {
      const open = this.focusPanel.parentElement === row && !marking;
      if (open) this.focusPanel.remove();
      else row.append(this.focusPanel);
      if (open) return;
    }
    this.focusOn(pid);
    if (marking) this.reading.reader.enter();
    else if (!NARROW.matches) this.reading.reader.text.focus();
  }

  focusOn(pid) {
    if (pid === this.pid) return;
    this.pid = pid;
    const { run, judgement } = this;
    this.reading = panel({ run, passage: this.passages.get(pid), judgement, say: this.live.say });
    this.reading.el.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && !e.defaultPrevented) this.ranker.row(pid).el.focus();
    });
    this.focusPanel.replaceChildren(this.reading.el);
  }

  goTo(pid) {
    const row = this.ranker.row(pid)?.el;
    row?.focus();
    row?.scrollIntoView({ block: "center" });
  }

  focusFirst() {
    this.ranker.list.firstElementChild?.focus({ preventScroll: true });
  }

  sync() {
    this.bar.update(this.judgement);
    this.opinion.update();
    this.reading?.update();
  }

  // ---- saving

  act(what) {
    if (this.el.classList.contains("opening")) return;
    if (what === "undo" || what === "redo") this.judgement[what]();
    else if (what === "save") this.submit("submitted");
    else if (what === "keys-button") this.keys.showModal();
    else if (what === "guidelines-button") this.guide.show(NARROW.matches);
    else if (what === "later") this.dispatchEvent(new Event("later"));
    else this.submit(what);
  }

  submit(state) {
    if (this.afterwards) return this.afterwards();
    if (state === "flagged" && !this.judgement.now.note.trim()) {
      this.bar.status({ state: "waiting", message: "Say in the note what is wrong with it, then flag it again." });
      return this.opinion.note.focus();
    }
    this.leaving = state;
    return this.saver.queue(state);
  }

  status(told) {
    this.bar.status(told);
    const theirs = told.state === "conflict" && this.saver.theirs;
    if (theirs && this.clash.dataset.version === String(theirs.version)) return;
    this.clash.dataset.version = theirs ? String(theirs.version) : "";
    const choose = (mine, wire) => this.saver.settle(mine, wire);
    const box = theirs ? conflict(this.judgement.wire(), theirs, this.passages, choose) : null;
    this.clash.replaceChildren(...(box ? [box] : []));
    box?.focus({ preventScroll: true });
    if (box) this.live.say("Two versions: choose what stays.");
  }

  saved(answer) {
    if (this.versions.open) this.fillVersions();
    this.dispatchEvent(new CustomEvent("saved", { detail: answer }));
    const { state } = answer.judgement;
    if (!this.task || !DONE.has(state) || state !== this.leaving) return;
    this.leaving = "";
    this.dispatchEvent(new CustomEvent("done", { detail: { state, feedback: answer.feedback ?? null } }));
  }

  /** After a task of the tutorial: what was expected, and the way on. */
  showFeedback(given, next) {
    const { el, button } = feedback(given, this.judgement.wire(), this.passages, next);
    this.afterwards = next;
    this.bar.say("Next");
    this.clash.replaceChildren(el);
    el.scrollIntoView({ block: "nearest" });
    button.focus({ preventScroll: true });
  }

  fillVersions() {
    const restore = (wire) => {
      this.judgement.restore(wire);
      this.saver.queue(this.saver.corrects ? this.saver.state : this.saver.state || "draft");
      this.live.say("Restored, and saved as a new version.");
    };
    const forget = async (row) => {
      this.saver.leftovers = this.saver.leftovers.filter((x) => x !== row);
      await outbox.forget(row);
      this.fillVersions();
    };
    return fillVersions(this.versionList, { target: this.target, leftovers: this.saver.leftovers, restore, forget });
  }

  // ---- keys for the whole of it

  key(event) {
    if (this.el.classList.contains("opening")) return;
    const key = event.key.toLowerCase();
    const typing = event.composedPath()[0].matches?.("textarea, input:not([type=checkbox]):not([type=radio])");
    const act = event.ctrlKey || event.metaKey ? this.chord(key, event.shiftKey, typing) : event.altKey || typing ? null : this.plain(key);
    if (!act) return;
    event.preventDefault();
    act();
  }

  chord(key, shift, typing) {
    if (key === "enter") return () => this.submit("submitted");
    if (key === "s") return () => (this.task && !this.saver.corrects ? this.saver.queue("draft") : this.submit("submitted"));
    if (typing) return null;
    if (key === "z" && !shift) return () => this.step("undo", "Undone.");
    if (key === "y" || key === "z") return () => this.step("redo", "Redone.");
    return null;
  }

  step(what, said) {
    this.judgement[what]();
    this.live.say(said);
  }

  plain(key) {
    if (key === "?" && !this.keys.open) return () => this.keys.showModal();
    if (key === "g" && this.guide) return () => this.guide.show(NARROW.matches);
    return null;
  }
}
