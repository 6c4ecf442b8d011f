// The line under the pickers: what a run would cost, asked of the server whenever a choice changes.

import { h, debounce } from "./dom.js";
import { ApiError, post } from "./api.js";
import { predictionText } from "./cost.js";

const WAIT = 300; // ms after the last change
const SPEAK = 900; // ms after the last new line, so that a screen reader hears the outcome of several changes once
const AGAIN = 4000; // ms until a server that did not answer is asked again

export class Prediction {
  /** `read()` gives the body of a run as it is chosen now, or a sentence that says why there is none. */
  constructor(read) {
    this.read = read;
    this.line = h("p", { class: "predicted", id: "rr-predicted", "data-testid": "predicted" });
    this.spoken = h("p", { class: "sr", role: "status", "aria-live": "polite", "data-testid": "predicted-aloud" });
    this.later = debounce(() => this.ask(), WAIT);
    this.speak = debounce(() => {
      this.spoken.textContent = this.line.textContent;
    }, SPEAK);
  }

  /** `typed` changes are shown but not spoken: leaving the field speaks the line. */
  changed(typed = false) {
    this.aloud = this.aloud || !typed;
    this.abort?.abort();
    this.line.classList.add("stale");
    this.later();
  }

  async ask() {
    if (!this.line.offsetParent) return;
    const body = this.read();
    if (typeof body === "string") return this.show(body, "none");
    this.abort = new AbortController();
    const { signal } = this.abort;
    try {
      const predicted = await post("estimate", body, { signal });
      if (!signal.aborted) this.show(predictionText(predicted), "");
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.show(error.message, error.passing ? "none" : "refused");
      if (error.passing) setTimeout(() => signal.aborted || this.ask(), AGAIN);
    }
  }

  show(text, kind) {
    this.line.className = `predicted ${kind}`;
    if (this.line.textContent !== text) this.line.textContent = text;
    if (this.aloud && this.spoken.textContent !== text) this.speak();
    this.aloud = false;
  }
}
