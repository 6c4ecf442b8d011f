// What the tabs Review, Data and Manage share: styles, a live region, loading when they come into sight, and the look at the role.

import { h, announcer } from "./dom.js";
import { ApiError } from "./api.js";
import { adopt } from "./sheets.js";
import { me, who } from "./me.js";

/** A tab. A subclass has `enter(me)`, called when the tab is first seen and when somebody signs in or out, and `back()` for later. */
export class Tab extends HTMLElement {
  connectedCallback() {
    if (this.body) return;
    const root = adopt(this);
    this.body = h("div", { class: "stage" });
    this.live = announcer();
    root.append(this.body, this.live.el);
    new ResizeObserver(() => {
      const seen = this.offsetWidth > 0;
      if (seen && !this.seen) this.entered ? this.back() : this.open();
      this.seen = seen;
    }).observe(this);
    who.addEventListener("change", () => {
      this.entered = false;
      if (this.seen) this.open();
    });
  }

  /** Nothing is drawn anew by itself, so that a form half filled in is still there. */
  back() {}

  async open() {
    try {
      await this.enter(await me());
      this.entered = true;
    } catch (error) {
      this.body.replaceChildren(failed(error, () => this.open()));
    }
  }

  say(text) {
    this.live.say(text);
  }
}

/** A failure in words, with a way to try again. Errors that are not the server's are ours: they are thrown on. */
export function failed(error, retry) {
  if (!(error instanceof ApiError)) throw error;
  return h(
    "div",
    null,
    h("p", { class: "trouble", role: "alert" }, error.message),
    retry ? h("p", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: retry }, "Try again")) : null,
  );
}

/** Fills `box` with what `make` resolves to; meanwhile it says so, and afterwards a failure stands there. Only the newest call counts. */
export async function fillWith(box, make) {
  const turn = (box.turn = (box.turn ?? 0) + 1);
  box.setAttribute("aria-busy", "true");
  if (!box.childElementCount) box.replaceChildren(h("p", { class: "empty" }, "Loading \u2026"));
  let made;
  try {
    made = await make();
  } catch (error) {
    made = failed(error, () => fillWith(box, make));
  }
  if (box.turn !== turn) return;
  box.removeAttribute("aria-busy");
  box.replaceChildren(...[made].flat(Infinity).filter(Boolean));
}

/** Views of one tab behind a row of small tabs. `views` are [key, label, build]; `build()` is asked each time a view is shown. */
export function switcher(label, views, name) {
  const box = h("div", { role: "tabpanel", class: "view", tabindex: "-1" });
  const id = (key) => `rr-${name}-${key}`;
  const tabs = views.map(([key, text], i) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: id(key),
        "aria-selected": String(!i),
        tabindex: i ? -1 : 0,
        "data-testid": `${name}-${key}`,
        onclick: () => show(key),
      },
      text,
    ),
  );
  const show = (key) => {
    made.shown = key;
    views.forEach(([k], i) => {
      tabs[i].setAttribute("aria-selected", String(k === key));
      tabs[i].tabIndex = k === key ? 0 : -1;
    });
    box.setAttribute("aria-labelledby", id(key));
    box.replaceChildren(views.find(([k]) => k === key)[2]());
  };
  const arrows = (event) => {
    const at = tabs.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    show(views[next][0]);
    tabs[next].focus();
  };
  const bar = h("div", { class: "switch", role: "tablist", "aria-label": label, onkeydown: arrows }, tabs);
  const made = { el: h("div", null, h("div", { class: "bar views" }, bar), box), box, show, shown: "" };
  return made;
}
