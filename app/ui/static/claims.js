// What the trace says of one passage, claim by claim, each to be marked right, wrong or unsure.

import { h } from "./dom.js";
import { Reader } from "./reader.js";

const VERDICTS = [
  ["right", "Right"],
  ["wrong", "Wrong"],
  ["unsure", "Unsure"],
];

/** Claims that cite a passage, as [{claim, call, text}]. Spans count code points of the raw reasoning. */
export function claimsOf(run, pid) {
  const out = [];
  for (const w of run?.windows ?? []) {
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

/** What goes into a judgement beside the verdict: where in the raw reasoning the claim stands, in code points. */
export const spanOf = (claim) => (Number.isInteger(claim.start) && claim.start < claim.end ? [claim.start, claim.end] : null);

/** The panel for a passage: its whole text, and its claims where there is a run to show. {el, reader, update}. */
export function panel({ run, passage, judgement, say }) {
  const reader = new Reader(passage, judgement, say);
  const meta = h("span", null);
  const rows = claimsOf(run, passage.id).map((f) => claimRow(f, passage, judgement));
  const none = "The model made no claim of its own about this passage.";
  const el = h(
    "div",
    { class: "focus", "data-pid": passage.id },
    h("p", { class: "meta" }, meta, h("code", null, passage.id)),
    passage.title ? h("h3", { dir: "auto" }, passage.title) : null,
    reader.el,
    run ? h("h4", null, rows.length ? "What the model said of it" : none) : null,
    rows.map((row) => row.el),
  );
  const update = () => {
    const rank = judgement.ranks().get(passage.id);
    const first = passage.first_rank ? `first stage ${passage.first_rank} · ` : "";
    meta.textContent = `${first}${rank ? `your rank ${rank} · ` : ""}`;
    reader.update();
    for (const row of rows) row.update();
  };
  update();
  return { el, reader, update };
}

function claimRow({ claim, text, call }, passage, judgement) {
  const now = () => judgement.now.claims[claim.id];
  const rewrite = rewriting(claim, passage, judgement);
  const choose = (verdict) => {
    judgement.claim(claim.id, passage.id, { verdict, span: spanOf(claim) });
  };
  const radios = VERDICTS.map(([verdict]) =>
    h("input", {
      type: "radio",
      name: `claim-${claim.id}`,
      value: verdict,
      "data-testid": `verdict-${verdict}`,
      onchange: () => choose(verdict),
    }),
  );
  const el = h(
    "fieldset",
    { class: "claim", "data-testid": "claim", "data-claim": claim.id },
    h("legend", { dir: "auto" }, text, call > 1 ? h("span", { class: "meta" }, ` call ${call}`) : null),
    h(
      "div",
      { class: "segments" },
      VERDICTS.map(([, label], i) => h("label", null, radios[i], h("span", null, label))),
    ),
    rewrite.el,
  );
  const update = () => {
    for (const radio of radios) radio.checked = now()?.verdict === radio.value;
    rewrite.update();
  };
  return { el, update };
}

/** The field for what the claim should have said, there while it is marked wrong: {el, update}. */
export function rewriting(claim, passage, judgement) {
  const now = () => judgement.now.claims[claim.id];
  const el = h("textarea", {
    rows: 2,
    dir: "auto",
    "data-testid": "rewrite",
    "aria-label": "What it should have said",
    placeholder: "What should it have said? (optional)",
    oninput: (e) => judgement.claim(claim.id, passage.id, { rewrite: e.target.value }),
  });
  const update = () => {
    el.hidden = now()?.verdict !== "wrong";
    const text = now()?.rewrite ?? "";
    if (el.value !== text) el.value = text;
  };
  update();
  return { el, update };
}
