// <rr-ranker>: the list a person puts in order, by dragging, by keyboard or by buttons.

import { h, reorder } from "./dom.js";
import { drag } from "./drag.js";
import { LINE } from "./judgement.js";
import { head } from "./points.js";
import { heading, name } from "./words.js";
import { arrow } from "./cards.js";

const GRADES = ["not at all", "touches the topic", "helps", "answers it"];
const GLANCE = 600; // characters of a passage in its row; all of it is a key away

/**
 * Fires `focus-passage`, `read`, `mark`, `cause` and `moved` with an id. Reads and changes a Judgement; announces through `say`.
 * `grades` are the labels of 0, 1, ... A passage is told by its `place`, else by its rank in the first stage.
 */
class Ranker extends HTMLElement {
  show(judgement, passages, say, grades = GRADES) {
    Object.assign(this, { judgement, passages, say, labels: grades, rows: new Map() });
    this.list = h("ol", { class: "ranker", "data-testid": "ranker", "aria-label": "Your order" });
    this.bucket = h("ol", { class: "ranker bucket", "data-testid": "bucket" });
    this.bucketBox = h("section", { class: "bucketbox", hidden: true }, h("h3", null, "Not relevant"), this.bucket);
    this.replaceChildren(this.list, this.bucketBox);
    this.list.addEventListener("focusin", (e) => this.focused(e));
    this.bucket.addEventListener("focusin", (e) => this.focused(e));
    this.addEventListener("keydown", (this.keydown ??= (e) => this.keys(e)));
    judgement.addEventListener("change", () => {
      if (this.judgement === judgement) this.draw(true);
    });
    this.draw(false);
  }

  focused(event) {
    const id = event.target.closest("[data-pid]")?.dataset.pid;
    for (const [key, row] of this.rows) row.el.classList.toggle("current", key === id);
    if (id) this.dispatchEvent(new CustomEvent("focus-passage", { detail: id, bubbles: true }));
  }

  row(id) {
    if (!this.rows.has(id)) this.rows.set(id, id === LINE ? this.line() : this.item(this.passages.get(id)));
    return this.rows.get(id);
  }

  line() {
    const grip = h("span", { class: "grip", "data-testid": "handle-line", "aria-hidden": "true" }, "⠿");
    const el = h(
      "li",
      {
        class: "line",
        tabindex: "0",
        "data-line": true,
        "data-testid": "line",
        "aria-label": "Judged down to here. Alt and arrow keys move this line.",
      },
      grip,
      h("span", null, "judged down to here"),
      this.button("up", "▲", "Move the line up", LINE, -1),
      this.button("down", "▼", "Move the line down", LINE, 1),
    );
    this.draggable(grip, el, LINE);
    return { el };
  }

