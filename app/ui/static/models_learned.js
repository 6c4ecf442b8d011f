// The view Learned: which corrections went into a version, from how many people, whose counted how much, and what it ranks otherwise.

import { h, count, gradeText, light, moment, num } from "./dom.js";
import { get, post } from "./api.js";
import { form, keyring, pick, table } from "./forms.js";
import { fillWith } from "./tab.js";
import { misplaced } from "./difference.js";
import { orders } from "./orders.js";
import { interval, signed } from "./models_gate.js";
import { modelsPlace, setModelsPlace } from "./models_place.js";
import { cited, name } from "./words.js";

/** The whole view: a version is chosen, the one of the address first. */
export function learnedView(ctx) {
  const box = h("div", { "data-testid": "learned" });
  fillWith(box, async () => {
    const { versions } = await get("versions");
    const made = versions.filter((v) => v.update);
    if (!made.length)
      return [
        h("p", { class: "empty" }, "Nothing has been learned yet: an update makes the first version from what people corrected."),
        h("p", null, h("button", { type: "button", class: "primary", onclick: () => ctx.go("updates") }, "To Updates")),
      ];
    return chosen(made, ctx);
  });
  return h("section", null, h("h2", { tabindex: "-1" }, "What a version learned"), box);
}

function chosen(made, ctx) {
  const { version } = modelsPlace();
  const which = pick({
    name: "learned-version",
    label: "Version",
    choices: made.map((v) => [v.id, `${v.label}, ${v.state}, ${moment(v.created)}`]),
    value: made.some((v) => v.id === version) ? version : made[0].id,
  });
  const inside = h("div", null);
  const load = () => {
    setModelsPlace({ version: which.value });
    fillWith(inside, async () => learned(await get(`versions/${encodeURIComponent(which.value)}`), ctx));
  };
  which.input.addEventListener("change", load);
  load();
  const open = h(
    "button",
    { type: "button", class: "quiet", onclick: () => ctx.go("versions", { version: which.value }) },
    "Open this version",
  );
  return [h("div", { class: "choices inrow" }, which.el, open), inside];
}

async function learned(v, ctx) {
  const told = v.report?.learned;
  if (!told) return h("p", { class: "empty" }, "Nothing was written down of what this version learned.");
  return [corrections(told.corrections ?? {}), await influences(v, told, ctx), changed(told.changed ?? [])];
}

const section = (title, id, ...children) =>
  h("section", { class: "m-part", "data-testid": `learned-${id}` }, h("h3", null, title), children);

function corrections(told) {
  const items = told.items ?? [];
  const sum = told.examples
    ? `${count(told.examples, "correction")} of ${told.people === 1 ? "one person" : `${told.people} people`} went into its training data.`
    : "No correction of a person went into its training data.";
  return section(
    "Corrections that went in",
    "corrections",
    h("p", { "data-testid": "learned-sum" }, sum),
    typeof told.explained === "number" && told.examples
      ? h(
          "p",
          { class: "help" },
          `${told.explained} could be explained: a way of weighing the signals leads to the order given. The others teach the order alone.`,
        )
      : null,
    items.length
      ? table({
          caption: "Corrections by question",
          head: ["Question", "People", "Explained"],
          testid: "corrections",
          rows: items.map((one) => [h("bdi", { class: "q" }, one.query), String(one.people ?? 1), one.explained ? "yes" : "no"]),
        })
      : null,
  );
}

/** How far the primary measure moves without one person's corrections: from the report, or from a job that measured it afterwards. */
async function influences(v, told, ctx) {
  const found = told.influence ?? (await measured(v));
  const title = "Whose corrections counted";
  if (!found) return section(title, "influence", unmeasured(v, told, ctx));
  const reach = Math.max(0.001, ...found.rows.flatMap((r) => [r.value, r.low ?? 0, r.high ?? 0]).map(Math.abs));
  return section(
    title,
    "influence",
    h("p", { class: "help" }, found.note ?? "The update was repeated without each person in turn. Above 0: with them it is better."),
    found.left_out ? h("p", { class: "help" }, `${found.left_out} more had fewer corrections and were not measured one by one.`) : null,
    table({
      caption: "Influence by person",
      head: ["Person", "Corrections", `Effect on ${found.measure ?? "NDCG@10"}`, "Interval", "n"],
      testid: "influence",
      rows: found.rows.map((r) => [
        h("bdi", null, r.person),
        String(r.examples ?? "–"),
        h("span", { class: "m-value" }, signed(r.value), interval(r, reach)),
        typeof r.low === "number" ? `${signed(r.low)} to ${signed(r.high)}` : "–",
        String(r.n ?? "–"),
      ]),
    }),
  );
}

