// Exports in the tab Data: what there is, what is in each, versions that can be rebuilt to the byte.

import { h, count, moment } from "./dom.js";
import { get, post, url } from "./api.js";
import { check, copier, form, pick, table } from "./forms.js";
import { fillWith } from "./tab.js";

/** The whole screen. */
export function exportsView(say) {
  const versions = h("div", { "data-testid": "export-versions" });
  const load = () => fillWith(versions, async () => rows((await get("exports")).exports, load));
  const top = h("div", null);
  fillWith(top, async () => {
    const [{ formats }, projects] = await Promise.all([get("exports/formats"), projectChoices()]);
    return maker(formats, projects, () => {
      say("The export was made.");
      load();
    });
  });
  load();
  return h("section", { class: "exports-view" }, top, h("h2", null, "Versions"), versions);
}

/** Researchers may not be annotators: without the list of projects, everything can still be exported. */
async function projectChoices() {
  const found = await get("projects").catch((error) => {
    if (error.status === 403) return { projects: [] };
    throw error;
  });
  return [["", "All projects"], ...found.projects.map((p) => [p.id, p.name])];
}

function maker(formats, projects, done) {
  const format = pick({ name: "format", label: "Format", choices: formats.map((f) => [f.name, f.name]) });
  const about = h("div", { class: "format-about", "data-testid": "format-about" });
  const shown = () => about.replaceChildren(dictionary(formats.find((f) => f.name === format.value)));
  format.input.addEventListener("change", shown);
  shown();
  const made = form({
    testid: "export-form",
    label: "Make a version",
    fields: [
      format,
      pick({ name: "project", label: "Project", choices: projects }),
      check({ name: "all_versions", label: "All versions of each judgement", hint: "Otherwise only the newest submitted one." }),
      check({ name: "reviewed_only", label: "Only tasks a reviewer has decided" }),
      check({ name: "texts", label: "With the passages' titles and texts", value: true }),
      check({ name: "include_holdout", label: "With the held-out questions", hint: "For evaluation; formats for training refuse them." }),
    ],
    act: async ({ format: name, project, ...query }) => {
      await post("exports", { format: name, ...(project ? { project } : {}), ...query });
      done();
    },
  });
  return [
    h("h2", null, "Make an export"),
    h(
      "p",
      { class: "help" },
      "A version is frozen: its query and place in the log are kept, so that one command makes the same bytes again.",
    ),
    h("div", { class: "maker" }, h("div", { class: "panel" }, made), about),
  ];
}

function dictionary(format) {
  if (!format) return h("p", { class: "empty" }, "No format is offered.");
  return h(
    "section",
    null,
    h("h3", null, format.name),
    h("p", null, format.about),
    h("p", { class: "meta" }, `${format.file} · ${format.media_type}`),
    format.columns?.length
      ? table({
          caption: `Columns of ${format.name}`,
          head: ["Column", "Type", "Meaning"],
          testid: "dictionary",
          rows: format.columns.map((c) => [h("code", null, c.name), c.type, c.empty ? `${c.about}. Empty: ${c.empty}.` : c.about]),
        })
      : null,
  );
}

function rows(found, load) {
  if (!found.length) return h("p", { class: "empty" }, "No version has been made yet.");
  return [
    h(
      "ul",
      { class: "cardlist" },
      found.map((v) => h("li", { class: "panel", "data-testid": "export-version" }, version(v))),
    ),
    h("p", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: load }, "Look again")),
  ];
}

function version(v) {
  const gone = withdrawn(v);
  return [
    h(
      "header",
      { class: "row" },
      h("h3", null, v.format),
      h("span", { class: "meta" }, moment(v.created)),
      h("span", { class: "grow" }),
      v.command ? copier(v.command, "Copy the rebuild command", "copy-command") : null,
      h("a", { class: "button", href: url(`exports/${encodeURIComponent(v.id)}/manifest`), download: `${v.id}.manifest.json` }, "Manifest"),
      h(
        "a",
        { class: "button strong", href: url(`exports/${encodeURIComponent(v.id)}/file`), download: true, "data-testid": "export-file" },
        "Download",
      ),
    ),
    gone ? h("p", { class: "note-line", "data-testid": "withdrawn" }, gone) : null,
    h(
      "p",
      { class: "meta" },
      `${count(v.rows, "row")} from ${count(v.judgements, "judgement")}, schema ${v.schema_version}, log up to ${v.until}`,
    ),
    h("p", { class: "meta" }, "sha256 ", h("code", { class: "hash" }, v.content_hash)),
    h("p", { class: "meta" }, `What was asked for: ${asked(v.query)}`),
  ];
}

const asked = (query) => {
  const set = Object.entries(query ?? {}).filter(([, v]) => v !== null && v !== false && v !== "" && !(Array.isArray(v) && !v.length));
  return (
    set.map(([k, v]) => `${k.replaceAll("_", " ")}${v === true ? "" : `: ${[v].flat().join(", ")}`}`).join("; ") || "everything that counts"
  );
};

/** What to say of a version some of whose rows their authors took back. */
function withdrawn(v) {
  if (!v.withdrawn) return "";
  return `${count(v.withdrawn, "judgement")} in it went since, at their authors' request: it can't be rebuilt. Make a new version instead.`;
}