  item(p) {
    const place = p.place ?? p.first_rank;
    const rank = h("span", { class: "rank" });
    const move = h("span", { class: "move" });
    const grip = h(
      "span",
      { class: "grip", "data-testid": `handle-${place}`, "aria-hidden": "true", title: "Drag to reorder" },
      "⠿",
    );
    const grades = this.labels.map((about, g) =>
      h(
        "button",
        {
          type: "button",
          class: "grade-button",
          "aria-pressed": "false",
          "data-testid": `grade-${g}`,
          title: about,
          "aria-label": `Grade ${g}: ${about}`,
          onclick: () => this.grade(p.id, g),
        },
        String(g),
      ),
    );
    const to = h("input", {
      class: "to",
      type: "number",
      min: 1,
      max: this.passages.size,
      inputmode: "numeric",
      "aria-label": "Send to rank",
      placeholder: "#",
      "data-testid": "to-rank",
      onkeydown: (e) => this.send(e, p.id),
    });
    const tie = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-pressed": "false",
        "data-testid": "tie",
        title: "Same rank as the one above (T)",
        onclick: () => this.tied(p.id),
      },
      "tie",
    );
    const toss = h(
      "button",
      { type: "button", class: "quiet", "data-testid": "toss", title: "Not relevant (X)", onclick: () => this.tossed(p.id) },
      "not relevant",
    );
    const read = h(
      "button",
      {
        type: "button",
        class: "quiet narrow",
        "data-testid": "read",
        onclick: () => this.tell("read", p.id),
      },
      "read",
    );
    const el = h(
      "li",
      { class: "item", tabindex: "0", "data-pid": p.id, "data-testid": `item-${place}` },
      grip,
      h("div", { class: "place" }, rank, move),
      h("div", { class: "what" }, heading(p), h("p", { class: "text clamp2", dir: "auto" }, head(p.text, GLANCE))),
      h(
        "div",
        { class: "tools" },
        h("div", { class: "grades", role: "group", "aria-label": "Grade" }, grades, to),
        h(
          "div",
          { class: "moves" },
          this.button("up", "▲", "Move up", p.id, -1),
          this.button("down", "▼", "Move down", p.id, 1),
          tie,
          toss,
          read,
        ),
      ),
    );
    this.draggable(grip, el, p.id);
    return { el, rank, move, grades, tie, toss, to, passage: p };
  }

  button(kind, sign, label, id, by) {
    return h(
      "button",
      { type: "button", class: "quiet icon", "data-testid": kind, "aria-label": label, title: label, onclick: () => this.nudge(id, by) },
      sign,
    );
  }

  draggable(grip, el, id) {
    grip.addEventListener("pointerdown", (e) => {
      if (el.parentElement !== this.list) return;
      drag(
        e,
        el,
        () => [...this.list.children],
        (to) => {
          this.dropped = true;
          this.judgement.move(id, to);
          this.dropped = false;
          this.spoken(id);
        },
      );
      el.focus({ preventScroll: true });
    });
  }

  tell(what, id) {
    this.dispatchEvent(new CustomEvent(what, { detail: id, bubbles: true }));
  }

  nudge(id, by) {
    const at = this.judgement.seq.findIndex((x) => x.id === id);
    if (at < 0) return;
    const far = by > 0 ? this.judgement.lineAt - (this.below(id) ? 0 : 1) : 0;
    this.judgement.move(id, Number.isFinite(by) ? at + by : id === LINE ? this.judgement.seq.length * Math.sign(by) : far);
    this.spoken(id);
  }

  grade(id, g) {
    this.judgement.grade(id, g);
    const now = this.judgement.now.grades[id];
    this.say(now === undefined ? "Grade taken back." : `Grade ${now}: ${this.labels[now]}.`);
  }

  send(event, id) {
    event.stopPropagation();
    if (event.key === "Escape") this.row(id).el.focus();
    if (event.key !== "Enter") return;
    event.preventDefault();
    const wanted = Math.round(Number(event.target.value));
    event.target.value = "";
    if (!(wanted >= 1)) return;
    if (this.judgement.now.off.includes(id)) this.judgement.toss(id);
    // A rank beyond the judged ones means the last of them: nobody falls below the line by typing a number.
    this.judgement.move(id, Math.min(wanted - 1, this.below(id) ? this.judgement.lineAt : this.judgement.lineAt - 1));
    this.spoken(id);
    this.row(id).el.focus();
  }

  below(id) {
    return this.judgement.seq.findIndex((x) => x.id === id) > this.judgement.lineAt;
  }

  spoken(id) {
    if (id === LINE) return this.say(`The line stands below ${this.judgement.lineAt} passages.`);
    const rank = this.judgement.ranks().get(id);
    this.say(`${name(this.passages.get(id)).slice(0, 60)}: ${rank ? `rank ${rank}` : "not judged"}.`);
    this.tell("moved", id);
  }

  keys(event) {
    const el = event.target.closest("li");
    if (!el || event.target !== el) return;
    const id = el.dataset.line !== undefined ? LINE : el.dataset.pid;
    const by = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.altKey && by) {
      event.preventDefault();
      return this.nudge(id, by);
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const next = { ArrowDown: el.nextElementSibling, ArrowUp: el.previousElementSibling }[event.key];
    if (next) {
      event.preventDefault();
      return next.focus();
    }
    if (id === LINE) return;
    const act = {
      t: () => this.tied(id),
      x: () => this.toss(id, el),
      r: () => this.row(id).to.focus(),
      c: () => this.tell("cause", id),
      m: () => this.tell("mark", id),
      enter: () => this.tell("read", id),
    }[event.key.toLowerCase()];
    if (/^[0-9]$/.test(event.key) && Number(event.key) < this.labels.length) {
      event.preventDefault();
      this.grade(id, Number(event.key));
    } else if (act) {
      event.preventDefault();
      act();
    }
  }

  toss(id, el) {
    const neighbour = el.nextElementSibling ?? el.previousElementSibling;
    this.tossed(id);
    (neighbour ?? el).focus();
  }

  tossed(id) {
    this.judgement.toss(id);
    this.say(this.judgement.now.off.includes(id) ? "Put among the not relevant." : "Back in the list.");
    this.tell("moved", id);
  }

  tied(id) {
    this.judgement.tie(id);
    const item = this.judgement.seq.find((x) => x.id === id);
    this.say(item?.tie ? "Tied with the one above." : "Not tied with the one above.");
  }

  draw(glide) {
    const { seq, off, grades, spans } = this.judgement.now;
    const marks = new Set(spans.map((x) => x.passage_id));
    reorder(
      this.list,
      seq.map((x) => this.row(x.id).el),
      glide && !this.dropped,
    );
    reorder(
      this.bucket,
      off.map((id) => this.row(id).el),
      false,
    );
    this.bucketBox.hidden = !off.length;
    const ranks = this.judgement.ranks();
    const shown = new Map(this.judgement.shown.map((id, i) => [id, i + 1]));
    for (const { id, tie } of [...seq, ...off.map((id) => ({ id, tie: false }))]) {
      if (id === LINE) continue;
      const row = this.row(id);
      const rank = ranks.get(id);
      row.rank.textContent = rank ? `${rank}` : "–";
      row.move.replaceChildren(arrow(rank ? shown.get(id) - rank : null));
      row.el.classList.toggle("tied", tie);
      row.el.classList.toggle("unjudged", !rank);
      row.el.classList.toggle("hasmarks", marks.has(id));
      row.tie.setAttribute("aria-pressed", String(tie));
      row.toss.textContent = off.includes(id) ? "put back" : "not relevant";
      row.grades.forEach((b, g) => b.setAttribute("aria-pressed", String(grades[id] === g)));
      const place = `${rank ? `Rank ${rank}` : "Not judged"}${tie ? ", tied with the one above" : ""}`;
      const grade = grades[id] === undefined ? "" : `, grade ${grades[id]}`;
      row.el.setAttribute("aria-label", `${place}: ${name(row.passage).slice(0, 80)}${grade}${marks.has(id) ? ", words marked" : ""}`);
    }
  }
}

customElements.define("rr-ranker", Ranker);
