// <rr-source>: where the passages come from: a collection, a file to upload, or text pasted here.

import { h, count } from "./dom.js";
import { get, upload } from "./api.js";

const KINDS = [
  ["collection", "A collection"],
  ["paste", "Paste passages"],
  ["upload", "Upload a file"],
];
const FORMATS = ["auto", "jsonl", "csv", "tsv", "beir", "text"];

/** One passage per block of text between blank lines. */
export const blocks = (text) =>
  text
    .split(/\r?\n[^\S\n]*\r?\n/)
    .map((t) => t.trim())
    .filter(Boolean);

class Source extends HTMLElement {
  connectedCallback() {
    if (this.kind) return;
    this.kind = "collection";
    this.select = h("select", { id: "rr-collection", "data-testid": "collection" });
    this.state = h("p", { class: "help", role: "status", "aria-live": "polite" });
    this.text = h("textarea", {
      id: "rr-pasted",
      rows: 6,
      dir: "auto",
      "data-testid": "pasted",
      placeholder: "One passage per block of text.\n\nA blank line starts the next one.",
      oninput: () => this.counted(),
    });
    this.counter = h("p", { class: "help", role: "status" }, "One passage per block; a blank line separates them.");
    this.file = h("input", { type: "file", id: "rr-file", "data-testid": "file", accept: ".jsonl,.json,.csv,.tsv,.txt,.zip" });
    this.format = h(
      "select",
      { id: "rr-format" },
      FORMATS.map((f) => h("option", { value: f }, f === "auto" ? "recognise it" : f)),
    );
    this.send = h("button", { type: "button", class: "quiet", "data-testid": "upload", onclick: () => this.upload() }, "Upload and index");
    this.panes = {
      collection: h("div", null, h("label", { for: "rr-collection" }, "Collection"), this.select, this.state),
      paste: h("div", { hidden: true }, h("label", { for: "rr-pasted" }, "Passages"), this.text, this.counter),
      upload: h(
        "div",
        { hidden: true },
        h("label", { for: "rr-file" }, "File: JSONL, CSV, TSV, BEIR or plain text"),
        this.file,
        h("div", { class: "row" }, h("label", { for: "rr-format" }, "Format"), this.format, this.send),
      ),
    };
    this.append(
      h(
        "fieldset",
        { class: "segments" },
        h("legend", null, "Passages from"),
        KINDS.map(([kind, label]) =>
          h(
            "label",
            null,
            h("input", {
              type: "radio",
              name: "source",
              value: kind,
              checked: kind === this.kind,
              "data-testid": `source-${kind}`,
              onchange: () => this.choose(kind),
            }),
            h("span", null, label),
          ),
        ),
      ),
      ...Object.values(this.panes),
    );
    /** Settled once the collections were asked for. */
    this.ready = this.list();
  }

  choose(kind) {
    this.kind = kind;
    for (const [name, pane] of Object.entries(this.panes)) pane.hidden = name !== kind;
    const radio = this.querySelector(`input[value="${kind}"]`);
    if (radio) radio.checked = true;
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  counted() {
    const n = blocks(this.text.value).length;
    this.counter.textContent = n ? `${count(n, "passage")}.` : "One passage per block; a blank line separates them.";
  }

  async list(choose = "") {
    clearTimeout(this.timer);
    try {
      const { collections } = await get("collections");
      const had = choose || this.select.value;
      this.select.replaceChildren(
        ...collections.map((c) =>
          h("option", { value: c.id, disabled: c.state !== "ready" }, `${c.name}, ${count(c.passages, "passage")}`),
        ),
      );
      if (collections.some((c) => c.id === had)) this.select.value = had;
      const busy = collections.filter((c) => c.state === "indexing");
      const failed = collections.filter((c) => c.state === "failed");
      this.state.textContent = [
        ...busy.map((c) => `Indexing ${c.name}: ${[`${Math.round(c.progress * 100)} %`, c.doing].filter(Boolean).join(", ")}.`),
        ...failed.map((c) => `${c.name} could not be indexed: ${c.error}`),
        collections.length ? "" : "There is no collection yet. Paste passages or upload a file.",
      ]
        .join(" ")
        .trim();
      this.dispatchEvent(new Event("change", { bubbles: true }));
      if (busy.length) this.timer = setTimeout(() => this.list(choose), 1000);
    } catch (error) {
      this.state.textContent = error.message;
      if (error.passing) this.timer = setTimeout(() => this.list(choose), 4000);
    }
  }

  async upload() {
    const file = this.file.files[0];
    if (!file) return this.tell("Choose a file first.");
    this.send.disabled = true;
    try {
      const { id } = await upload("collections", { file, name: file.name, format: this.format.value });
      this.choose("collection");
      await this.list(id);
    } catch (error) {
      this.tell(error.message);
    } finally {
      this.send.disabled = false;
    }
  }

  tell(message) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: message, bubbles: true }));
  }

  /** The choice in a few words. */
  get brief() {
    if (this.kind === "paste") return count(blocks(this.text.value).length, "pasted passage");
    return this.select.selectedOptions[0]?.textContent ?? "";
  }

  /** What a run needs: {collection, passages}; a string says why it can't be had. */
  get value() {
    if (this.kind === "paste") {
      const texts = blocks(this.text.value);
      return texts.length ? { collection: null, passages: texts.map((text) => ({ text })) } : "Paste at least one passage first.";
    }
    if (this.kind === "upload") return "Upload the file first; it then appears among the collections.";
    return this.select.value ? { collection: this.select.value, passages: null } : "Choose a collection first, or paste passages.";
  }
}

customElements.define("rr-source", Source);
