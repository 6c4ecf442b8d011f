// One synthesis while it is made and afterwards: how far, what it cost, its items as they come.

import { h, count, num } from "./dom.js";
import { get } from "./api.js";
import { failed } from "./tab.js";
import { EMBEDDED, money, progressBar, stateBadge, whole } from "./train_words.js";
import { every, keyed, lostLine, over } from "./train_watch.js";
import { itemView } from "./synth_item.js";

const LOOK_MS = 2_000;
const NEWEST = 30;
const PAGE = 50;
const OPEN = ["queued", "running"];

/** The panel of a synthesis; `close()` shuts it. */
export function synthesis(id, ctx, close) {
  const line = lostLine();
  const name = h("h2", { tabindex: "-1" }, "Loading …");
  const state = h("span", { "data-testid": "synthesis-state" });
  const doing = h("p", { class: "train-doing", hidden: true, dir: "auto" });
  const bar = progressBar("How far the synthesis is");
  const numbers = h("dl", { class: "train-numbers", "data-testid": "synthesis-numbers" });
  const warning = h("p", { class: "note-line", hidden: true }, EMBEDDED);
  const stopped = h("p", { class: "note-line", hidden: true, dir: "auto", "data-testid": "synthesis-stopped" });
  const toml = h("pre", { class: "train-log", tabindex: "0", "aria-label": "Recipe" });
  const items = itemList(id, ctx);
  const root = h(
    "section",
    { class: "panel train-one", "data-testid": "synthesis-one" },
    line,
    h(
      "header",
      { class: "row" },
      name,
      state,
      h("span", { class: "grow" }),
      h(
        "button",
        { type: "button", class: "quiet strong", "data-testid": "to-filters", onclick: () => ctx.go("filters", { synthesis: id }) },
        "Filters",
      ),
      h("button", { type: "button", class: "quiet", "data-testid": "synthesis-close", onclick: close }, "Close"),
    ),
    bar.el,
    doing,
    warning,
    stopped,
    numbers,
    h("details", { class: "fold" }, h("summary", null, "The recipe it was made by"), toml),
    items.el,
  );
  const look = async () => {
    const s = await get(`syntheses/${encodeURIComponent(id)}`);
    const job = s.job ? await get(`jobs/${encodeURIComponent(s.job)}`) : null;
    name.textContent = s.name;
    warning.hidden = !s.embedded;
    if (toml.textContent !== s.recipe) toml.textContent = s.recipe;
    fill(numbers, s);
    const running = job !== null && OPEN.includes(job.state);
    state.replaceChildren(job ? stateBadge(job.state) : "");
    bar.el.hidden = doing.hidden = !running;
    bar.set(job?.progress);
    doing.textContent = job?.doing ?? "";
    const why = job?.error || job?.result?.stopped || "";
    stopped.hidden = !why || running;
    stopped.textContent = why ? `It ended early: ${why}` : "";
    await items.look(running);
    return running;
  };
  every(root, LOOK_MS, look, line);
  return root;
}

function fill(box, s) {
  const { made, empty, failed: lost } = s.items;
  const rows = [
    ["Items", whole(made)],
    ["Nothing to rank", whole(empty)],
    ["Failed", whole(lost)],
    ["Cost", money(s.cost, s.currency)],
    ["Tokens read", whole(s.tokens_in)],
    ["Tokens written", whole(s.tokens_out)],
    ["Calls", whole(s.calls) + (s.repeats ? `, ${whole(s.repeats)} repeated` : "")],
    ["Teacher", s.teacher],
  ];
  box.replaceChildren(...rows.map(([term, text]) => h("div", null, h("dt", null, term), h("dd", { dir: "auto" }, text))));
}

/** The newest items while the synthesis runs, and all of them page by page. */
function itemList(id, ctx) {
  const list = h("ul", { class: "rows", "data-testid": "synthesis-items" });
  const title = h("h3", null, "Items");
  const more = h("button", { type: "button", class: "quiet", hidden: true, "data-testid": "items-more" }, "More");
  const none = h("p", { class: "empty" }, "No item has come yet.");
  const box = h("div", { class: "train-items" }, title, none, list, h("p", { class: "row" }, more));
  const open = (item) => {
    const inner = over(box, (back) => itemView(id, item.number, ctx, back));
    inner.querySelector("h3")?.focus();
  };
  const show = keyed(list, (item) => itemRow(item, () => open(item)));
  let paged = []; // all items so far, once the synthesis has ended
  const next = async () => {
    const after = paged.at(-1)?.number ?? -1;
    const { items } = await get(`syntheses/${encodeURIComponent(id)}/items?limit=${PAGE}&after=${after}`);
    paged = [...paged, ...items];
    more.hidden = items.length < PAGE;
    show(paged, (one) => one.number);
    none.hidden = paged.length > 0;
    none.textContent = "The sources of the recipe held nothing to rank.";
    title.textContent = more.hidden ? `All ${count(paged.length, "item")}` : `The first ${count(paged.length, "item")}`;
  };
  more.addEventListener("click", async () => {
    more.disabled = true;
    await next().catch((error) => box.append(failed(error, null)));
    more.disabled = false;
  });
  return {
    el: box,
    /** Reads the newest while it runs, and everything from the start once it has ended. */
    async look(running) {
      if (!running) return next();
      const { items } = await get(`syntheses/${encodeURIComponent(id)}/items?limit=${NEWEST}`);
      title.textContent = "Items, the newest first";
      none.hidden = items.length > 0;
      show(items, (one) => one.number);
      return null;
    },
  };
}

/** An item in a list: what was asked, where from, what became of it. */
export function itemRow(first, open) {
  const el = h(
    "li",
    { class: "row", "data-testid": "synthesis-item" },
    h(
      "div",
      { class: "grow" },
      h(
        "button",
        { type: "button", class: "link q", "data-testid": "item-open", onclick: open },
        h("bdi", null, first.query || "(no query)"),
      ),
      h("p", { class: "meta" }, meta(first)),
      first.error ? h("p", { class: "problem", dir: "auto" }, first.error) : null,
    ),
    stateBadge(first.state),
  );
  return { el, update: () => {} };
}

function meta(item) {
  const consistency = item.scores?.consistency;
  return [`no. ${item.number}`, h("bdi", null, item.domain), typeof consistency === "number" ? `consistency ${num(consistency)}` : ""]
    .filter(Boolean)
    .flatMap((part, i) => (i ? [" · ", part] : [part]));
}
