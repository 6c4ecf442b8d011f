// Our styles inside our shadow roots, which keep Gradio's rules for Markdown out. Fetched once, before any component is defined.

const NAMES = ["base.css", "explore.css", "annotate.css", "review.css", "data.css", "train.css", "models.css", "results.css"];

const load = async (name) => {
  const sheet = new CSSStyleSheet();
  const response = await fetch(new URL(name, import.meta.url));
  return sheet.replace(await response.text());
};

const sheets = await Promise.all(NAMES.map(load));

/** Gives an element its shadow root with our styles. */
export function adopt(element) {
  const root = element.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = sheets;
  return root;
}
