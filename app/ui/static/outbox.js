// What this browser holds for the server. Two tables: `saves`, each a record of its own by its idempotency key, whose bytes never change
// once it may have been sent; and `drafts`, one for each tab and target, of what is not a save yet. A tab owns its records while it lives;
// another may take them over after. Sending the same save twice is harmless, so locks only spare the work.

import { ApiError, key, post } from "./api.js";
import { openStore } from "./store.js";

const RETRY_MS = 15_000;
const PING_MS = 200;
const OLD = "reasonrank:judgement:"; // where earlier versions of this page kept theirs
const LOCK = "reasonrank:tab:";

/** What a judgement is of: {run: token} or {assignment: id}, as one text. */
export const targetId = (target) => (target.run ? `run:${target.run}` : `assignment:${target.assignment}`);

/** Fires `change` when what is held changes, and `sent` with {target, key, version} when any tab sent something. */
class Outbox extends EventTarget {
  tab = key();
  writing = 0; // writes under way
  failed = null; // the name of the error where the newest write failed
  open = new Set(); // targets on screen in this tab: they send their own
  count = 0;

  /** Opens the store once; every other method waits for it. */
  ready() {
    this.starting ??= this.start();
    return this.starting;
  }

  async start() {
    this.store = await openStore();
    this.live = holdLock(LOCK + this.tab);
    if (globalThis.BroadcastChannel) {
      this.channel = new BroadcastChannel("reasonrank:outbox");
      this.channel.onmessage = ({ data }) => this.heard(data);
    }
    await this.live;
    await this.adoptOld();
    addEventListener("online", () => this.drain());
    setInterval(() => this.count && this.drain(), RETRY_MS);
    await this.recount();
  }

  heard(data) {
    if (data.ask) this.channel.postMessage({ here: this.tab });
    if (data.here) this.answers?.add(data.here);
    if (data.sent) this.dispatchEvent(new CustomEvent("sent", { detail: data.sent }));
    if (data.sent || data.changed) this.recount();
  }

  /** The tabs that are open now, this one among them. */
  async alive() {
    if (globalThis.navigator?.locks) {
      const { held } = await navigator.locks.query();
      return new Set([this.tab, ...held.filter((l) => l.name.startsWith(LOCK)).map((l) => l.name.slice(LOCK.length))]);
    }
    // No locks where the page came over plain http from another machine: there the others are asked.
    this.answers = new Set([this.tab]);
    this.channel?.postMessage({ ask: true });
    await new Promise((resolve) => setTimeout(resolve, PING_MS));
    return this.answers;
  }

  /** Work on `target` that no open tab owns becomes this tab's: {draft, save, leftovers}, the newest of each; the rest are leftovers. */
  async claim(target) {
    await this.ready();
    const alive = await this.alive();
    const free = (row) => row.target === target && (row.tab === this.tab || !alive.has(row.tab));
    let [drafts, saves] = [[], []];
    await this.store.change("drafts", (rows) => {
      const found = rows.filter(free).sort((x, y) => y.touched - x.touched);
      const newest = found.find((d) => !d.parked);
      // The one touched last goes on; any other is parked under an id of its own, to be chosen later.
      drafts = found.map((d) => {
        if (d === newest) return { ...d, tab: this.tab, id: `${target} ${this.tab}` };
        return { ...d, tab: this.tab, parked: true, id: d.parked ? d.id : `${target} parked ${key()}` };
      });
      return { put: drafts, remove: found.map((d) => d.id) };
    });
    await this.store.change("saves", (rows) => {
      saves = rows
        .filter(free)
        .map((row) => ({ ...row, tab: this.tab }))
        .sort((x, y) => x.created - y.created);
      return { put: saves, remove: [] };
    });
    const save = saves.at(-1) ?? null;
    return {
      draft: drafts.find((d) => !d.parked) ?? null,
      save,
      leftovers: [...drafts.filter((d) => d.parked), ...saves.slice(0, -1)],
    };
  }

  /** Keeps what is on screen but no save yet. Writes follow each other; only the newest of those that wait is written. */
  keep(target, value) {
    this.latest = { id: `${target} ${this.tab}`, target, tab: this.tab, touched: Date.now(), ...value };
    this.pump ??= this.pumpDrafts().finally(() => {
      this.pump = null;
    });
    return this.pump;
  }

  async pumpDrafts() {
    while (this.latest) {
      const row = this.latest;
      this.latest = null;
      await this.write(() => (row.wire ? this.store.put("drafts", row) : this.store.remove("drafts", row.id)), Boolean(row.wire));
    }
    await this.recount();
  }

  /** Forgets the draft of a target: what it held is saved. */
  drop(target) {
    return this.keep(target, {});
  }

