// <rr-trace>: what the model writes, call by call. Sentences where the server renders them, the raw text always.

import { h, seconds, count } from "./dom.js";
import { CallTabs, stateOf, tally } from "./calls.js";
import { range } from "./cost.js";
import { FORCED, cited, name, problemsText, sentence } from "./words.js";
import { byId } from "./run.js";

const PANEL = "rr-call";

class Trace extends HTMLElement {
  constructor() {
    super();
    this.raw = false;
    this.sections = new Map();
  }

  connectedCallback() {
    if (this.list) return;
    this.list = h("div", { class: "calls", id: PANEL });
    this.tabs = new CallTabs(PANEL, (window) => this.open(window));
    this.skip = h(
      "button",
      { type: "button", class: "quiet", hidden: true, "data-testid": "skip", onclick: () => this.run?.skip() },
      "Skip to the end",
    );
    this.toggle = h(
      "button",
      { type: "button", class: "quiet", "aria-pressed": "false", hidden: true, "data-testid": "raw", onclick: () => this.flip() },
      "Raw trace",
    );
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite", "data-testid": "status" });
    // Beside the status, not in it: it changes with every call, and nobody wants to hear that.
    this.progress = h("p", { class: "meta progress", hidden: true, "data-testid": "progress" });
    this.append(
      h("header", { class: "bar" }, h("h2", null, "Reasoning"), h("span", { class: "grow" }), this.tabs.follow, this.skip, this.toggle),
      this.status,
      this.progress,
      this.tabs.list,
      this.list,
    );
    this.addEventListener("pointerover", (e) => this.hint(e));
    this.addEventListener("focusin", (e) => this.hint(e));
  }

  show(run) {
    this.run = run;
    this.shown = null;
    this.sections.clear();
    this.tabs.clear();
    this.list.replaceChildren();
  }

  hint(event) {
    const pid = event.target.closest?.(".cite")?.dataset.pid;
    this.dispatchEvent(new CustomEvent("hint", { detail: pid ?? null, bubbles: true }));
  }

  flip() {
    this.raw = !this.raw;
    this.toggle.setAttribute("aria-pressed", String(this.raw));
    for (const section of this.sections.values()) section.drawn = -1;
    this.draw();
  }

  /** Redraws what changed; called once a frame at most. Only the call on screen has its text in the page. */
  draw() {
    const { run } = this;
    if (!run?.run) return;
    if (this.sections.size > run.windows.size) this.show(run);
    if (this.titles?.for !== run.run.token)
      this.titles = Object.assign(new Map([...byId(run.run)].map(([id, p]) => [id, name(p)])), { for: run.run.token });
    this.told = [...run.windows.values()].some(worded);
    this.toggle.hidden = !this.told;
    this.skip.hidden = !run.revealing;
    const many = run.planned > 1 || run.windows.size > 1;
    this.tabs.list.hidden = !many || !run.windows.size;
    this.tabs.follow.hidden = !many || !run.live;
    this.open(many ? this.tabs.draw(run.windows) : run.windows.keys().next().value, many);
    this.says(many);
  }

  says(many) {
    const { run } = this;
    const calls = run.windows.size;
    let text = "";
    if (run.gone) text = run.gone;
    else if (run.line === "lost")
      text = "Connection lost, trying again. What has arrived stays; the rest follows as soon as the server answers.";
    else if (run.revealing) text = `The model finished in ${seconds(run.arrived.seconds)}; what it wrote is shown at reading pace.`;
    else if (run.live && !calls) text = "Finding passages and waiting for the model…";
    else if (run.live) text = "Thinking…";
    else if (run.run.state === "stopped") text = "Stopped. What had been written until then is kept.";
    else if (run.run.state === "failed") text = run.run.error || "The run failed and did not say why.";
    else if (!calls) text = "No model was asked: this order comes from the scores alone.";
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.hidden = !text;
    this.status.classList.toggle("warn", run.line === "lost" || Boolean(run.gone) || run.run.state === "failed");
    this.status.classList.toggle("thinking", run.live && run.line !== "lost");
    this.progress.hidden = !many || !calls;
    const planned = run.run.predicted?.calls ?? [run.planned, run.planned];
    const of = run.live && planned[1] ? ` of ${range(planned)}` : "";
    const newest = Math.max(...[...run.windows.values()].map((w) => w.number));
    const told = `${run.live ? `Call ${newest}${of}` : count(calls, "call")}: ${tally(run.windows.values())}.`;
    if (!this.progress.hidden && this.progress.textContent !== told) this.progress.textContent = told;
  }

  /** Puts a call on screen, and what is new in it. */
  open(window, many = true) {
    const w = this.run.windows.get(window);
    if (!w) return;
    const sec = this.sections.get(window) ?? this.section(w, many);
    const other = this.shown !== window;
    this.shown = this.run.watched = window;
    if (other) this.list.replaceChildren(sec.el);
    if (many) {
      for (const [key, value] of Object.entries({ role: "tabpanel", tabindex: 0, "aria-labelledby": `rr-call-${w.number}` }))
        this.list.setAttribute(key, value);
    }
    this.fill(sec, w);
    if (other) this.list.scrollTop = w.live ? this.list.scrollHeight : 0;
  }

