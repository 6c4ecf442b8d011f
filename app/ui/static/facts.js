// The line of facts of a run: how it was made, in numbers that are real.

import { h, seconds, count, moment } from "./dom.js";
import { beside, beyond, range, tokensBeside } from "./cost.js";
import { inWords, meaningOf, plainName, titleOf } from "./strategies.js";
import { FORCED, OUTCOMES, troubles } from "./words.js";

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
  const lines = [...(state === "finished" ? troubles(run) : []), run.error, ...(run.notes ?? [])].filter(Boolean);
  return h(
    "section",
    { class: "facts", "data-testid": "facts", "aria-label": "Facts of this run" },
    h(
      "dl",
      null,
      h("div", { class: "fact" }, h("dt", null, "outcome"), h("dd", { "data-testid": "outcome" }, badge(run.outcome, state))),
      fact("model", run.model_label || run.model, run.model_version ? `version ${run.model_version}` : null),
      state === "running" ? expected(run) : measured(run),
      fact("passages", String(run.passages.length)),
      run.strategy && run.strategy !== "none" ? fact("strategy", used(run), meaningOf(run.strategy)) : null,
      controls(run.options ?? {}),
    ),
    h(
      "button",
      { type: "button", class: "quiet", "data-testid": "permalink", onclick: (e) => permalink(run.token, e.currentTarget) },
      "Copy link",
    ),
    made(run),
    lines.map((text) => h("p", { class: "note-line", dir: "auto" }, text)),
  );
}

/** The strategy with its arguments where they are few; the expander has them all. */
function used(run) {
  const whole = inWords(run.strategy, run.strategy_args);
  return whole.length > 60 ? titleOf(run.strategy) : whole;
}

const known = (predicted) => (predicted?.calls ? predicted : null);

/** While a run is at work, what it was predicted to take. */
function expected(run) {
  const predicted = known(run.predicted);
  return predicted && [fact("calls", `${range(predicted.calls)} predicted`), fact("serial depth", `${range(predicted.depth)} predicted`)];
}

/** What a run took, beside what was predicted. */
function measured(run) {
  const predicted = known(run.predicted);
  const extra = beyond(run);
  const cached = run.windows.filter((w) => w.cached).length;
  return [
    h(
      "div",
      { class: "fact", title: "Calls of the plan, each answered by the model or from stored answers", "data-testid": "calls" },
      h("dt", null, "calls"),
      h("dd", null, beside(run.calls, predicted?.calls)),
    ),
    extra ? fact("beyond the plan", extra, "Requests sent besides the planned ones: forced answers, and what had to be asked again") : null,
    cached ? fact("from the cache", `${cached} of ${count(run.calls, "call")}`, "Answered from stored answers: nothing was sent") : null,
    fact("serial depth", beside(run.serial_depth, predicted?.depth), "Calls that had to wait for each other"),
    h(
      "div",
      {
        class: "fact",
        title: run.counted ? "Counted by the model's own tokenizer" : "≈: estimated from the number of words",
        "data-testid": "tokens",
      },
      h("dt", null, "tokens"),
      h(
        "dd",
        null,
        tokensBeside(run.tokens_in, run.counted, predicted?.tokens_in, predicted?.exact),
        " in, ",
        tokensBeside(run.tokens_out, run.counted, predicted?.tokens_out, predicted?.exact),
        " out",
      ),
    ),
    fact("time", seconds(run.seconds), "Measured at the server, from the first call to the last; reading pace adds nothing to it"),
    forced(run),
  ];
}

/** How many traces were closed by us, and why. */
function forced(run) {
  const reasons = new Map();
  for (const { forced: f } of run.windows) if (f) reasons.set(f.reason, (reasons.get(f.reason) ?? 0) + 1);
  if (!reasons.size) return null;
  const told = [...reasons].map(([reason, n]) => `${n} ${FORCED[reason]?.[0] ?? plainName(reason)}`);
  return fact("closed traces", told.join(", "), "Traces that were closed and whose answer was then asked for; each call says more");
}

/** Thinking and fusion, where they are not the usual ones. */
function controls({ thinking, fusion }) {
  const { mode, budget, settle, audit } = thinking ?? {};
  const thought = [
    mode,
    budget && `at most ${count(budget, "token")} of trace`,
    settle && `early exit once the top ${settle.top} hold for ${count(settle.patience, "token")}`,
    audit && "audited",
  ].filter(Boolean);
  const share = fusion && Math.round(fusion.weight * 100);
  return [
    thought.length ? fact("thinking", thought.join(", ")) : null,
    fusion ? fact("fused", `${share} % model, ${100 - share} % first stage`, `Weighted reciprocal ranks, k = ${fusion.k}`) : null,
  ];
}

/** What is needed to tell this run from a similar one. */
function made(run) {
  const rows = [
    ["strategy", run.strategy === "none" ? "" : inWords(run.strategy, run.strategy_args)],
    ["model revision", run.revision],
    ["model version", run.model_version],
    ["profile", run.template],
    ["profile hash", run.template_hash],
    ["started", moment(run.created)],
  ].filter(([, value]) => value);
  return h(
    "details",
    { class: "made", "data-testid": "made" },
    h("summary", null, "How it was made"),
    h(
      "dl",
      null,
      rows.map(([label, value]) => fact(label, h("code", null, value))),
    ),
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
