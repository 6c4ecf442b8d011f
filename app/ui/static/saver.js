// Saving a judgement so that nothing is lost: every step lands in this browser first, every save carries a key and the version it
// builds on, and what the server has not confirmed is sent again, the same bytes with the same key, until it answers.

import { debounce } from "./dom.js";
import { ApiError, get, key, post } from "./api.js";

const AUTOSAVE_MS = 2500;
const LONGEST_WAIT = 20_000;
const IDLE_MS = 60_000; // after that long without a touch, time no longer counts as active
const PREFIX = "reasonrank:judgement:";

/** Runs of this browser that hold something not saved yet. */
export function unsaved() {
  return Object.keys(localStorage)
    .filter((k) => k.startsWith(PREFIX))
    .filter((k) => {
      const v = read(k);
      return v?.dirty || v?.pending;
    })
    .map((k) => k.slice(PREFIX.length));
}

/** Sends what earlier visits could not, for every run but the one that is open: that one looks after itself. */
export async function flush(open) {
  for (const token of unsaved()) {
    const local = read(PREFIX + token);
    if (token === open || !local?.pending) continue;
    try {
      const { judgement } = await post("judgements", local.pending);
      localStorage.setItem(PREFIX + token, JSON.stringify({ ...local, pending: null, base: judgement.version }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0) return;
    }
  }
}

function read(k) {
  try {
    return JSON.parse(localStorage.getItem(k));
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** Dispatches `status` with {state: clean|dirty|saving|saved|waiting|conflict|refused, message}. */
export class Saver extends EventTarget {
  constructor(token, judgement) {
    super();
    Object.assign(this, {
      token,
      judgement,
      k: PREFIX + token,
      base: 0,
      pending: null,
      next: "",
      dirty: false,
      wait: 1000,
      busy: false,
      theirs: null,
      closed: false,
    });
    this.active = 0;
    this.touched = Date.now();
    this.autosave = debounce(() => this.queue("draft"), AUTOSAVE_MS);
    this.online = () => {
      if (this.pending && !this.busy) this.send();
    };
    addEventListener("online", this.online);
  }

  /** Finds what there is: unsaved work of this browser first, else the server's newest. */
  async open() {
    const local = read(this.k);
    this.active = local?.active ?? 0;
    if (local?.dirty || local?.pending) {
      Object.assign(this, { base: local.base, pending: local.pending, dirty: local.dirty, next: local.next ?? "" });
      this.judgement.load(local.wire);
      this.watch();
      if (this.pending) await this.send();
      else this.changed();
      return;
    }
    let newest = null;
    try {
      newest = (await get(`judgements?run=${encodeURIComponent(this.token)}`)).judgement;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say("waiting", error.message);
    }
    if (newest) {
      this.judgement.load(newest);
      this.base = newest.version;
      this.say("saved", told(newest));
    } else this.say("clean", "Nothing changed yet.");
    this.watch();
  }

  watch() {
    this.judgement.addEventListener("change", () => {
      if (!this.loading) this.changed();
    });
  }

  close() {
    this.closed = true;
    this.autosave.cancel();
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
  }

  changed() {
    const now = Date.now();
    this.active += Math.min(now - this.touched, IDLE_MS) / 1000;
    this.touched = now;
    this.dirty = true;
    this.keep();
    if (this.theirs) return;
    if (!this.pending) this.say("dirty", "Kept in this browser; saving in a moment.");
    this.autosave();
  }

  keep() {
    const { base, pending, dirty, next, active } = this;
    try {
      localStorage.setItem(this.k, JSON.stringify({ base, pending, dirty, next, active, wire: this.judgement.wire() }));
    } catch (cause) {
      // Storage may be full or forbidden: then the page is the only copy, and the person must know.
      this.say("refused", `This browser keeps no copy (${cause.name}). Save before you leave the page.`);
    }
  }

  /** Saves as draft, submitted, skipped or flagged. A save under way is finished first, then this one follows. */
  queue(state) {
    this.autosave.cancel();
    if (this.theirs) return;
    if (this.pending) {
      if (this.next !== "submitted") this.next = state;
      this.keep();
      if (!this.busy) this.send();
      return;
    }
    const { token: run, base: base_version } = this;
    this.pending = {
      ...this.judgement.wire(),
      run,
      base_version,
      idempotency_key: key(),
      active_seconds: Math.round(this.active * 10) / 10,
      state,
    };
    this.dirty = false;
    this.keep();
    this.send();
  }

  async send() {
    clearTimeout(this.timer);
    if (this.closed || !this.pending) return;
    this.busy = true;
    this.say("saving", "Saving…");
    try {
      this.saved((await post("judgements", this.pending)).judgement);
    } catch (error) {
      this.busy = false;
      if (!(error instanceof ApiError)) throw error;
      this.failed(error);
    }
  }

  saved(judgement) {
    Object.assign(this, { busy: false, pending: null, base: judgement.version, wait: 1000 });
    const { next } = this;
    this.next = "";
    this.keep();
    if (next) return this.queue(next);
    if (this.dirty) return this.changed();
    this.say("saved", told(judgement));
    this.dispatchEvent(new CustomEvent("saved", { detail: judgement }));
  }

  failed(error) {
    if (error.status === 409) {
      this.theirs = error.body?.newest ?? null;
      return this.say("conflict", "Somebody, or another tab of yours, saved a newer version. Choose which one stays.");
    }
    if (!error.passing) {
      Object.assign(this, { pending: null, dirty: true });
      this.keep();
      return this.say("refused", `Not saved: ${error.message}`);
    }
    this.say("waiting", `Not saved yet, will retry. ${error.message}`);
    this.timer = setTimeout(() => this.send(), this.wait);
    this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
  }

  /** Ends a conflict: mine is saved on top of theirs, or theirs replaces mine here. */
  settle(mine) {
    const { theirs, pending } = this;
    Object.assign(this, { theirs: null, pending: null, base: theirs?.version ?? this.base, next: "" });
    if (mine) return this.queue(pending?.state ?? "draft");
    this.loading = true;
    this.judgement.load(theirs);
    this.loading = false;
    this.dirty = false;
    this.keep();
    this.say("saved", told(theirs));
  }

  say(state, message) {
    this.status = { state, message };
    this.dispatchEvent(new CustomEvent("status", { detail: this.status }));
  }
}

const told = (j) => (j.state === "draft" ? `Draft saved, version ${j.version}.` : `Saved, version ${j.version}.`);
