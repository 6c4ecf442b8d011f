// <rr-result-trace>: the calls of one topic of an evaluation, shown as the traces of a run are. Each in a shadow root of its own, because two
// of them stand side by side and ids must not meet.

import "./trace.js";
import { h } from "./dom.js";
import { adopt } from "./sheets.js";

class ResultTrace extends HTMLElement {
  /** `topic` as GET results/ID/topic tells it; `pick(id)` is called for a passage that is cited. Before it is put on the page. */
  fill(topic, pick) {
    Object.assign(this, { topic, pick });
  }

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = adopt(this);
    const trace = document.createElement("rr-trace");
    root.append(h("div", { class: "r-trace" }, trace));
    root.addEventListener("click", (event) => {
      const at = event.target.closest?.("[data-testid=cite]");
      if (at) this.pick(at.dataset.pid);
    });
    trace.show(asRun(this.topic));
    trace.draw();
  }
}

/** What <rr-trace> reads of a run that has ended. */
function asRun(topic) {
  const windows = new Map(topic.windows.map((w) => [w.window, { ...w, live: false }]));
  const cited = topic.windows.flatMap((w) => w.passages).map((id) => ({ id, title: "", text: "" }));
  const passages = [...new Map([...cited, ...topic.passages].map((p) => [p.id, p])).values()];
  return {
    run: { token: `${topic.set} ${topic.topic}`, state: "finished", passages, predicted: null, seconds: topic.seconds },
    windows,
    planned: windows.size,
    live: false,
    revealing: false,
    line: "",
    gone: "",
  };
}

customElements.define("rr-result-trace", ResultTrace);

/** The trace of a topic, or why there is none. */
export function traceOf(topic, pick, label) {
  if (!topic.windows.length) return h("p", { class: "empty" }, topic.error || "No model was asked: there are no calls to show.");
  const el = document.createElement("rr-result-trace");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", `Calls, ${label}`);
  el.setAttribute("data-testid", "result-trace");
  el.fill(topic, pick);
  return el;
}