/** Nothing was measured: an admin can have it done, since it trains once for each person. */
function unmeasured(v, told, ctx) {
  const people = told.corrections?.people ?? 0;
  const said = h("p", { class: "empty", role: "status" }, "This has not been measured for this version.");
  if (!ctx.admin || !people) return said;
  const act = async () => {
    const content = { kind: "influence", arguments: { version: v.id } };
    await post("jobs", { ...content, idempotency_key: keys(content) });
    said.textContent = "In the queue: it trains without each person in turn, which takes a while. Look again when the job has ended.";
  };
  const keys = keyring();
  const start = form({ testid: "measure", label: "Measure it", kind: "quiet", fields: [], act });
  return [said, start];
}

async function measured(v) {
  const { jobs } = await get("jobs");
  return jobs.find((j) => j.kind === "influence" && j.state === "finished" && j.result?.version === v.id)?.result ?? null;
}

/** The questions whose order changed most: both orders as lines, both traces, grades where there are. */
function changed(found) {
  if (!found.length)
    return section("What changed most", "changed", h("p", { class: "empty" }, "No question is ranked otherwise than before."));
  return section(
    "What changed most",
    "changed",
    h(
      "p",
      { class: "help" },
      "Questions of the training data and of the development set; those that are kept for evaluation are not shown.",
    ),
    found.map((one, i) => question(one, i === 0)),
  );
}

function question(one, open) {
  const asList = (order) => ({ order: order.map((id) => [id]) });
  const moved = misplaced(asList(one.base.order), asList(one.candidate.order)).size;
  const tau = typeof one.tau === "number" ? `, tau ${num(one.tau)}` : "";
  const el = h(
    "details",
    { class: "fold", open, "data-testid": "changed" },
    h(
      "summary",
      null,
      h("bdi", { class: "q" }, one.query),
      h("span", { class: "meta" }, ` ${count(moved, "passage")} moved${tau}${one.judged ? ", corrected by people" : ""}`),
    ),
  );
  const fill = () => {
    if (el.open && el.childElementCount < 2) el.append(...sides(one));
  };
  el.addEventListener("toggle", fill);
  fill();
  return el;
}

function sides(one) {
  const passages = new Map((one.passages ?? []).map((p) => [p.id, { text: "", ...p }]));
  const ids = [...new Set([...one.base.order, ...one.candidate.order])];
  const rank = (order, id) => (order.includes(id) ? order.indexOf(id) + 1 : null);
  const positions = Object.fromEntries(ids.map((id) => [id, [rank(one.base.order, id), rank(one.candidate.order, id)]]));
  const titles = new Map(ids.map((id) => [id, name(passages.get(id) ?? { id, title: id, text: "" })]));
  const judges = ["Before", "After"].map((label) => ({ label, kind: "model" }));
  const both = h("div", { class: "train-two" }, side("Before", one.base, one, titles), side("After", one.candidate, one, titles));
  const pickOut = (id) => {
    const row = [...both.querySelectorAll("[data-pid]")].find((el) => el.matches("li") && el.dataset.pid === id);
    if (row) light(row);
  };
  both.addEventListener("click", (event) => {
    const at = event.target.closest?.("[data-testid=cite]");
    if (at) pickOut(at.dataset.pid);
  });
  return [orders(judges, positions, passages, pickOut), both];
}

/** One version's trace and order. Numbers in a trace are places in the list as it was shown: without that list they stay text. */
function side(title, told, one, titles) {
  const shown = told.shown ?? one.shown;
  const trace = shown ? cited(told.trace ?? "", shown, titles) : told.trace;
  return h(
    "div",
    null,
    h("h4", null, typeof told.ndcg === "number" ? `${title}, NDCG@10 ${num(told.ndcg, 3)}` : title),
    told.trace
      ? h("p", { class: "raw train-trace", dir: "auto", tabindex: "0", role: "region", "aria-label": `Trace, ${title}` }, trace)
      : h("p", { class: "empty" }, "It wrote no reasoning."),
    h(
      "ol",
      { class: "train-moves m-order" },
      told.order.map((id, i) =>
        h(
          "li",
          { "data-pid": id },
          h("span", { class: "n" }, String(i + 1)),
          h("span", { class: "meta" }, typeof one.grades?.[id] === "number" ? `grade ${gradeText(one.grades[id])}` : ""),
          h("bdi", { class: "t" }, titles.get(id)),
        ),
      ),
    ),
  );
}
