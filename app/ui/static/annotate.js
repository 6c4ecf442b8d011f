// <rr-annotate>: the second tab: correct the order, the grades and the cause of one run.

import { h, announcer, moment } from "./dom.js";
import { ApiError, get } from "./api.js";
import { adopt } from "./sheets.js";
import { currentRun, goTo, setRun, studio } from "./state.js";
import { byId } from "./run.js";
import { Judgement } from "./judgement.js";
import { Saver, flush } from "./saver.js";
import { fillHistory } from "./history.js";
import { help } from "./keys.js";
import { panel } from "./claims.js";
import { conflict } from "./conflict.js";
import { badge } from "./facts.js";
import "./ranker.js";

const NARROW = matchMedia("(max-width: 900px)");

class Annotate extends HTMLElement {
  connectedCallback() {
    if (this.stage) return;
    const root = adopt(this);
    this.live = announcer();
    this.stage = h("div", { class: "stage" });
    this.history = h("section", { class: "history" });
    root.append(this.stage, this.history, this.live.el);
    this.addEventListener("keydown", (e) => this.keys(e));
    studio.addEventListener("run", (e) => {
      if (e.detail !== this.token) this.forget();
      this.wake();
    });
    // Gradio keeps the panels of other tabs in the page without a size; the first size means the tab was opened.
    new ResizeObserver(() => this.wake()).observe(this);
    flush(currentRun());
    addEventListener("online", () => flush(this.token));
    addEventListener("beforeunload", (e) => {
      if (this.saver?.status?.state === "refused") e.preventDefault();
    });
  }

  wake() {
    if (!this.offsetWidth) {
      this.seen = false;
      return;
    }
    if (this.seen && this.token) return;
    this.seen = true;
    const token = currentRun();
    if (token && (token !== this.token || !this.run?.order)) this.open(token);
    else if (!token) this.empty("Ask something first: a ranking is corrected here.");
    this.mine();
  }

  forget() {
    this.saver?.close();
    Object.assign(this, { token: "", saver: null, run: null });
  }

  empty(text) {
    this.stage.replaceChildren(
      h(
        "div",
        { class: "empty big" },
        h("h2", null, "Nothing to correct yet"),
        h("p", null, text),
        h("button", { type: "button", class: "primary", onclick: () => goTo("explore") }, "Ask a question"),
      ),
    );
  }

  async open(token) {
    this.forget();
    this.token = token;
    try {
      const run = await get(`runs/${encodeURIComponent(token)}`);
      if (this.token !== token) return;
      if (run.state === "running") {
        this.empty("The model is still writing. Its ranking can be corrected as soon as it is finished.");
        this.token = "";
        setTimeout(() => {
          this.seen = false;
          this.wake();
        }, 1500);
        return;
      }
      await this.layout(run);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.token = "";
      this.empty(error.message);
    }
  }

  async layout(run) {
    this.run = run;
    this.passages = byId(run);
    const shown = run.order?.length ? run.order : run.passages.map((p) => p.id);
    this.judgement = new Judgement(shown);
    this.saver = new Saver(run.token, this.judgement);
    this.saver.addEventListener("status", (e) => this.status(e.detail));
    this.saver.addEventListener("saved", () => this.mine());
    this.ranker = h("rr-ranker");
    this.focusPanel = h(
      "div",
      { class: "panel focusbox", "data-testid": "focus" },
      h("p", { class: "empty" }, "Choose a passage to read it whole and to see what the model said of it."),
    );
    this.state = h("p", { class: "save-state", role: "status", "aria-live": "polite", "data-testid": "save-state" });
    this.clash = h("div", null);
    this.undo = h("button", { type: "button", class: "quiet", "data-testid": "undo", onclick: () => this.judgement.undo() }, "Undo");
    this.redo = h("button", { type: "button", class: "quiet", "data-testid": "redo", onclick: () => this.judgement.redo() }, "Redo");
    this.stage.replaceChildren(
      h(
        "header",
        { class: "task" },
        h(
          "p",
          { class: "meta" },
          "Correcting ",
          h("b", null, run.model_label || run.model),
          " ",
          badge(run.outcome, run.state),
          " ",
          moment(run.created),
        ),
        h("h2", { dir: "auto" }, run.query),
      ),
      h(
        "div",
        { class: "savebar" },
        this.undo,
        this.redo,
        this.state,
        h("span", { class: "grow" }),
        h("button", { type: "button", class: "primary", "data-testid": "save", onclick: () => this.saver.queue("submitted") }, "Save"),
      ),
      this.clash,
      h("div", { class: "split wide" }, h("div", null, help(), this.ranker), h("aside", null, this.opinion(), this.focusPanel)),
    );
    this.ranker.show(this.judgement, this.passages, this.live.say);
    this.ranker.addEventListener("focus-passage", (e) => {
      if (!NARROW.matches) this.focusOn(e.detail);
    });
    this.ranker.addEventListener("read", (e) => this.readHere(e.detail, e.target));
    this.judgement.addEventListener("change", () => this.sync());
    // Nothing can be touched before what was saved earlier is here: it would be judged against the wrong version, or overwritten.
    this.stage.classList.add("opening");
    try {
      await this.saver.open();
    } finally {
      this.stage.classList.remove("opening");
    }
    this.sync();
  }

