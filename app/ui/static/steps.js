// A compact list to put in order: by dragging, by Alt and arrow keys, or by buttons. Used where a whole ranker would be too much.

import { h, reorder } from "./dom.js";
import { drag } from "./drag.js";
import { LINE } from "./judgement.js";
import { name } from "./words.js";

/** A list over a Judgement. `passages` is a Map by id; `say` speaks; `grades` are labels to choose from, or none. */
export function steps(judgement, passages, say, { grades = null, line = true, ties = true } = {}) {
  const list = h("ol", { class: "steps-list", "aria-label": "Your order", "data-testid": "steps" });
  const bucket = h("ol", { class: "steps-list off", "aria-label": "Not relevant", "data-testid": "steps-off" });
  const offBox = h("section", { hidden: true }, h("h4", null, "Not relevant"), bucket);
  const rows = new Map();
  const row = (id) => {
    if (!rows.has(id))
      rows.set(id, id === LINE ? lineRow(act) : itemRow(passages.get(id) ?? { id, title: id, text: "" }, act, { grades, ties }));
    return rows.get(id);
  };
  const act = {
    nudge: (id, by) => {
      const at = judgement.seq.findIndex((x) => x.id === id);
      if (at < 0) return;
      judgement.move(id, at + by);
      const rank = judgement.ranks().get(id);
      say(id === LINE ? `The line stands below ${judgement.lineAt} passages.` : rank ? `Rank ${rank}.` : "Below the line.");
    },
    toss: (id) => {
      judgement.toss(id);
      say(judgement.now.off.includes(id) ? "Put among the not relevant." : "Back in the list.");
    },
    tie: (id) => judgement.tie(id),
    grade: (id, value) => {
      if (value === "" ? judgement.now.grades[id] !== undefined : judgement.now.grades[id] !== Number(value))
        judgement.grade(id, value === "" ? judgement.now.grades[id] : Number(value));
    },
    grip: (event, el, id) => {
      if (el.parentElement === list)
        drag(
          event,
          el,
          () => [...list.children],
          (to) => judgement.move(id, to),
        );
    },
  };
  list.addEventListener("keydown", (e) => keys(e, act, list));
  const draw = () => {
    const { seq, off, grades: given } = judgement.now;
    const shown = seq.filter((x) => line || x.id !== LINE);
    reorder(
      list,
      shown.map((x) => row(x.id).el),
    );
    reorder(
      bucket,
      off.map((id) => row(id).el),
      false,
    );
    offBox.hidden = !off.length;
    const ranks = judgement.ranks();
    for (const { id, tie } of [...seq, ...off.map((o) => ({ id: o, tie: false }))])
      if (id !== LINE) row(id).draw({ rank: ranks.get(id), tie, tossed: off.includes(id), grade: given[id] });
  };
  judgement.addEventListener("change", draw);
  draw();
  return h("div", { class: "steps-box" }, list, offBox);
}

function keys(event, act, list) {
  const el = event.target.closest("li");
  if (event.target !== el || event.ctrlKey || event.metaKey) return;
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const id = el.dataset.line === undefined ? el.dataset.pid : LINE;
  if (event.altKey && by) act.nudge(id, by);
  else if (by) [...list.children][[...list.children].indexOf(el) + by]?.focus();
  else if (event.key === "x" && id !== LINE) act.toss(id);
  else if (event.key === "t" && id !== LINE) act.tie(id);
  else return;
  event.preventDefault();
  if (event.altKey) el.focus();
}

const small = (testid, sign, label, onclick) =>
  h("button", { type: "button", class: "quiet icon", "data-testid": testid, "aria-label": label, title: label, onclick }, sign);

function lineRow(act) {
  const grip = h("span", { class: "grip", "aria-hidden": "true" }, "⠿");
  const el = h(
    "li",
    { class: "line", tabindex: "0", "data-line": true, "aria-label": "Judged down to here. Alt and arrow keys move this line." },
    grip,
    h("span", { class: "grow" }, "judged down to here"),
    small("up", "▲", "Move the line up", () => act.nudge(LINE, -1)),
    small("down", "▼", "Move the line down", () => act.nudge(LINE, 1)),
  );
  grip.addEventListener("pointerdown", (e) => act.grip(e, el, LINE));
  return { el };
}

function itemRow(p, act, { grades, ties }) {
  const label = name(p).slice(0, 80);
  const rank = h("span", { class: "rank" });
  const grip = h("span", { class: "grip", "aria-hidden": "true", title: "Drag to reorder" }, "⠿");
  const tie = h(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-pressed": "false",
      "data-testid": "tie",
      title: "Same rank as the one above (T)",
      onclick: () => act.tie(p.id),
    },
    "tie",
  );
  const toss = h("button", { type: "button", class: "quiet", "data-testid": "toss", onclick: () => act.toss(p.id) }, "not relevant");
  const grade = grades
    ? h(
        "select",
        { "aria-label": `Grade of ${label}`, "data-testid": "grade", onchange: (e) => act.grade(p.id, e.target.value) },
        h("option", { value: "" }, "no grade"),
        grades.map((text, g) => h("option", { value: g }, `${g} ${text}`)),
      )
    : null;
  const el = h(
    "li",
    { class: "step", tabindex: "0", "data-pid": p.id, "data-testid": "step" },
    grip,
    rank,
    h("span", { class: "grow t", dir: "auto", title: p.text?.slice(0, 400) }, name(p)),
    h(
      "span",
      { class: "moves" },
      small("up", "▲", `Move up: ${label}`, () => act.nudge(p.id, -1)),
      small("down", "▼", `Move down: ${label}`, () => act.nudge(p.id, 1)),
      ties ? tie : null,
      toss,
      grade,
    ),
  );
  grip.addEventListener("pointerdown", (e) => act.grip(e, el, p.id));
  const draw = (now) => {
    rank.textContent = now.rank ?? "–";
    tie.setAttribute("aria-pressed", String(now.tie));
    toss.textContent = now.tossed ? "put back" : "not relevant";
    el.classList.toggle("tied", now.tie);
    el.classList.toggle("unjudged", !now.rank);
    if (grade) grade.value = now.grade ?? "";
    el.setAttribute(
      "aria-label",
      `${now.tossed ? "Not relevant" : now.rank ? `Rank ${now.rank}` : "Not judged"}${now.tie ? ", tied with that above" : ""}: ${label}`,
    );
  };
  return { el, draw };
}