  /** Does one write and notes how it went; never throws: the page still holds what could not be written. Removals are not precious. */
  async write(work, precious = true) {
    if (precious) this.writing += 1;
    try {
      await this.ready();
      await work();
      this.failed = null;
    } catch (cause) {
      this.failed = cause?.name || "Error";
    } finally {
      if (precious) this.writing -= 1;
    }
    this.dispatchEvent(new Event("change"));
  }

  /** True while something would be lost with the page. */
  get unstored() {
    return this.writing > 0 || Boolean(this.latest) || this.failed !== null || (this.store?.kind === "memory" && this.count > 0);
  }

  /** Why nothing is kept beyond this page, in words; empty where all is well. */
  get trouble() {
    if (this.failed === "QuotaExceededError") return "This browser's storage is full, so it keeps no copy. Save before you leave the page.";
    if (this.failed) return `This browser could not keep a copy (${this.failed}). Save before you leave the page.`;
    if (this.store?.kind === "memory") return "This browser keeps no copies (a private window?): save before you leave this page.";
    return "";
  }

  /** Stores a save before it is sent for the first time. */
  async put(target, body) {
    const row = { key: body.idempotency_key, target, tab: this.tab, created: Date.now(), state: "waiting", body };
    await this.write(() => this.store.put("saves", row));
    await this.recount();
    return row;
  }

  /** Sends a save; the server's answer, or null where another tab is sending this very one. Raises ApiError; the record then stays. */
  async send(row) {
    const answer = await withLock(`reasonrank:save:${row.key}`, () => post("judgements", row.body));
    if (answer === null) return null;
    await this.forget(row);
    const sent = { target: row.target, key: row.key, version: answer.judgement.version };
    this.channel?.postMessage({ sent });
    this.dispatchEvent(new CustomEvent("sent", { detail: sent }));
    return answer;
  }

  /** Removes a record: it was saved, or a person decided against it. */
  async forget(row) {
    await this.write(() => (row.key ? this.store.remove("saves", row.key) : this.store.remove("drafts", row.id)), false);
    await this.recount();
  }

  async mark(row, state) {
    await this.write(() => this.store.put("saves", { ...row, state }));
    await this.recount();
  }

  /** Sends what closed tabs left behind. What the server refuses stays until its target is opened. */
  async drain() {
    await this.ready();
    if (this.draining) return;
    this.draining = true;
    try {
      const alive = await this.alive();
      const rows = (await this.store.all("saves")).filter((row) => row.state === "waiting" && this.mayTake(row, alive));
      for (const row of rows.sort((a, b) => a.created - b.created)) if (!(await this.attempt(row))) break;
    } finally {
      this.draining = false;
    }
  }

  mayTake(row, alive) {
    return row.tab === this.tab ? !this.open.has(row.target) : !alive.has(row.tab);
  }

  /** One try of a save that nobody looks at; false where the server can't be reached, so that trying the next is no use. */
  async attempt(row) {
    try {
      await this.send(row);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.passing) return false;
      await this.mark(row, error.status === 409 ? "conflict" : "refused");
    }
    return true;
  }

  /** Everything held, for those who list it. */
  async held() {
    await this.ready();
    return { saves: await this.store.all("saves"), drafts: await this.store.all("drafts") };
  }

  async recount() {
    if (!this.store) return;
    const [saves, drafts] = [await this.store.all("saves"), await this.store.all("drafts")];
    this.count = saves.length + drafts.filter((d) => !saves.some((s) => s.target === d.target)).length;
    this.targets = new Set([...saves, ...drafts].map((row) => row.target));
    this.waiting = saves.length;
    this.dispatchEvent(new Event("change"));
  }

  /** Takes over what an earlier version of the page left in localStorage, once. */
  async adoptOld() {
    let names = [];
    try {
      names = Object.keys(localStorage).filter((k) => k.startsWith(OLD));
    } catch {
      return; // storage is forbidden: then nothing was left there either
    }
    for (const name of names) {
      const old = parsed(localStorage.getItem(name));
      const target = `run:${name.slice(OLD.length)}`;
      const row = { target, tab: "" };
      if (old?.pending)
        await this.store.put("saves", { ...row, key: old.pending.idempotency_key, created: 0, state: "waiting", body: old.pending });
      if (old?.dirty && old.wire) await this.store.put("drafts", { ...row, ...old, id: `${target} old`, touched: 0, pending: null });
      localStorage.removeItem(name);
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** Holds a lock as long as the page lives; resolves once it is held, at once where there are no locks. */
function holdLock(name) {
  if (!globalThis.navigator?.locks) return Promise.resolve();
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, () => {
      resolve();
      return new Promise(() => {});
    });
    held.catch(() => resolve()); // a page being torn down gets none, and needs none
  });
}

/** Runs `work` unless another tab holds the lock; null then. */
function withLock(name, work) {
  if (!globalThis.navigator?.locks) return work();
  return navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock ? work() : null));
}

export const outbox = new Outbox();