  opinion() {
    this.disagree = h("input", {
      type: "checkbox",
      id: "rr-disagree",
      "data-testid": "disagree",
      onchange: () => this.judgement.set({ disagree: this.disagree.checked }),
    });
    this.note = h("textarea", {
      id: "rr-note",
      rows: 3,
      dir: "auto",
      "data-testid": "note",
      placeholder: "What went wrong, and what should have counted?",
      oninput: () => this.judgement.set({ note: this.note.value }),
    });
    return h(
      "div",
      { class: "panel" },
      h("label", { class: "check", for: "rr-disagree" }, this.disagree, h("span", null, "I disagree with this ranking")),
      h("label", { for: "rr-note" }, "Reason"),
      this.note,
    );
  }

  /** On a narrow screen there is no room beside the list, so a passage opens where it stands. */
  readHere(pid, row) {
    const open = this.focusPanel.parentElement === row;
    if (open) this.focusPanel.remove();
    else row.append(this.focusPanel);
    this.pid = "";
    this.focusOn(pid);
  }

  focusOn(pid) {
    if (pid === this.pid) return;
    this.pid = pid;
    this.focusPanel.replaceChildren(panel(this.run, this.passages.get(pid), this.judgement, this.judgement.ranks().get(pid)));
  }

  sync() {
    const { now, past, future } = this.judgement;
    this.undo.disabled = !past.length;
    this.redo.disabled = !future.length;
    this.disagree.checked = now.disagree;
    if (this.note.value !== now.note) this.note.value = now.note;
    if (this.pid && !this.focusPanel.contains(this.shadowRoot.activeElement)) {
      const { pid } = this;
      this.pid = "";
      this.focusOn(pid);
    }
  }

  status({ state, message }) {
    this.state.className = `save-state ${state}`;
    this.state.textContent = message;
    const theirs = state === "conflict" && this.saver.theirs;
    this.clash.replaceChildren(
      ...(theirs ? [conflict(this.judgement.wire(), theirs, this.passages, (mine) => this.saver.settle(mine))] : []),
    );
  }

  keys(event) {
    if (!(event.ctrlKey || event.metaKey) || !this.saver || this.stage.classList.contains("opening")) return;
    const key = event.key.toLowerCase();
    const typing = event.composedPath()[0].matches?.("textarea, input");
    if (key === "s") {
      event.preventDefault();
      this.saver.queue("submitted");
    } else if (typing) return;
    else if (key === "z" && !event.shiftKey) {
      event.preventDefault();
      this.judgement.undo();
      this.live.say("Undone.");
    } else if (key === "y" || (key === "z" && event.shiftKey)) {
      event.preventDefault();
      this.judgement.redo();
      this.live.say("Redone.");
    }
  }

  async mine() {
    await fillHistory(this.history, this.token, (token) => this.choose(token));
  }

  choose(token) {
    setRun(token);
    studio.dispatchEvent(new CustomEvent("open", { detail: token }));
    this.open(token);
    this.scrollIntoView({ block: "start" });
  }
}

customElements.define("rr-annotate", Annotate);
