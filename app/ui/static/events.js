// Server-sent events over fetch, because EventSource gives up for good on an error status and lets nobody resume by hand.

import { url } from "./api.js";

const QUIET_MS = 45_000; // longer than any heartbeat: a line that silent is taken for dead
const FIRST_WAIT = 500;
const LONGEST_WAIT = 8_000;

function parse(block) {
  const event = { id: "", name: "message", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("id")) event.id = value;
    else if (line.startsWith("event")) event.name = value;
    else if (line.startsWith("data")) event.data += (event.data ? "\n" : "") + value;
  }
  return event;
}

async function* read(response, abort) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const timer = setTimeout(() => abort.abort(), QUIET_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    let cut;
    while ((cut = buffer.indexOf("\n\n")) >= 0) {
      const event = parse(buffer.slice(0, cut));
      buffer = buffer.slice(cut + 2);
      if (event.data) yield event;
    }
  }
}

/**
 * Follows a run's events until `end`, coming back after every break with Last-Event-ID and a growing pause.
 * `on.event(name, data, number)`, `on.line(state)` with state open | lost, `on.gone(message)` where the run does not exist.
 * Returns a function that stops following.
 */
export const follow = (token, on) =>
  followPath(`runs/${encodeURIComponent(token)}/events`, on, "No run has this link. It may have been made on another machine.");

/** The same for any stream of numbered events below /api/v1; `last` is the number to go on after. */
export function followPath(path, on, missing, last = "") {
  const state = { closed: false, last, wait: FIRST_WAIT, abort: null, wake: null };
  run(path, on, state, missing);
  return () => {
    state.closed = true;
    state.abort?.abort();
    state.wake?.();
  };
}

async function run(path, on, state, missing) {
  while (!state.closed) {
    state.abort = new AbortController();
    try {
      if (await attempt(path, on, state, missing)) return;
    } catch (cause) {
      if (!(cause instanceof TypeError) && cause.name !== "AbortError") throw cause;
    }
    if (state.closed) return;
    on.line("lost");
    await new Promise((resolve) => {
      state.wake = resolve;
      setTimeout(resolve, state.wait * (0.7 + 0.6 * Math.random()));
    });
    state.wait = Math.min(LONGEST_WAIT, state.wait * 2);
  }
}

/** One connection; true when nothing more will come. */
async function attempt(path, on, state, missing) {
  const headers = { Accept: "text/event-stream", ...(state.last && { "Last-Event-ID": state.last }) };
  const response = await fetch(url(path), { headers, signal: state.abort.signal, cache: "no-store" });
  if (response.status === 404) {
    on.gone(missing);
    return true;
  }
  if (!response.ok) throw new TypeError(`status ${response.status}`);
  on.line("open");
  for await (const event of read(response, state.abort)) {
    if (state.closed) return true;
    // A server that restarted counts from 1 again and begins with `start`: only that may go backwards.
    if (event.name !== "start" && event.id && state.last && Number(event.id) <= Number(state.last)) continue;
    state.last = event.id || state.last;
    state.wait = FIRST_WAIT;
    on.event(event.name, JSON.parse(event.data), Number(event.id));
    if (event.name === "end") return true;
  }
  return false;
}
