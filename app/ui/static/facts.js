// The line of facts of a run: how it was made, in numbers that are real.

import { h, seconds, count } from "./dom.js";
import { OUTCOMES } from "./words.js";

/** Badge for how a run went. Anything but clean says what it means, without being asked. */
export function badge(outcome, state) {
  if (state === "stopped") return h("span", { class: "badge warn" }, "stopped");
  if (state === "failed") return h("span", { class: "badge bad" }, "failed");
  if (state === "running") return h("span", { class: "badge live" }, "running");
  const [short] = OUTCOMES[outcome] ?? [outcome || "unknown"];
  const kind = outcome === "clean" ? "good" : outcome === "repaired" ? "warn" : "bad";
  return h("span", { class: `badge ${kind}` }, short);
}

const fact = (label, value, title) => h("div", { class: "fact", title }, h("dt", null, label), h("dd", null, value));

/** Facts, notes and the permalink of a run. */
export function facts(run) {
  const state = run.state;
  const long = state === "finished" && run.outcome !== "clean" ? OUTCOMES[run.outcome]?.[1] : "";
  const estimate = run.counted ? "" : "≈";
  const done = state !== "running";
  const lines = [long, run.error, ...(run.notes ?? [])].filter(Boolean);
  return h(
    "section",
    { class: "facts", "data-testid": "facts", "aria-label": "Facts of this run" },
    h(
      "dl",
      null,
      h("div", { class: "fact" }, h("dt", null, "outcome"), h("dd", { "data-testid": "outcome" }, badge(run.outcome, state))),
      fact("model", run.model_label || run.model, run.model_version ? `version ${run.model_version}` : null),
      done && fact("calls", String(run.calls), "How often a model was asked"),
      done && fact("serial depth", String(run.serial_depth), "Calls that had to wait for each other"),
      done &&
        fact(
          "tokens",
          `${estimate}${Number(run.tokens_in).toLocaleString("en")} in, ${estimate}${Number(run.tokens_out).toLocaleString("en")} out`,
          run.counted ? "Counted by the model's own tokenizer" : "Estimated from the number of words",
        ),
      done &&
        fact("time", seconds(run.seconds), "Measured at the server, from the first call to the last; reading pace adds nothing to it"),
      fact(
        "passages",
        count(run.passages.length, "passage").replace(/ .*/, ""),
        run.strategy_args?.window ? `${run.strategy}: window ${run.strategy_args.window}, step ${run.strategy_args.step}` : run.strategy,
      ),
    ),
    h(
      "button",
      { type: "button", class: "quiet", "data-testid": "permalink", onclick: (e) => permalink(run.token, e.currentTarget) },
      "Copy link",
    ),
    lines.map((text) => h("p", { class: "note-line", dir: "auto" }, text)),
  );
}

/** The address under which a run can be opened again. */
export const address = (token) => `${location.origin}${location.pathname}?run=${encodeURIComponent(token)}`;

async function permalink(token, button) {
  const link = address(token);
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = "Link copied";
  } catch {
    // No clipboard on plain http or without permission: show it instead, selected.
    const field = h("input", { class: "link", readonly: true, "aria-label": "Link to this run" });
    field.value = link;
    button.after(field);
    field.select();
  }
  setTimeout(() => {
    button.textContent = "Copy link";
  }, 2500);
}
