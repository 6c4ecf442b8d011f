// Saving a judgement so that nothing is lost: every step lands in this browser first, every save carries a key and the version it
// builds on, and what the server has not confirmed is sent again, the same bytes with the same key, until it answers.

import { debounce } from "./dom.js";
import { ApiError, get, key } from "./api.js";
import { outbox, targetId } from "./outbox.js";

const AUTOSAVE_MS = 2500;
const LONGEST_WAIT = 20_000;
const IDLE_MS = 60_000; // after that long without a touch, time no longer counts as active
const AGAIN_MS = 800; // another tab is sending the same save

/** The address of what is stored for a target: judgements or judgements/versions. */
export const stored = (path, target) => `${path}?${new URLSearchParams(target)}`;

/**
 * Dispatches `status` with {state: clean|dirty|saving|saved|waiting|conflict|refused, message}, and `saved` with the server's answer.
 * `target` is {run} or {assignment}.
 */
export class Saver extends EventTarget {
  constructor(target, judgement) {
    super();
    Object.assign(this, { target, judgement, id: targetId(target), base: 0, pending: null, next: "", dirty: false, wait: 1000 });
    Object.assign(this, { busy: false, theirs: null, closed: false, leftovers: [], state: "", active: 0, touched: Date.now() });
    this.autosave = debounce(() => this.auto(), AUTOSAVE_MS);
    this.online = () => {
      if (this.pending && !this.busy) this.send();
    };
    this.kept = () => {
      if (outbox.trouble && this.dirty) this.say("refused", outbox.trouble);
    };
    this.step = () => {
      if (!this.loading) this.changed();
    };
    addEventListener("online", this.online);
    outbox.addEventListener("change", this.kept);
  }

  /** Finds what there is: unsaved work of this browser first, else `newest`, which is fetched where it is not given. */
  async open(newest) {
    outbox.open.add(this.id);
    const { draft, save, leftovers } = await outbox.claim(this.id);
    this.leftovers = leftovers;
    if (this.closed) return;
    if (draft || save) {
      const wire = draft?.wire ?? save.body;
      Object.assign(this, { base: draft?.base ?? save.body.base_version, pending: save, dirty: Boolean(draft?.dirty) });
      Object.assign(this, { next: draft?.next ?? "", active: draft?.active ?? 0, state: draft?.state ?? "" });
      this.judgement.load(wire);
      this.watch();
      if (this.pending) await this.send();
      else this.changed();
      return;
    }
    await this.fetched(newest);
    this.watch();
  }

  async fetched(newest) {
    try {
      if (newest === undefined) newest = (await get(stored("judgements", this.target))).judgement;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.say("waiting", error.message);
    }
    if (!newest) return this.say("clean", "Nothing changed yet.");
    this.judgement.load(newest);
    Object.assign(this, { base: newest.version, state: newest.state });
    this.say("saved", told(newest));
  }

  watch() {
    this.judgement.addEventListener("change", this.step);
  }

  /** Ends the session. What is not saved goes on in the background, and stays in this browser until it is. */
  async close() {
    if (this.closed) return;
    this.closed = true;
    this.autosave.cancel();
    clearTimeout(this.timer);
    this.judgement.removeEventListener("change", this.step);
    removeEventListener("online", this.online);
    outbox.removeEventListener("change", this.kept);
    if (this.dirty && !this.pending && !this.theirs && !this.corrects) {
      await outbox.put(this.id, this.body("draft"));
      await outbox.drop(this.id);
    }
    outbox.open.delete(this.id);
    await outbox.drain();
  }

  changed() {
    const now = Date.now();
    this.active += Math.min(now - this.touched, IDLE_MS) / 1000;
    this.touched = now;
    this.dirty = true;
    this.keep();
    if (this.theirs) return;
    const then = this.corrects ? "submit to correct" : "saving in a moment";
    if (!this.pending) this.say("dirty", `Kept in this browser; ${then}.`);
    this.autosave();
  }

