// Of one project: taking tasks in from files, and writing its guidelines.

import { h, count } from "./dom.js";
import { post, upload } from "./api.js";
import { Refused, area, field, form, pick } from "./forms.js";
import { markdown } from "./markdown.js";

const FORMATS = [
  ["auto", "Find out by itself"],
  ["jsonl", "JSON lines"],
  ["csv", "CSV"],
  ["trec", "TREC run"],
  ["beir", "BEIR"],
  ["reasonrank", "ReasonRank training data"],
];
const MEANING = {
  auto: "The name and the first lines of the file decide.",
  jsonl: 'One list a line: {"query": …, "passages": [{"id": …, "title": …, "text": …}]}; topic and gold may be given.',
  csv: "A row for each passage with the columns query, id, title, text; rows of one query form its list.",
  trec: "A run ranks passage ids; texts come from the corpus file, questions from the topics file, known answers from the qrels.",
  beir: "The zip or the parts of a BEIR set: corpus, queries and qrels.",
  reasonrank: "The released training files, by their own field names; their known order can serve as a known answer.",
};
const KINDS = [
  ["plain", "Tasks to be judged"],
  ["gold", "Tasks with a known answer, mixed in unannounced"],
  ["tutorial", "Tutorial tasks, first for everybody"],
];
const EXTRA = { trec: ["corpus", "topics", "qrels"], beir: ["corpus", "topics", "qrels"] };

/** The form that takes files in. Problems are listed by the server, each naming its line. */
export function importer(p, say) {
  const told = h("div", { role: "status", "data-testid": "import-told" });
  const file = field({ name: "file", label: "File", type: "file", required: true });
  const format = pick({ name: "format", label: "Format", choices: FORMATS, hint: MEANING.auto });
  const kind = pick({ name: "kind", label: "What they are", choices: KINDS });
  const extra = ["corpus", "topics", "qrels"].map((name) => field({ name, label: `${name} file`, type: "file" }));
  const about = format.el.querySelector(".help");
  const shown = () => {
    about.textContent = MEANING[format.value];
    for (const f of extra) f.el.hidden = !(EXTRA[format.value] ?? []).includes(f.name);
  };
  format.input.addEventListener("change", shown);
  shown();
  const act = async (values) => {
    if (!values.file) throw new Refused("Choose a file first.");
    const sent = Object.fromEntries(Object.entries(values).filter(([, v]) => v !== null && v !== ""));
    told.replaceChildren(h("p", { class: "meta" }, "Reading the file \u2026"));
    try {
      const answer = await upload(`projects/${encodeURIComponent(p.id)}/tasks`, sent);
      told.replaceChildren(result(answer));
      say(`${count(answer.added, "task")} added.`);
    } catch (error) {
      told.replaceChildren();
      throw error;
    }
  };
  return h("div", null, form({ testid: "import-form", label: "Take it in", fields: [file, format, ...extra, kind], act }), told);
}

function result({ added, known, problems }) {
  return h(
    "div",
    { class: "panel" },
    h("p", null, h("b", null, `${count(added, "task")} added`), known ? `, ${known} of the file were there already` : "", "."),
    problems?.length
      ? [
          h("h4", null, `${count(problems.length, "problem")} in the file`),
          h(
            "ul",
            { class: "problems", "data-testid": "import-problems" },
            problems.slice(0, 100).map((text) => h("li", { dir: "auto" }, text)),
          ),
        ]
      : null,
  );
}

/** Guidelines as Markdown with a preview; saving makes a new version, and old ones stay with what was judged under them. */
export function guidelines(p, say) {
  const version = h("p", { class: "meta", "data-testid": "guideline-version" });
  const preview = h("div", { class: "prose panel", "data-testid": "guideline-preview" });
  const text = area({ name: "text", label: "Guidelines (Markdown)", value: p.guidelines?.text ?? "", rows: 12, required: true });
  const shown = () => {
    version.textContent = p.guidelines ? `Version ${p.guidelines.version}. Judgements keep the version they were made under.` : "None yet.";
    preview.replaceChildren(...markdown(text.value, 4));
  };
  text.input.addEventListener("input", shown);
  shown();
  const act = async (values) => {
    const answer = await post(`projects/${encodeURIComponent(p.id)}/guidelines`, values);
    p.guidelines = answer.guidelines ?? answer;
    shown();
    say(`Version ${p.guidelines.version} saved.`);
  };
  return h(
    "div",
    { class: "guidelines" },
    version,
    h(
      "div",
      { class: "two" },
      form({ testid: "guideline-form", label: "Save as a new version", fields: [text], act }),
      h("section", null, h("h3", null, "As annotators see it"), preview),
    ),
  );
}
