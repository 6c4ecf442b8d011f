// <rr-trace>: what the model writes, call by call. Sentences where the server renders them, the raw text always.

import { h, seconds, count } from "./dom.js";
import { cited, sentence, name, OUTCOMES } from "./words.js";
import { byId } from "./run.js";

class Trace extends HTMLElement {
  constructor() {
    super();
    this.raw = false;
    this.sections = new Map();
  }

  connectedCallback() {
    if (this.list) return;
    this.list = h("div", { class: "calls" });
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
    this.append(
      h("header", { class: "bar" }, h("h2", null, "Reasoning"), h("span", { class: "grow" }), this.skip, this.toggle),
      this.status,
      this.list,
    );
    this.addEventListener("pointerover", (e) => this.hint(e));
    this.addEventListener("focusin", (e) => this.hint(e));
  }

  show(run) {
    this.run = run;
    this.sections.clear();
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

  /** Redraws what changed; called once a frame at most. */
  draw() {
    const { run } = this;
    if (!run?.run) return;
    if (this.sections.size > run.windows.size) this.show(run);
    if (this.titles?.for !== run.run.token)
      this.titles = Object.assign(new Map([...byId(run.run)].map(([id, p]) => [id, name(p)])), { for: run.run.token });
    const told = [...run.windows.values()].some(worded);
    this.toggle.hidden = !told;
    this.skip.hidden = !run.revealing;
    for (const w of run.windows.values()) this.section(w, told && !this.raw);
    this.says();
  }

  says() {
    const { run } = this;
    const calls = run.windows.size;
    let text = "";
    if (run.gone) text = run.gone;
    else if (run.line === "lost")
      text = "Connection lost, trying again. What has arrived stays; the rest follows as soon as the server answers.";
    else if (run.revealing) text = `The model finished in ${seconds(run.arrived.seconds)}; what it wrote is shown at reading pace.`;
    else if (run.live && !calls) text = "Finding passages and waiting for the model…";
    else if (run.live) text = `Thinking${run.planned > 1 ? `: call ${calls} of ${run.planned}` : ""}…`;
    else if (run.run.state === "stopped") text = "Stopped. What had been written until then is kept.";
    else if (run.run.state === "failed") text = run.run.error || "The run failed and did not say why.";
    else if (!calls) text = "No model was asked: this order comes from the scores alone.";
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.hidden = !text;
    this.status.classList.toggle("warn", run.line === "lost" || Boolean(run.gone) || run.run.state === "failed");
    this.status.classList.toggle("thinking", run.live && run.line !== "lost");
  }

  section(w, told) {
    let sec = this.sections.get(w.window);
    if (!sec) sec = this.open(w);
    sec.meta.textContent = this.meta(w);
    sec.problems.hidden = !(w.problems?.length || w.error);
    sec.problems.textContent = [
      w.problems?.length ? `Mended: ${w.problems.map((p) => p.replaceAll("_", " ")).join(", ")}.` : "",
      w.error ?? "",
    ]
      .join(" ")
      .trim();
    const size = told ? w.sentences.length : `${w.reasoning?.length} ${w.answer?.length} ${w.live}`;
    if (sec.drawn === size && sec.told === told) return;
    const follow = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    if (told) this.sentences(sec, w);
    else this.text(sec, w);
    Object.assign(sec, { drawn: size, told });
    if (follow && this.run.live) this.list.scrollTop = this.list.scrollHeight;
  }

  open(w) {
    const { passages } = this.run.run;
    const at = new Map(passages.map((p) => [p.id, p.first_rank]));
    const places = (w.passages ?? []).map((id) => at.get(id) ?? 0);
    const many = this.run.planned > 1 || (this.run.run.windows?.length ?? 0) > 1;
    const sec = {
      meta: h("span", { class: "meta" }),
      body: h("div", { class: "said" }),
      problems: h("p", { class: "problem", hidden: true }),
      drawn: -1,
      told: null,
    };
    const title = many ? `Call ${w.number}` : "The model's reasoning";
    sec.el = h(
      "details",
      { open: true, class: "call", "data-testid": `window-${w.number}` },
      h("summary", null, h("b", null, title), " ", h("span", { class: "meta" }, count(places.length, "passage")), " ", sec.meta),
      sec.problems,
      sec.body,
    );
    for (const other of this.sections.values()) if (this.run.live) other.el.open = false;
    this.sections.set(w.window, sec);
    this.list.append(sec.el);
    return sec;
  }

  meta(w) {
    if (w.live) return "writing";
    const [short] = OUTCOMES[w.outcome] ?? [w.outcome ?? ""];
    return [short, w.seconds !== undefined ? seconds(w.seconds) : ""].filter(Boolean).join(" · ");
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

  /** Lights the sentences that speak of a passage; null for none. */
  mark(pid) {
    for (const el of this.list.querySelectorAll("[data-cites]"))
      el.classList.toggle("about", pid !== null && JSON.parse(el.dataset.cites).includes(pid));
  }
}

/** Whether a call's sentences say more than its trace: a model that writes plain language is read as it wrote. */
function worded(w) {
  const first = w.sentences?.[0]?.parts.map((p) => p.text ?? `[${p.number}]`).join("");
  return Boolean(first) && !(w.reasoning ?? "").includes(first.trim());
}

customElements.define("rr-trace", Trace);