  /** A submitted task stays submitted while its author corrects it: a draft would take it out of the results. */
  get corrects() {
    return Boolean(this.target.assignment) && Boolean(this.state) && this.state !== "draft";
  }

  auto() {
    if (!this.corrects) this.queue("draft");
  }

  /** Brings the copy in this browser up to date; resolves once it is written. */
  keep() {
    const { base, dirty, next, active, state } = this;
    if (!dirty && !next) return outbox.drop(this.id);
    return outbox.keep(this.id, { base, dirty, next, active, state, wire: this.judgement.wire() });
  }

  /** Saves as draft, submitted, skipped, flagged or cannot_judge. A save under way is finished first, then this one follows. */
  async queue(state) {
    this.autosave.cancel();
    if (this.theirs || this.closed) return;
    if (this.pending) {
      if (!this.next || this.next === "draft") this.next = state;
      this.keep();
      if (!this.busy) this.send();
      return;
    }
    const body = this.body(state);
    this.dirty = false;
    this.pending = { key: body.idempotency_key, body };
    this.say("saving", "Saving…");
    this.busy = true;
    this.pending = await outbox.put(this.id, body); // on disk before it is sent, or a killed browser would know nothing of it
    this.keep();
    this.send();
  }

  body(state) {
    const active_seconds = Math.round(this.active * 10) / 10;
    return { ...this.judgement.wire(), ...this.target, base_version: this.base, idempotency_key: key(), active_seconds, state };
  }

  async send() {
    clearTimeout(this.timer);
    if (this.closed || !this.pending) return;
    this.busy = true;
    this.say("saving", "Saving…");
    try {
      const answer = await outbox.send(this.pending);
      if (answer) return this.saved(answer);
      this.busy = false;
      this.timer = setTimeout(() => this.send(), AGAIN_MS);
    } catch (error) {
      this.busy = false;
      if (!(error instanceof ApiError)) throw error;
      this.failed(error);
    }
  }

  saved(answer) {
    const { judgement } = answer;
    Object.assign(this, { busy: false, pending: null, base: judgement.version, state: judgement.state, wait: 1000 });
    const { next } = this;
    this.next = "";
    this.keep();
    if (this.closed) return;
    if (next) return this.queue(next);
    if (this.dirty) this.changed();
    else this.say("saved", told(judgement));
    this.dispatchEvent(new CustomEvent("saved", { detail: answer }));
  }

  failed(error) {
    if (error.status === 409) {
      this.theirs = error.body?.newest ?? null;
      if (this.theirs) return this.say("conflict", "Somebody, or another tab of yours, saved a newer version. Choose what stays.");
    }
    if (!error.passing) {
      const row = this.pending;
      Object.assign(this, { pending: null, dirty: true, next: "" });
      this.keep().then(() => outbox.forget(row));
      return this.say("refused", `Not saved: ${error.message}`);
    }
    this.say("waiting", `Not saved yet, will retry. ${error.message}`);
    this.timer = setTimeout(() => this.send(), this.wait);
    this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
  }

  /** Ends a conflict: `mine`, or a merge given as `wire`, is saved on top of theirs; or theirs replaces mine here. */
  async settle(mine, wire = null) {
    const { theirs, pending } = this;
    Object.assign(this, { theirs: null, pending: null, base: theirs?.version ?? this.base, next: "" });
    if (wire) this.judgement.restore(wire);
    if (mine) {
      this.dirty = true;
      await this.keep();
      await outbox.forget(pending);
      return this.queue(pending?.body.state ?? "draft");
    }
    this.loading = true;
    this.judgement.load(theirs);
    this.loading = false;
    Object.assign(this, { dirty: false, state: theirs.state });
    this.keep();
    await outbox.forget(pending);
    this.say("saved", told(theirs));
  }

  say(state, message) {
    this.status = { state, message };
    this.dispatchEvent(new CustomEvent("status", { detail: this.status }));
  }
}

const told = (j) => (j.state === "draft" ? `Draft saved, version ${j.version}.` : `Saved, version ${j.version}.`);
