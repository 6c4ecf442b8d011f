// What the trace says of one passage, claim by claim, each to be marked right, wrong or unsure.

import { h } from "./dom.js";

const VERDICTS = [
  ["right", "Right"],
  ["wrong", "Wrong"],
  ["unsure", "Unsure"],
];

/** Claims that cite a passage, as [{claim, text}]. Spans count code points of the raw reasoning. */
export function claimsOf(run, pid) {
  const out = [];
  for (const w of run.windows ?? []) {
    const said = new Map(
      (w.sentences ?? []).filter((x) => x.claim).map((x) => [x.claim, x.parts.map((p) => p.text ?? `[${p.number}]`).join("")]),
    );
    let points = null;
    for (const claim of w.claims ?? []) {
      if (!claim.passages.includes(pid)) continue;
      points ??= Array.from(w.reasoning ?? "");
      out.push({ claim, call: w.number, text: said.get(claim.id) ?? points.slice(claim.start, claim.end).join("") });
    }
  }
  return out;
}

/** The panel for a passage: its whole text, and its claims. */
export function panel(run, passage, judgement, rank) {
  const found = claimsOf(run, passage.id);
  return h(
    "div",
    { class: "focus", "data-pid": passage.id },
    h("p", { class: "meta" }, `first stage ${passage.first_rank}${rank ? ` · your rank ${rank}` : ""} · `, h("code", null, passage.id)),
    passage.title ? h("h3", { dir: "auto" }, passage.title) : null,
    h("p", { class: "text full", dir: "auto", tabindex: "0", role: "region", "aria-label": "Text of the passage" }, passage.text),
    h("h4", null, found.length ? "What the model said of it" : "The model made no claim of its own about this passage."),
    found.map((f) => claimRow(f, passage, judgement)),
  );
}

function claimRow({ claim, text, call }, passage, judgement) {
  const now = () => judgement.now.claims[claim.id];
  const rewrite = h("textarea", {
    rows: 2,
    dir: "auto",
    hidden: now()?.verdict !== "wrong",
    "data-testid": "rewrite",
    "aria-label": "What it should have said",
    placeholder: "What should it have said? (optional)",
    oninput: (e) => judgement.claim(claim.id, passage.id, { rewrite: e.target.value }),
  });
  rewrite.value = now()?.rewrite ?? "";
  const choose = (verdict) => {
    judgement.claim(claim.id, passage.id, { verdict });
    rewrite.hidden = verdict !== "wrong";
  };
  return h(
    "fieldset",
    { class: "claim", "data-testid": "claim", "data-claim": claim.id },
    h("legend", { dir: "auto" }, text, call > 1 ? h("span", { class: "meta" }, ` call ${call}`) : null),
    h(
      "div",
      { class: "segments" },
      VERDICTS.map(([verdict, label]) =>
        h(
          "label",
          null,
          h("input", {
            type: "radio",
            name: `claim-${claim.id}`,
            value: verdict,
            checked: now()?.verdict === verdict,
            "data-testid": `verdict-${verdict}`,
            onchange: () => choose(verdict),
          }),
          h("span", null, label),
        ),
      ),
    ),
    rewrite,
  );
}
