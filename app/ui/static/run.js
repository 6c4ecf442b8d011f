// The state of one run in the page: a reducer over its events, and a pacer that may reveal at reading pace what has already arrived.

import { calm } from "./dom.js";
import { get, post } from "./api.js";
import { follow } from "./events.js";

const READING = 130; // characters a second at least: quick reading
const LONGEST = 7; // seconds a whole backlog may take to appear

const copy = (value) => structuredClone(value);

/** Dispatches `change` with detail {what: start|window|trace|standing|done|end|line}. */
export class Run extends EventTarget {
  constructor(token) {
    super();
    Object.assign(this, { token, run: null, windows: new Map(), planned: 0, standing: null, provisional: false });
    Object.assign(this, {
      line: "open",
      gone: "",
      queue: [],
      arrived: null,
      live: false,
      timer: 0,
      speed: READING,
      ended: false,
      cancel: null,
      watched: null, // the call on screen, where there are several
    });
  }

  /** Opens the run: from its stored state if it has ended, else by following it. */
  async open() {
    const run = await get(`runs/${encodeURIComponent(this.token)}`);
    if (run.state === "running") return this.follow();
    this.apply("start", { run });
    this.apply("end", { run });
  }

  follow() {
    this.cancel = follow(this.token, {
      event: (name, data) => this.receive(name, data),
      line: (line) => {
        if (line !== this.line) {
          this.line = line;
          this.tell("line");
        }
      },
      gone: (message) => {
        this.gone = message;
        this.tell("line");
      },
    });
  }

  close() {
    this.cancel?.();
    clearTimeout(this.timer);
    this.timer = 0;
    this.queue = [];
  }

  /** Nothing more appears from the click on; what was written until then comes with the server's answer. */
  async stop() {
    this.forget();
    this.stopping = true;
    const run = await post(`runs/${encodeURIComponent(this.token)}/stop`).finally(() => {
      this.stopping = false;
    });
    if (this.ended) return;
    this.close();
    this.apply("start", { run });
    this.apply("end", { run });
  }

  /** True while something that has arrived is not shown yet. */
  get revealing() {
    return this.queue.length > 0 && this.arrived !== null;
  }

  skip() {
    clearTimeout(this.timer);
    this.timer = 0;
    while (this.queue.length) this.apply(...this.queue.shift());
  }

  receive(name, data) {
    if (name === "error") {
      this.gone = data.error?.message ?? "The server could not go on with this run.";
      this.cancel?.();
      return this.tell("line");
    }
    if (name === "start") {
      this.forget();
      return this.apply(name, data);
    }
    if (name === "end" && data.run.state !== "finished") {
      this.forget();
      return this.apply(name, data);
    }
    if (this.stopping) return;
    if (name === "end") {
      this.arrived = data.run;
      this.tell("arrived");
    }
    this.queue.push(...pieces(name, data));
    if (calm()) return this.skip();
    if (!this.timer) this.step();
  }

  forget() {
    clearTimeout(this.timer);
    Object.assign(this, { timer: 0, queue: [], arrived: null, speed: READING });
  }

  /** Shows the next piece, then waits as long as it takes to read it; what another call writes than the one on screen takes no time. */
  step() {
    this.timer = 0;
    const waiting = this.queue.reduce((sum, [, d]) => sum + weight(d), 0);
    this.speed = Math.max(this.speed, waiting / LONGEST / this.abreast);
    let pause = 0;
    while (this.queue.length && pause < 40) {
      const [name, data] = this.queue.shift();
      this.apply(name, data);
      const unseen = this.watched && data.window && data.window !== this.watched;
      pause += unseen ? 0 : (weight(data) / this.speed) * 1000;
    }
    if (this.queue.length || pause) this.timer = setTimeout(() => this.step(), pause);
    else this.speed = READING;
  }

  /** How many calls are written side by side on average, of those that have arrived: one of them is read, the others pass. */
  get abreast() {
    const calls = [...this.windows.values(), ...this.queue.filter(([name]) => name === "window").map(([, data]) => data)];
    return Math.max(1, calls.length / Math.max(1, ...calls.map((w) => w.depth ?? 1)));
  }

  apply(name, data) {
    if (name === "start") this.begin(data.run);
    else if (name === "window") this.addWindow(data);
    else if (name === "trace") this.addTrace(data);
    else if (name === "standing") {
      this.standing = data.ids;
      this.provisional = data.provisional;
    } else if (name === "done") Object.assign(this.windows.get(data.window) ?? {}, data, { live: false });
    else if (name === "end") this.finish(data.run);
    this.tell(name, data);
  }

  begin(run) {
    this.run = run;
    this.ended = false;
    this.live = run.state === "running";
    this.windows = new Map();
    this.standing = null;
    this.provisional = false;
    this.planned = 0;
  }

  addWindow(data) {
    this.planned = data.of ?? this.planned;
    this.windows.set(data.window, { ...data, reasoning: "", answer: "", sentences: [], claims: [], live: true });
  }

  addTrace(data) {
    const window = this.windows.get(data.window);
    if (!window) return;
    window[data.channel] = (window[data.channel] ?? "") + data.text;
    if (data.sentences) window.sentences.push(...data.sentences);
    else if (data.parts) window.sentences.push({ claim: null, parts: data.parts });
  }

  finish(run) {
    this.run = copy(run);
    this.live = false;
    this.ended = true;
    this.provisional = false;
    this.standing = run.order ?? run.passages.map((p) => p.id);
    for (const w of run.windows ?? []) this.windows.set(w.window, { ...this.windows.get(w.window), ...w, live: false });
    for (const w of this.windows.values()) w.live = false;
  }

  tell(what, data) {
    this.dispatchEvent(new CustomEvent("change", { detail: { what, data } }));
  }
}

/** A batch as the pieces in which it is revealed: sentence by sentence, or a few words at a time. */
function pieces(name, data) {
  if (name !== "trace") return [[name, data]];
  const { window, channel } = data;
  if (data.sentences) {
    const rest = data.sentences.map((x) => [name, { window, channel, text: "", sentences: [x] }]);
    return [[name, { window, channel, text: data.text }], ...rest];
  }
  if (data.parts) return [[name, data]];
  return (data.text.match(/[^]{1,28}\S{0,12}\s?/gu) ?? []).map((text) => [name, { window, channel, text }]);
}

function weight(data) {
  if (data.parts) return data.parts.reduce((n, p) => n + (p.text?.length ?? 3), 0);
  if (data.sentences) return data.sentences.reduce((n, x) => n + weight(x), 0);
  return data.text ? data.text.length : 0;
}

/** The passages of a run by id. */
export const byId = (run) => new Map(run.passages.map((p) => [p.id, p]));

/** How far a passage rose (positive) or fell against the first stage; null where there is no order to compare with. */
export const movement = (passage, order) => {
  const at = order.indexOf(passage.id);
  return at < 0 ? null : passage.first_rank - (at + 1);
};