  fill(sec, w) {
    const told = this.told && !this.raw;
    const lines = [problemsText(w.outcome, w.problems), w.error ?? ""].filter(Boolean).join(" ");
    for (const [el, text] of [
      [sec.meta, meta(w)],
      [sec.problems, lines],
      [sec.forced, forcedText(w.forced)],
    ]) {
      el.hidden = !text;
      if (el.textContent !== text) el.textContent = text;
    }
    const size = told ? w.sentences.length : `${w.reasoning?.length} ${w.answer?.length} ${w.live}`;
    if (sec.drawn === size && sec.told === told) return;
    const follow = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    if (told) this.sentences(sec, w);
    else this.text(sec, w);
    Object.assign(sec, { drawn: size, told });
    if (follow && this.run.live) this.list.scrollTop = this.list.scrollHeight;
  }

  section(w, many) {
    const sec = {
      meta: h("span", { class: "meta", "data-testid": "call-meta" }),
      body: h("div", { class: "said" }),
      problems: h("p", { class: "problem", hidden: true, "data-testid": "call-problems" }),
      forced: h("p", { class: "problem", hidden: true, "data-testid": "call-forced" }),
      drawn: -1,
      told: null,
    };
    const title = many ? `Call ${w.number}` : "The model's reasoning";
    sec.el = h(
      "section",
      { class: "call", "data-testid": "call", "data-window": w.window },
      h("p", { class: "callhead" }, h("b", null, title), " ", sec.meta),
      sec.problems,
      sec.forced,
      sec.body,
    );
    this.sections.set(w.window, sec);
    return sec;
  }

  sentences(sec, w) {
    if (sec.told !== true || sec.drawn > w.sentences.length || !this.run.live) {
      sec.body.replaceChildren();
      sec.drawn = 0;
    }
    const grades = new Map((w.claims ?? []).map((c) => [c.id, c]));
    for (let i = Math.max(0, sec.drawn); i < w.sentences.length; i += 1) {
      const { claim, parts } = w.sentences[i];
      const of = grades.get(claim);
      const ids = parts.filter((p) => p.cite !== undefined).map((p) => p.cite);
      sec.body.append(
        h(
          "p",
          { class: `sentence ${of?.polarity ?? ""}`, dir: "auto", "data-claim": claim, "data-cites": JSON.stringify(ids) },
          sentence(parts, this.titles),
        ),
      );
    }
  }

  /** Appends only what is new, so that focus and selection in what was already written survive. */
  text(sec, w) {
    if (sec.told !== false || !sec.reasoning) {
      sec.reasoning = h("p", { class: "raw", dir: "auto", "data-testid": "reasoning" });
      sec.answer = h("p", { class: "raw answer", dir: "auto", "data-testid": "answer" });
      sec.label = h("p", { class: "label", hidden: true }, "Answer");
      sec.body.replaceChildren(sec.reasoning, sec.label, sec.answer);
      sec.shown = { reasoning: 0, answer: 0 };
    }
    for (const channel of ["reasoning", "answer"]) {
      const text = w[channel] ?? "";
      if (text.length < sec.shown[channel]) {
        sec[channel].replaceChildren();
        sec.shown[channel] = 0;
      }
      const half = w.live ? (text.match(/\[\d{0,3}$/)?.[0].length ?? 0) : 0; // a citation may be cut in two by a batch
      const fresh = text.slice(sec.shown[channel], text.length - half);
      if (fresh) sec[channel].append(...cited(fresh, w.passages ?? [], this.titles));
      sec.shown[channel] = text.length - half;
    }
    sec.label.hidden = !w.answer;
  }

  /** Lights the sentences that speak of a passage and the calls that read it; null for none. */
  mark(pid) {
    this.tabs.mark(pid);
    for (const el of this.list.querySelectorAll("[data-cites]"))
      el.classList.toggle("about", pid !== null && JSON.parse(el.dataset.cites).includes(pid));
  }
}

/** What can be said of a call in one line. */
function meta(w) {
  const [, word] = stateOf(w);
  return [
    count(w.passages?.length ?? 0, "passage"),
    w.depth > 1 ? `round ${w.depth}` : "",
    word === "waiting" && w.ahead > 0 ? `waiting behind ${count(w.ahead, "call")}` : word,
    w.cached ? "from the cache" : "",
    !w.live && !w.cached && w.seconds !== undefined ? seconds(w.seconds) : "",
    w.requests > 1 ? count(w.requests, "request") : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

const percent = (share) => `${Math.round(share * 100)} %`;
const given = (value) => value !== null && value !== undefined;

/** Why a trace was closed, how much of it was used, and what its answer kept of the order it was heading for. */
function forcedText(forced) {
  if (!forced) return "";
  const why = FORCED[forced.reason]?.[1] ?? forced.reason;
  if (given(forced.saved_tokens)) {
    const same = given(forced.same_top) ? ` and led to ${percent(forced.same_top)} of the same top places` : "";
    const saved = forced.saved_tokens.toLocaleString("en");
    return `Audit: the trace went on to its end. Closed at ${count(forced.trace_tokens, "token")} it would have saved ${saved}${same}.`;
  }
  const kept = given(forced.kept) ? ` The answer keeps ${percent(forced.kept)} of the top places it had until then.` : "";
  return `${why} ${count(forced.trace_tokens, "token")} of it were used.${kept}`;
}

/** Whether a call's sentences say more than its trace: a model that writes plain language is read as it wrote. Decided once. */
function worded(w) {
  if (!w.sentences?.length) return false;
  const first = w.sentences[0].parts.map((p) => p.text ?? `[${p.number}]`).join("");
  w.worded ??= Boolean(first) && !(w.reasoning ?? "").includes(first.trim());
  return w.worded;
}

customElements.define("rr-trace", Trace);
