// The calls of a run with several: one tab each, with its state, so that any number can be written at once.

import { h } from "./dom.js";
import { OUTCOMES } from "./words.js";

const SIGNS = { waiting: "○", live: "●", good: "✓", warn: "~", bad: "!" };
const KINDS = { clean: "good", repaired: "warn" };

/** How a call stands: [kind, word]. */
export function stateOf(w) {
  if (w.live) return w.reasoning || w.answer ? ["live", "writing"] : ["waiting", "waiting"];
  if (!w.outcome) return ["warn", "stopped"];
  return [KINDS[w.outcome] ?? "bad", OUTCOMES[w.outcome]?.[0] ?? w.outcome];
}

/** The plan of a fork that a call belongs to, as its number; empty for the only plan. */
const planOf = (w) => w.window.slice(0, w.window.lastIndexOf(".") + 1).replace(/\.$/, "");

/** "3 writing, 5 waiting, 12 clean". */
export function tally(windows) {
  const counts = new Map();
  for (const w of windows) {
    const [, word] = stateOf(w);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, n]) => `${n} ${word}`).join(", ");
}

export class CallTabs {
  /** `panel` is the id of what the tabs open; `opened(window)` is told which call is shown. */
  constructor(panel, opened) {
    Object.assign(this, { panel, opened, tabs: new Map(), groups: new Map(), shown: null, following: true });
    this.list = h("div", {
      class: "calltabs",
      role: "tablist",
      "aria-label": "Calls of this run",
      "data-testid": "calls-list",
      onkeydown: (e) => this.keys(e),
      onclick: (e) => this.pick(e.target.closest("[role=tab]")),
    });
    this.follow = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-pressed": "true",
        "data-testid": "follow",
        onclick: () => this.setFollowing(!this.following),
      },
      "Follow the newest",
    );
  }

  clear() {
    this.tabs.clear();
    this.groups.clear();
    this.list.replaceChildren();
    Object.assign(this, { shown: null, windows: null });
    this.setFollowing(true);
  }

  setFollowing(on) {
    this.following = on;
    this.follow.setAttribute("aria-pressed", String(on));
    if (on && this.windows) this.opened(this.newest(this.windows));
  }

  /** New calls get a tab, changed ones a new state; touches nothing else. */
  draw(windows) {
    this.windows = windows;
    for (const w of windows.values()) {
      const tab = this.tabs.get(w.window) ?? this.add(w);
      const [kind, word] = stateOf(w);
      if (tab.word === word) continue;
      tab.word = word;
      tab.el.className = `calltab ${kind}`;
      tab.sign.textContent = SIGNS[kind];
      tab.el.setAttribute("aria-label", `${tab.title}: ${word}`);
      tab.el.title = `${tab.title}: ${word}`;
    }
    if (this.following) this.show(this.newest(windows));
    return this.shown;
  }

  add(w) {
    const plan = planOf(w);
    const title = [`Call ${w.number}`, plan && `plan ${plan}`, `round ${w.depth}`].filter(Boolean).join(", ");
    const sign = h("span", { "aria-hidden": "true" });
    const el = h(
      "button",
      { type: "button", role: "tab", id: `rr-call-${w.number}`, "aria-controls": this.panel, "aria-selected": "false", tabindex: -1 },
      String(w.number),
      sign,
    );
    el.setAttribute("data-testid", `window-${w.number}`);
    el.dataset.window = w.window;
    const group = this.groups.get(plan) ?? this.group(plan);
    if (group.depth && group.depth < w.depth) group.el.append(h("span", { class: "turn", "aria-hidden": "true" }));
    group.depth = Math.max(group.depth, w.depth);
    // Calls of a round begin in any order, and stand in the order of their numbers.
    const next = group.tabs.find((tab) => tab.number > w.number);
    group.el.insertBefore(el, next?.el ?? null);
    const tab = { el, sign, title, word: "", number: w.number };
    group.tabs.splice(next ? group.tabs.indexOf(next) : group.tabs.length, 0, tab);
    this.tabs.set(w.window, tab);
    return tab;
  }

  group(plan) {
    const label = plan ? h("span", { class: "meta", "aria-hidden": "true" }, `Plan ${plan}`) : null;
    const group = { el: h("div", { class: "plan", role: "presentation" }, label), tabs: [], depth: 0 };
    const later = [...this.groups].filter(([other]) => other.localeCompare(plan, "en", { numeric: true }) > 0).map(([, g]) => g.el);
    this.list.insertBefore(group.el, [...this.list.children].find((el) => later.includes(el)) ?? null);
    this.groups.set(plan, group);
    return group;
  }

  /** The call to follow: the one shown as long as it writes, else the newest that writes, else the newest of all. */
  newest(windows) {
    const shown = windows.get(this.shown);
    const writes = (w) => stateOf(w)[0] === "live";
    if (shown && writes(shown)) return shown.window;
    const all = [...windows.values()].sort((a, b) => b.number - a.number);
    return (all.find(writes) ?? all.find((w) => w.live) ?? all[0])?.window ?? null;
  }

  show(window) {
    if (window === this.shown || !this.tabs.has(window)) return;
    const before = this.tabs.get(this.shown)?.el;
    const { el } = this.tabs.get(window);
    for (const [tab, on] of [
      [before, false],
      [el, true],
    ]) {
      tab?.setAttribute("aria-selected", String(on));
      if (tab) tab.tabIndex = on ? 0 : -1;
    }
    this.shown = window;
    // Not scrollIntoView: that would move the whole page while somebody reads.
    const { list } = this;
    if (el.offsetTop < list.scrollTop) list.scrollTop = el.offsetTop - 4;
    const low = el.offsetTop + el.offsetHeight - list.clientHeight;
    if (low > list.scrollTop) list.scrollTop = low + 4;
  }

  pick(el) {
    if (!el) return;
    this.setFollowing(false);
    this.show(el.dataset.window);
    this.opened(el.dataset.window);
  }

  keys(event) {
    const all = [...this.list.querySelectorAll("[role=tab]")];
    const at = all.indexOf(event.target);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    if (!all[to]) return;
    this.pick(all[to]);
    all[to].focus({ preventScroll: true });
  }

  /** Marks the calls that read a passage; null for none. */
  mark(pid) {
    for (const [window, { el }] of this.tabs) el.classList.toggle("about", pid !== null && this.windows.get(window).passages.includes(pid));
  }
}
