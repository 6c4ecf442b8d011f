// A person's judgement of one run: a weak order, a line below which nothing was judged, a bucket, grades, claims,
// the words that decided. Pure state with undo.

import { joined } from "./points.js";

const LINE = "\u0000line"; // stands in the sequence where "judged down to here" is; no passage id can be this
const DEPTH = 200; // steps that can be undone

export { LINE };

/** Dispatches `change` after every step, undo and load. Positions are 0-based in `seq`, which holds the line too. */
export class Judgement extends EventTarget {
  /** `shown`: the passage ids in the order in which the person saw them. */
  constructor(shown) {
    super();
    this.shown = [...shown];
    this.past = [];
    this.future = [];
    this.now = fresh(this.shown);
  }

  get seq() {
    return this.now.seq;
  }

  step(change, coalesce = "") {
    const next = structuredClone(this.now);
    if (change(next) === false) return;
    tidy(next.seq);
    if (!coalesce || this.last !== coalesce) this.past.push(this.now);
    this.last = coalesce;
    if (this.past.length > DEPTH) this.past.shift();
    this.future = [];
    this.now = next;
    this.tell();
  }

  undo() {
    this.swap(this.past, this.future);
  }
  redo() {
    this.swap(this.future, this.past);
  }

  swap(from, to) {
    if (!from.length) return;
    to.push(this.now);
    this.now = from.pop();
    this.last = "";
    this.tell();
  }

  /** Moves a passage (or the line) to a position. Landing between two tied passages joins them. */
  move(id, to) {
    this.step(({ seq }) => {
      const from = seq.findIndex((x) => x.id === id);
      to = Math.max(0, Math.min(seq.length - 1, to));
      if (from < 0 || from === to) return false;
      const [item] = seq.splice(from, 1);
      if (!item.tie && seq[from]?.tie) seq[from].tie = false; // the head of a group left: the next one heads it
      item.tie = false;
      seq.splice(to, 0, item);
      item.tie = Boolean(seq[to + 1]?.tie);
      return true;
    });
  }

  /** Ties a passage with the one above it, or parts them. */
  tie(id) {
    this.step(({ seq }) => {
      const at = seq.findIndex((x) => x.id === id);
      if (at < 1 || seq[at - 1].id === LINE || at > seq.findIndex((x) => x.id === LINE)) return false;
      seq[at].tie = !seq[at].tie;
      return true;
    });
  }

  /** Puts a passage into the bucket of those not relevant, or takes it out again, to the end of the judged ones. */
  toss(id) {
    this.step((state) => {
      const at = state.off.indexOf(id);
      if (at >= 0) {
        state.off.splice(at, 1);
        state.seq.splice(
          state.seq.findIndex((x) => x.id === LINE),
          0,
          { id, tie: false },
        );
        return true;
      }
      const from = state.seq.findIndex((x) => x.id === id);
      if (from < 0) return false;
      if (!state.seq[from].tie && state.seq[from + 1]?.tie) state.seq[from + 1].tie = false;
      state.seq.splice(from, 1);
      state.off.push(id);
      return true;
    });
  }

  /** Sets a grade 0-3; the same grade again takes it back. */
  grade(id, value) {
    this.step(({ grades }) => {
      if (grades[id] === value) delete grades[id];
      else grades[id] = value;
    });
  }

  claim(claimId, passageId, change) {
    this.step(
      ({ claims }) => {
        claims[claimId] = { verdict: "unsure", rewrite: "", passage_id: passageId, span: null, ...claims[claimId], ...change };
      },
      "rewrite" in change ? `rewrite ${claimId}` : "",
    );
  }

  /** Marks the words [start, end) of a passage, in code points, as those that decide; what they touch becomes one with them. */
  mark(passage_id, start, end) {
    this.step((state) => {
      const others = state.spans.filter((s) => s.passage_id !== passage_id);
      const mine = state.spans.filter((s) => s.passage_id === passage_id);
      if (!(start < end)) return false;
      state.spans = [...others, ...joined([...mine, { passage_id, start, end }])];
      return true;
    });
  }

  unmark(passage_id, start) {
    this.step((state) => {
      state.spans = state.spans.filter((s) => s.passage_id !== passage_id || s.start !== start);
    });
  }

  spansOf(passage_id) {
    return this.now.spans.filter((s) => s.passage_id === passage_id);
  }

  set(change) {
    this.step(
      (state) => {
        Object.assign(state, change);
      },
      "note" in change ? "note" : "",
    );
  }

  /** Takes over a version as one step, which can be undone. */
  restore(wire) {
    this.step((state) => {
      Object.assign(state, read(wire, this.shown));
    });
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** 1-based rank by id for those above the line; tied passages share one. */
  ranks() {
    const out = new Map();
    let rank = 0;
    this.seq.slice(0, this.lineAt).forEach((x, i) => {
      if (!x.tie) rank = i + 1;
      out.set(x.id, rank);
    });
    return out;
  }

  get lineAt() {
    return this.seq.findIndex((x) => x.id === LINE);
  }

  /** What goes over the wire: ids only. */
  wire() {
    const { seq, off, grades, claims, spans, disagree, note, confidence } = this.now;
    const order = [];
    for (const x of seq.slice(0, this.lineAt)) {
      if (x.tie && order.length) order.at(-1).push(x.id);
      else order.push([x.id]);
    }
    return {
      order,
      not_relevant: [...off],
      unranked: seq.slice(this.lineAt + 1).map((x) => x.id),
      grades: { ...grades },
      shown_order: this.shown,
      claims: Object.entries(claims).map(([claim_id, c]) => ({ claim_id, ...c })),
      ...(spans.length ? { spans: spans.map(({ passage_id, start, end }) => ({ passage_id, start, end })) } : {}),
      disagree,
      note,
      confidence,
    };
  }

  /** Takes over a stored judgement, forgetting the steps before. Passages it does not name are put below the line. */
  load(wire) {
    this.now = read(wire, this.shown);
    Object.assign(this, { past: [], future: [], last: "" });
    this.tell();
  }
}

/** A version as state. */
function read(wire, shown) {
  const known = new Set(shown);
  const seq = (wire.order ?? []).flatMap((group) => group.filter((id) => known.has(id)).map((id, i) => ({ id, tie: i > 0 })));
  const off = (wire.not_relevant ?? []).filter((id) => known.has(id));
  const seen = new Set([...seq.map((x) => x.id), ...off]);
  const rest = [...(wire.unranked ?? []), ...shown].filter((id) => known.has(id) && !seen.has(id) && seen.add(id));
  return {
    seq: [...seq, { id: LINE, tie: false }, ...rest.map((id) => ({ id, tie: false }))],
    off,
    grades: { ...wire.grades },
    claims: Object.fromEntries((wire.claims ?? []).map(({ claim_id, ...c }) => [claim_id, c])),
    spans: (wire.spans ?? []).filter((x) => known.has(x.passage_id)).map((x) => ({ ...x })),
    disagree: Boolean(wire.disagree),
    note: wire.note ?? "",
    confidence: wire.confidence ?? null,
  };
}

function fresh(shown) {
  return {
    seq: [...shown.map((id) => ({ id, tie: false })), { id: LINE, tie: false }],
    off: [],
    grades: {},
    claims: {},
    spans: [],
    disagree: false,
    note: "",
    confidence: null,
  };
}

function tidy(seq) {
  const line = seq.findIndex((x) => x.id === LINE);
  seq.forEach((x, i) => {
    if (i === 0 || i >= line) x.tie = false;
  });
}
