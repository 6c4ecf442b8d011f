// <rr-explore>: the first tab: ask, watch, compare.

import { h, announcer } from "./dom.js";
import { get, post } from "./api.js";
import { Run } from "./run.js";
import { adopt } from "./sheets.js";
import { linkedRun, setRun, studio, goTo } from "./state.js";
import { facts } from "./facts.js";
import { welcome } from "./welcome.js";
import "./ask.js";
import "./trace.js";
import "./cards.js";
import "./bump.js";
import "./columns.js";
import "./disagree.js";

const VIEWS = [
  ["cards", "Passages"],
  ["bump", "Movement"],
  ["columns", "Side by side"],
];

class Explore extends HTMLElement {
  connectedCallback() {
    if (this.ask) return;
    const root = adopt(this);
    this.ask = h("rr-ask", null);
    this.live = announcer();
    this.stage = h("div", { class: "stage" });
    root.append(this.ask, this.stage, this.live.el);
    document.addEventListener("keydown", (e) => {
      if (this.offsetWidth) this.keys(e);
    });
    this.ask.addEventListener("ask", (e) => this.start(e.detail));
    this.ask.addEventListener("halt", () => this.halt());
    studio.addEventListener("back", (e) => (e.detail ? this.open(e.detail) : this.welcome()));
    studio.addEventListener("open", (e) => this.open(e.detail));
    if (linkedRun()) this.open(linkedRun());
    else this.welcome();
  }

  keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.ask.submit();
    }
    if (event.key === "Escape" && this.run?.live) {
      event.preventDefault();
      this.halt();
    }
  }

  async welcome() {
    this.drop();
    this.ask.compact = false;
    try {
      const { examples } = await get("examples");
      if (this.run) return;
      this.stage.replaceChildren(welcome(examples, (example) => this.ask.take(example.text)));
    } catch (error) {
      this.ask.complain(error.message);
    }
  }

  drop() {
    this.run?.close();
    this.run = null;
    this.ask.running = false;
  }

  async start(body) {
    this.drop();
    this.ask.running = true;
    const searching = h("p", { class: "searching", role: "status" }, "Searching for candidates and weighing the evidence \u2026");
    this.stage.prepend(searching);
    try {
      const { run } = await post("runs", body);
      await this.open(run, true);
    } catch (error) {
      this.ask.running = false;
      this.ask.complain(error.message);
    } finally {
      searching.remove();
    }
  }

  async halt() {
    const { run } = this;
    if (!run?.live) return;
    try {
      await run.stop();
      this.live.say("Stopped.");
    } catch (error) {
      this.ask.complain(error.message);
    }
  }

  /** Opens a run by its token: live where it still runs, else as it was. `fresh` runs are followed from their first event. */
  async open(token, fresh = false) {
    this.drop();
    const run = new Run(token);
    this.run = run;
    this.layout(run);
    run.addEventListener("change", (e) => this.changed(run, e.detail));
    try {
      if (fresh) run.follow();
      else await run.open();
      if (this.run !== run) return run.close();
      setRun(token);
    } catch (error) {
      this.drop();
      this.ask.complain(error.message);
      this.welcome();
    }
  }

  layout(run) {
    this.facts = h("div", { class: "factbox" });
    this.disagree = h("rr-disagree");
    this.trace = h("rr-trace", { "data-testid": "trace" });
    this.views = { cards: h("rr-cards"), bump: h("rr-bump", { hidden: true }), columns: h("rr-columns", { hidden: true }) };
    this.tabs = VIEWS.map(([key, label], i) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `rr-view-${key}`,
          "aria-selected": String(!i),
          tabindex: i ? -1 : 0,
          "data-testid": `view-${key}`,
          onclick: () => this.view(key),
        },
        label,
      ),
    );
    const bar = h(
      "div",
      { class: "bar views" },
      h("div", { class: "switch", role: "tablist", "aria-label": "Views of this run", onkeydown: (e) => this.arrows(e) }, this.tabs),
      h("span", { class: "grow" }),
      h(
        "button",
        { type: "button", class: "quiet strong", "data-testid": "correct", onclick: () => goTo("annotate") },
        "Correct this ranking",
      ),
    );
    for (const [key, el] of Object.entries(this.views)) {
      el.setAttribute("role", "tabpanel");
      el.setAttribute("aria-labelledby", `rr-view-${key}`);
    }
    const main = h("div", { class: "result" }, bar, Object.values(this.views));
    main.addEventListener("pick", (e) => {
      this.view("cards");
      this.views.cards.light(e.detail);
    });
    main.addEventListener("about", (e) => this.trace.mark(e.detail));
    this.trace.addEventListener("hint", (e) => this.views.cards.hint(e.detail));
    this.trace.addEventListener("click", (e) => this.cited(e.target.closest(".cite")));
    this.ask.compact = true;
    this.stage.replaceChildren(this.facts, this.disagree, (this.split = h("div", { class: "split" }, this.trace, main)));
    this.trace.show(run);
    this.views.cards.show(run);
  }

  cited(button) {
    if (!button) return;
    this.view("cards");
    this.views.cards.light(button.dataset.pid);
  }

  arrows(event) {
    const keys = VIEWS.map(([key]) => key);
    const at = keys.findIndex((_, i) => this.tabs[i] === event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    const key = keys[(to + keys.length) % keys.length];
    this.view(key);
    this.tabs[keys.indexOf(key)].focus();
  }

  view(key) {
    VIEWS.forEach(([name], i) => {
      const on = name === key;
      this.views[name].hidden = !on;
      this.tabs[i].setAttribute("aria-selected", String(on));
      this.tabs[i].tabIndex = on ? 0 : -1;
    });
    if (key !== "cards" && this.run) this.views[key].show(this.run);
  }

  changed(run, { what }) {
    if (this.run !== run) return;
    if (what === "start" && run.run) {
      if (!this.ask.query.value || !run.live) this.ask.fill(run.run.query);
      this.live.say(run.live ? "The model is reasoning." : "");
    }
    if (what === "end") this.ended(run);
    this.ask.running = run.live && !run.arrived && !run.gone && run.line !== "lost";
    if (!this.frame)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw(run);
      });
  }

  ended(run) {
    const first = run.run.passages.find((p) => p.id === run.standing?.[0]);
    this.live.say(
      run.run.state === "finished" ? `Done. First now: ${first?.title || "passage " + first?.first_rank}.` : `The run ${run.run.state}.`,
    );
    for (const key of ["bump", "columns"]) if (!this.views[key].hidden) this.views[key].show(run);
  }

  draw(run) {
    if (this.run !== run) return;
    this.trace.draw();
    if (!run.run) return;
    this.views.cards.draw();
    this.split.classList.toggle("alone", run.ended && !run.windows.size);
    const shown = run.ended ? run.run : (run.arrived ?? run.run);
    const stamp = JSON.stringify([shown.token, shown.state, shown.outcome]);
    if (stamp !== this.stamp || !this.facts.childElementCount) this.facts.replaceChildren(facts(shown));
    this.stamp = stamp;
    if (run.ended && run.run.state === "finished") this.disagree.show(run.run, this.live.say);
  }
}

customElements.define("rr-explore", Explore);
