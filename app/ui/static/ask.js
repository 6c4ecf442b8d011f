// <rr-ask>: the question, where to look, which model, how deep. Fires `ask` with the body of a run.

import { h } from "./dom.js";
import { get } from "./api.js";
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
    this.run = h("button", { type: "submit", class: "primary", "data-testid": "run" }, "Rank");
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
          { title: n === 20 ? "one call" : `windows of 20 that slide by 10 over ${n} passages` },
          h("input", { type: "radio", name: "depth", value: n, checked: n === 20, "data-testid": `depth-${n}` }),
          h("span", null, String(n)),
        ),
      ),
    );
    this.source = h("rr-source");
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true, "data-testid": "trouble" });
    this.form = h(
      "form",
      {
        class: "ask",
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
        this.depth,
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
      this.trouble,
    );
    this.append(this.form);
    this.addEventListener("change", () => this.sum());
    this.addEventListener("trouble", (e) => this.complain(e.detail));
    this.query.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.ctrlKey && !e.metaKey && !e.isComposing) {
        e.preventDefault();
        this.submit();
      }
    });
    this.ready = Promise.all([this.models(), this.source.ready]);
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

  /** Once something was asked, the choices shrink to one line that says what they are. */
  set compact(on) {
    this.classList.toggle("compact", on);
    this.form.classList.remove("open");
    this.form.querySelector("[data-testid=options]").setAttribute("aria-expanded", "false");
    this.sum();
  }

  sum() {
    const model = this.model.selectedOptions[0]?.textContent ?? "";
    this.brief.textContent = [this.source.brief, model, `depth ${this.level}`].filter(Boolean).join(" · ");
  }

  unfold(button) {
    const open = this.form.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  }

  get level() {
    return Number(this.form.querySelector("input[name=depth]:checked").value);
  }

  about() {
    this.sum();
    const model = this.known?.find((m) => m.name === this.model.value);
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
    const source = this.source.value;
    if (!query) {
      this.complain("Type a question first, or take one of the examples.");
      this.query.focus();
      return;
    }
    if (typeof source === "string") return this.complain(source);
    this.complain("");
    this.fire("ask", { query, ...source, model: this.model.value, depth: this.level });
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
