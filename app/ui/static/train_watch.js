// Looking again and again while a view is on screen: says when the server went away, and goes on when it is back.

import { h } from "./dom.js";
import { ApiError } from "./api.js";

const LONGEST_MS = 15_000;

/** A line that stands there while the server does not answer. */
export const lostLine = () =>
  h("p", {
    class: "note-line",
    role: "status",
    hidden: true,
    "data-testid": "train-lost",
  });

/**
 * Awaits `look()` now and `ms` after each time it has ended, as long as `root` is on the page and in sight. `look` answers false to end it.
 * What passes (no answer, overload) is told in `line` and tried again with a growing pause; anything else is told and ends it.
 */
export async function every(root, ms, look, line) {
  let wait = ms;
  for (let first = true; first || root.isConnected; first = false) {
    if (first || root.offsetWidth) {
      try {
        const more = await look();
        line.hidden = true;
        wait = ms;
        if (more === false) return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        line.textContent = error.passing ? `${error.message} Trying again; what stands here is from before.` : error.message;
        line.hidden = false;
        if (!error.passing) return;
        wait = Math.min(LONGEST_MS, wait * 2);
      }
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** Shows `make(back)` in place of what is in `box`, which stays as it is behind it; `back()` puts it back, with the focus where it was. */
export function over(box, make) {
  const before = [...box.children].filter((el) => !el.hidden);
  const focused = box.getRootNode().activeElement;
  const top = scrollY;
  for (const el of before) el.hidden = true;
  const back = () => {
    inner.remove();
    for (const el of before) el.hidden = false;
    scrollTo(0, top);
    focused?.focus({ preventScroll: true });
  };
  const inner = make(back);
  box.append(inner);
  return inner;
}

/** A set of rows kept by key: what is there is updated in place, so that focus, open folds and logs stay. */
export function keyed(list, make) {
  const rows = new Map();
  return (things, keyOf) => {
    const wanted = new Set(things.map(keyOf));
    for (const [key, row] of rows) {
      if (wanted.has(key)) continue;
      row.el.remove();
      row.close?.();
      rows.delete(key);
    }
    things.forEach((thing, i) => {
      const key = keyOf(thing);
      if (!rows.has(key)) rows.set(key, make(thing));
      const row = rows.get(key);
      row.update(thing);
      if (list.children[i] !== row.el) list.insertBefore(row.el, list.children[i] ?? null);
    });
  };
}
