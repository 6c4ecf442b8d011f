// <rr-ask>: the question, where to look, which model, how deep, how. Fires `ask` with the body of a run.

import { h } from "./dom.js";
import { get } from "./api.js";
import { Prediction } from "./predict.js";
import "./options.js";
import "./source.js";

const DEPTHS = [20, 50, 100];

class Ask extends HTMLElement {
  connectedCallback() {
    if (this.form) return;
    this.query = h("textarea", {
      id: "rr-query",
      class: "query",
      rows: 1,
      dir: "auto",
      "data-testid": "query",
      placeholder: "What do you want to know?",
      oninput: () => this.grow(),
    });
    this.run = h("button", { type: "submit", class: "primary", "data-testid": "run", "aria-describedby": "rr-predicted" }, "Rank");
    this.stop = h(
      "button",
      { type: "button", class: "danger", hidden: true, "data-testid": "stop", onclick: () => this.fire("halt") },
      "Stop",
    );
    this.model = h("select", { id: "rr-model", "data-testid": "model", onchange: () => this.about() });
    this.says = h("p", { class: "help", "data-testid": "model-about" });
    this.depth = h(
      "fieldset",
      { class: "segments" },
      h("legend", null, "Depth"),
      DEPTHS.map((n) =>
        h(
          "label",
          { title: `The ${n} best passages of the first stage are ranked` },
          h("input", { type: "radio", name: "depth", value: n, checked: n === 20, "data-testid": `depth-${n}` }),
          h("span", null, String(n)),
        ),
      ),
    );
    this.source = h("rr-source");
    this.how = h("rr-options");
    this.prediction = new Prediction(() => this.body(this.query.value.trim()));
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true, "data-testid": "trouble" });
    this.form = h(
      "form",
      {
        class: "ask",
        novalidate: true,
        onsubmit: (e) => {
          e.preventDefault();
          this.submit();
        },
      },
      h("label", { for: "rr-query", class: "sr" }, "Your question"),
      h("div", { class: "question" }, this.query, h("div", { class: "go" }, this.run, this.stop)),
      h(
        "div",
        { class: "options" },
        this.source,
        h("div", null, h("label", { for: "rr-model" }, "Model"), this.model, this.says),
        this.how.picker,
        this.depth,
        this.how,
      ),
      h(
        "div",
        { class: "chosen" },
        (this.brief = h("span", null)),
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-expanded": "false",
            "data-testid": "options",
            onclick: (e) => this.unfold(e.currentTarget),
          },
          "Change",
        ),
      ),
      this.prediction.line,
      this.prediction.spoken,
      this.trouble,
    );
    this.append(this.form);
    for (const kind of ["input", "change"]) this.addEventListener(kind, (e) => this.altered(e));
    this.addEventListener("trouble", (e) => this.complain(e.detail));
    this.query.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.ctrlKey && !e.metaKey && !e.isComposing) {
        e.preventDefault();
        this.submit();
      }
    });
    this.ready = Promise.all([this.models(), this.source.ready, this.how.ready]);
  }

  async models() {
    try {
      ({ models: this.known } = await get("models"));
      this.model.replaceChildren(
        ...this.known.map((m) =>
          h("option", { value: m.name, disabled: !m.available }, m.available ? m.label : `${m.label}: ${m.reason || "not available"}`),
        ),
      );
      const first = this.known.find((m) => m.default && m.available) ?? this.known.find((m) => m.available);
      if (first) this.model.value = first.name;
      this.about();
    } catch (error) {
      this.says.textContent = error.message;
      if (error.passing) setTimeout(() => this.models(), 4000);
    }
  }

  /** A choice or a letter more: what it would cost is asked anew, and spoken for what a person chose. */
  altered(event) {
    this.sum();
    if (event.isTrusted) this.complain(""); // what was refused has been changed
    this.prediction.changed(event.type === "input" || !event.isTrusted);
  }

  /** Once something was asked, the choices shrink to one line that says what they are. */
  set compact(on) {
    this.classList.toggle("compact", on);
    this.form.classList.remove("open");
    this.form.querySelector("[data-testid=options]").setAttribute("aria-expanded", "false");
    this.sum();
    if (!on) this.prediction.changed(true);
  }

  sum() {
    const model = this.model.selectedOptions[0]?.textContent ?? "";
    const strategy = this.how.choice.selectedOptions[0]?.textContent ?? "";
    const parts = [this.source.brief, model, strategy, `depth ${this.level}`, ...(this.how.box ? this.how.words : [])];
    this.brief.textContent = parts.filter(Boolean).join(" · ");
  }

  unfold(button) {
    const open = this.form.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    if (open) this.prediction.changed(true);
  }

  get level() {
    return Number(this.form.querySelector("input[name=depth]:checked").value);
  }

  about() {
    const model = this.known?.find((m) => m.name === this.model.value);
    this.how.routed = model?.routed ?? false;
    this.sum();
    this.prediction.changed(true);
    const off = this.known?.filter((m) => !m.available) ?? [];
    this.says.replaceChildren(
      model?.about ?? "",
      ...off.map((m) => h("span", { class: "off" }, `${m.label} is not available: ${m.reason || "no reason given"}.`)),
    );
  }

  grow() {
    this.query.style.height = "auto";
    this.query.style.height = `${Math.min(220, this.query.scrollHeight)}px`;
  }

  complain(message) {
    this.trouble.textContent = message;
    this.trouble.hidden = !message;
  }

  /** Asks an example: it belongs to a collection, whatever was pasted before. */
  take(text) {
    this.source.choose("collection");
    this.fill(text);
    this.submit();
  }

  fill(text) {
    this.query.value = text;
    this.grow();
  }

  async submit() {
    if (this.busy) return;
    await this.ready;
    const query = this.query.value.trim();
    if (!query) {
      this.complain("Type a question first, or take one of the examples.");
      this.query.focus();
      return;
    }
    const body = this.body(query);
    if (typeof body === "string") return this.complain(body);
    this.complain("");
    this.fire("ask", body);
  }

  /** The body of a run as it is chosen now; a string says what is missing. */
  body(query) {
    if (!this.model.value) return "The server has not said yet which models there are.";
    const source = this.source.value;
    if (typeof source === "string") return source;
    const options = this.how.value;
    if (typeof options === "string") return options;
    return { query, ...source, model: this.model.value, depth: this.level, options };
  }

  /** While a run is live, Stop stands where Run was. */
  set running(on) {
    this.busy = on;
    const held = this.getRootNode().activeElement;
    this.run.hidden = on;
    this.stop.hidden = !on;
    if (on && held === this.run) this.stop.focus();
    if (!on && held === this.stop) this.run.focus();
  }

  fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

customElements.define("rr-ask", Ask);
