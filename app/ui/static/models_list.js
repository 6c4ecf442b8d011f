// The view Versions: what serves now and what waits, every version with why it is where it is, and a version's own page.

import { h, isolated, moment } from "./dom.js";
import { get, post } from "./api.js";
import { area, dialog, form } from "./forms.js";
import { fillWith } from "./tab.js";
import { every, keyed, lostLine } from "./train_watch.js";
import { effect, gainText, recipeName, versionBadge } from "./models_gate.js";
import { modelsPlace, setModelsPlace } from "./models_place.js";
import { versionPage } from "./models_version.js";

const LOOK_MS = 2_000;
const SERVING = { serving: ["good", "serves"], loading: ["live", "loading"], failed: ["bad", "failed"], waiting: ["warn", "waiting"] };

/** The whole view: the lists, or the page of the version that the address names. */
export function versionsView(ctx) {
  const line = lostLine();
  const serving = h("ul", { class: "cardlist", "data-testid": "serving" });
  const list = h("ul", { class: "cardlist", "data-testid": "versions" });
  const none = h(
    "p",
    { class: "empty", hidden: true },
    "No version has been made yet: the studio answers with the weights it came with. An update under Updates makes one.",
  );
  const lists = h("div", null, h("h2", { tabindex: "-1" }, "What serves now"), serving, h("h2", null, "Versions"), none, list);
  const shown = h("div", null);
  const root = h("section", { "data-testid": "versions-view" }, line, lists, shown);
  let page = null;
  let all = { versions: [], serving: [] };
  const show = (id, focus = false) => {
    setModelsPlace({ version: id });
    page = id ? versionPage(id, { ...ctx, lists: () => all, open: (other) => show(other, true) }, () => show("", true)) : null;
    lists.hidden = Boolean(page);
    shown.replaceChildren(page?.el ?? "");
    if (focus && !page) lists.querySelector("h2").focus();
  };
  const back = (s) => goBack(root, s, all.versions, ctx);
  const showServing = keyed(serving, (s) =>
    servingRow(s, { ctx, back, open: (id) => show(id, true), label: (id) => labelOf(all.versions, id) }),
  );
  const showList = keyed(list, (v) => card(v, (id) => show(id, true)));
  if (modelsPlace().version) show(modelsPlace().version);
  every(
    root,
    LOOK_MS,
    async () => {
      all = await get("versions");
      none.hidden = all.versions.length > 0;
      showServing(all.serving, (s) => s.model);
      showList(all.versions, (v) => v.id);
      page?.changed(all.versions);
    },
    line,
  );
  return root;
}

const labelOf = (versions, id) => versions.find((v) => v.id === id)?.label ?? String(id ?? "").slice(0, 8);

/** One model of the studio and the version that answers for it. */
function servingRow(first, { ctx, back, open, label }) {
  const badge = h("span", null);
  const which = h("button", { type: "button", class: "link", "data-testid": "serving-open", onclick: () => open(now.version) });
  const text = h("p", { class: "meta", dir: "auto" });
  const undo = h(
    "button",
    { type: "button", class: "quiet bad", "data-testid": "go-back", "aria-label": `Go back to the one before, ${first.model}` },
    "Go back to the one before",
  );
  undo.addEventListener("click", () => back(now));
  let now = first;
  const el = h(
    "li",
    { class: "panel", "data-testid": "serving-model", "data-model": first.model },
    h("header", { class: "row" }, badge, h("h3", { dir: "auto" }, first.model), which, h("span", { class: "grow" }), undo),
    text,
  );
  const update = (s) => {
    now = s;
    const [kind, word] = SERVING[s.state] ?? ["", s.state];
    set(badge, word, `badge ${kind}`);
    set(which, label(s.version));
    which.hidden = !s.version;
    set(text, s.text ?? "");
    undo.hidden = !ctx.admin;
  };
  return { el, update };
}

function set(node, text, look = node.className) {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== look) node.className = look;
}

/** A version in the list. */
function card(first, open) {
  const badge = h("span", null);
  const gain = h("p", { class: "m-gain" });
  const reason = h("p", { class: "m-reason", dir: "auto" });
  const meta = h("p", { class: "meta", dir: "auto" });
  const el = h(
    "li",
    { class: "panel", "data-testid": "version", "data-id": first.id },
    h(
      "header",
      { class: "row" },
      badge,
      h("h3", { dir: "auto" }, first.label),
      h("span", { class: "grow" }),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Open ${first.label}`,
          "data-testid": "version-open",
          onclick: () => open(first.id),
        },
        "Open",
      ),
    ),
    gain,
    reason,
    meta,
  );
  const update = (v) => {
    badge.replaceChildren(versionBadge(v.state));
    set(gain, gainText(v));
    set(reason, v.reason ?? "");
    set(meta, metaOf(v));
  };
  return { el, update };
}

const metaOf = (v) =>
  [
    isolated(v.model),
    v.recipe ? `recipe ${isolated(recipeName(v.recipe))}` : "",
    v.dataset ? `dataset ${v.dataset.slice(0, 8)}` : "",
    `id ${v.id.slice(0, 8)}`,
    moment(v.created),
  ]
    .filter(Boolean)
    .join(" · ");

/** Asks once more and says what changes; the server goes back to the version that served before. */
function goBack(root, s, versions, ctx) {
  const inside = h("div", null);
  const box = dialog(root, { title: "Go back to the one before", testid: "go-back-sure", body: [inside] });
  const act = async (values) => {
    await post("versions/rollback", { model: s.model, note: values.note });
    box.close();
    ctx.say("The version before serves again.");
  };
  fillWith(inside, async () => {
    const told = await whatChanges(s, versions);
    if (!told) return h("p", { dir: "auto" }, `No version of ${isolated(s.model)} served before this one: there is none to go back to.`);
    const note = area({ name: "note", label: "Note", rows: 2, maxlength: 2000 });
    return [...told, form({ testid: "go-back-form", label: "Go back", kind: "danger", fields: [note], act })];
  });
}

/** What goes and what comes, as nodes; null where there is none to go back to. Of a version that waits, it is the waiting that ends. */
async function whatChanges(s, versions) {
  const mine = versions.filter((v) => v.model === s.model);
  const waiting = mine.find((v) => v.state === "waiting");
  const now = mine.find((v) => v.id === s.version);
  if (waiting) {
    const stays = now ? `${isolated(now.label)} goes on serving.` : "The model goes on serving as the models file names it.";
    return [h("p", { dir: "auto" }, `${isolated(waiting.label)} waits for its server and would be withdrawn. ${stays}`)];
  }
  const came = now ? lastPromotion(await get(`versions/${encodeURIComponent(now.id)}`)) : null;
  if (!came) return null;
  const then = mine.find((v) => v.id === came.previous_id) ?? mine.find((v) => !v.update && v.id !== now.id);
  const label = then?.label ?? "the weights that the models file names";
  const lost = gainText(now);
  return [
    h("p", { dir: "auto" }, effect({ model: s.model, label }, now.label)),
    lost ? h("p", { class: "note-line", dir: "auto" }, `${now.gain > 0 ? "What is given up" : "What was measured of it"}: ${lost}.`) : null,
  ].filter(Boolean);
}

/** The newest change by which this version began to serve, other than by going back; null where there was none. */
export function lastPromotion(version) {
  const came = (version.history ?? []).filter((one) => one.version_id === version.id && one.kind !== "rolled_back");
  return came.sort((a, b) => Date.parse(b.created) - Date.parse(a.created))[0] ?? null;
}
