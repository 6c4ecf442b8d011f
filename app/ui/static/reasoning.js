// The model's reasoning beside the list: every number in it leads to the card it speaks of, and what speaks of a card is lit with it.

import { h, count } from "./dom.js";
import { cited, name, sentence } from "./words.js";
import { byId } from "./run.js";

/** {el, about(pid)}; `go(pid)` is called when a citation is chosen. Nothing is built before somebody opens it. */
export function reasoning(run, go) {
  const calls = run?.windows ?? [];
  if (!calls.some((w) => w.reasoning || w.sentences?.length)) return null;
  const body = h("div", { class: "reasoning", tabindex: "0", role: "region", "aria-label": "The model's reasoning" });
  const el = h(
    "details",
    { class: "panel", "data-testid": "task-trace" },
    h("summary", null, `The model's reasoning, ${count(calls.length, "call")}`),
    body,
  );
  let pid = null;
  const about = (id) => {
    pid = id;
    for (const p of body.querySelectorAll("[data-cites]")) p.classList.toggle("about", JSON.parse(p.dataset.cites).includes(id));
  };
  el.addEventListener("toggle", () => {
    if (!el.open || body.childElementCount) return;
    const titles = new Map([...byId(run)].map(([id, p]) => [id, name(p)]));
    body.append(...calls.map((w) => call(w, titles, calls.length > 1)));
    about(pid);
  });
  body.addEventListener("click", (e) => {
    const cite = e.target.closest(".cite");
    if (cite) go(cite.dataset.pid);
  });
  return { el, about };
}

function call(w, titles, many) {
  const head = many ? h("h4", null, `Call ${w.number}`) : null;
  const raw = () => h("p", { class: "raw", dir: "auto" }, cited(w.reasoning ?? "", w.passages ?? [], titles));
  if (!w.sentences?.length) return h("div", null, head, raw());
  const rows = w.sentences.map(({ claim, parts }) => {
    const ids = parts.filter((p) => p.cite !== undefined).map((p) => p.cite);
    return h("p", { class: "sentence", dir: "auto", "data-claim": claim, "data-cites": JSON.stringify(ids) }, sentence(parts, titles));
  });
  return h("div", null, head, rows);
}
