// A small part of Markdown as nodes: headings, lists, quotes, tables, bold, italics, code, links to https. Text only ever becomes text
// nodes, so whatever else stands there is shown as it was written.

import { h } from "./dom.js";

const LONGEST = 100_000; // beyond this the rest is left out, and said so
const DEEPEST = 6; // emphasis within emphasis
const CODE = "`([^`\\n]+)`";
const STRONG = "\\*\\*([^\\s*](?:[^*\\n]*[^\\s*])?)\\*\\*";
const STAR = "\\*([^\\s*](?:[^*\\n]*[^\\s*])?)\\*";
const UNDER = "(?<![\\p{L}\\p{N}])_([^\\s_](?:[^_\\n]*[^\\s_])?)_(?![\\p{L}\\p{N}])";
const LINK = "\\[([^\\]\\n]{1,500})\\]\\(([^()\\s]{1,2000})\\)";
const INLINE = new RegExp([CODE, STRONG, STAR, UNDER, LINK].join("|"), "u");

/** The nodes of a text. Headings start at `top`, since the page has headings of its own. */
export function markdown(text, top = 3) {
  const lines = String(text ?? "")
    .slice(0, LONGEST)
    .split(/\r\n|\r|\n/);
  const out = blocks(lines, top);
  if (String(text ?? "").length > LONGEST) out.push(h("p", { class: "meta" }, "The rest is left out: it is too long."));
  return out;
}

function blocks(lines, top) {
  const out = [];
  for (let i = 0; i < lines.length; ) {
    const block =
      fence(lines, i) ?? heading(lines, i, top) ?? list(lines, i, 0) ?? quote(lines, i) ?? grid(lines, i) ?? paragraph(lines, i);
    if (block.node) out.push(block.node);
    i = block.next;
  }
  return out;
}

function fence(lines, at) {
  if (!/^\s{0,3}```/.test(lines[at])) return null;
  let end = at + 1;
  while (end < lines.length && !/^\s{0,3}```\s*$/.test(lines[end])) end += 1;
  return { node: h("pre", { tabindex: "0" }, h("code", null, lines.slice(at + 1, end).join("\n"))), next: end + 1 };
}

function heading(lines, at, top) {
  const found = /^(#{1,6})\s+(.+?)\s*#*\s*$/.exec(lines[at].slice(0, 1000));
  if (!found) return null;
  return { node: h(`h${Math.min(6, found[1].length + top - 1)}`, { dir: "auto" }, inline(found[2])), next: at + 1 };
}

const ITEM = /^(\s{0,12})(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;

/** A list and what is nested in it by being indented further. */
function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first || depth > DEEPEST) return null;
  const indent = first[1].length;
  const node = h(first[2] ? "ol" : "ul", { start: first[2] && first[2] !== "1" ? first[2] : null });
  let i = at;
  let item = null;
  while (i < lines.length) {
    const found = ITEM.exec(lines[i]);
    if (found && found[1].length > indent + 1 && item) {
      const inner = list(lines, i, depth + 1);
      if (!inner) break;
      item.append(inner.node);
      i = inner.next;
    } else if (found && Math.abs(found[1].length - indent) < 2 && Boolean(found[2]) === Boolean(first[2])) {
      item = h("li", { dir: "auto" }, inline(found[3]));
      node.append(item);
      i += 1;
    } else if (!found && item && /^\s+\S/.test(lines[i])) {
      item.append(" ", ...inline(lines[i].trim()));
      i += 1;
    } else break;
  }
  return { node, next: Math.max(i, at + 1) };
}

function quote(lines, at) {
  if (!/^\s{0,3}>/.test(lines[at])) return null;
  let end = at;
  while (end < lines.length && /^\s{0,3}>/.test(lines[end])) end += 1;
  // One level only: a text of nothing but > would else nest as deep as it is wide.
  const inner = lines.slice(at, end).map((line) => line.replace(/^[\s>]+/, ""));
  return { node: h("blockquote", { dir: "auto" }, paragraphs(inner)), next: end };
}

const ROW = /^\s{0,3}\|(.*)\|\s*$/;
const RULE = /^\s{0,3}\|(?:\s*:?-+:?\s*\|)+\s*$/;

/** A table between pipes: a line of heads, a line of dashes, and rows. Cells beyond the heads are left out. */
function grid(lines, at) {
  if (!ROW.test(lines[at]) || !RULE.test(lines[at + 1] ?? "")) return null;
  let end = at + 2;
  while (end < lines.length && ROW.test(lines[end])) end += 1;
  const cells = (line) => ROW.exec(line)[1].split("|");
  const heads = cells(lines[at]);
  const row = (tag, texts) =>
    h(
      "tr",
      null,
      heads.map((_, i) => h(tag, { dir: "auto", scope: tag === "th" ? "col" : null }, inline((texts[i] ?? "").trim()))),
    );
  const body = lines.slice(at + 2, end).map((line) => row("td", cells(line)));
  const table = h("table", null, h("thead", null, row("th", heads)), h("tbody", null, body));
  return { node: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(" ").trim() }, table), next: end };
}

const paragraphs = (lines) => blocksOfText(lines).map((text) => h("p", { dir: "auto" }, inline(text)));

function blocksOfText(lines) {
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .map((x) => x.replace(/\n/g, " ").trim())
    .filter(Boolean);
}

function paragraph(lines, at) {
  if (!lines[at].trim()) return { node: null, next: at + 1 };
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !/^\s{0,3}(```|#{1,6}\s|>)/.test(lines[end]) && !ITEM.test(lines[end])) end += 1;
  return { node: h("p", { dir: "auto" }, inline(lines.slice(at, end).join(" "))), next: end };
}

/** Text with emphasis, code and links as nodes. */
function inline(text, depth = 0) {
  const out = [];
  let rest = text;
  for (let found = depth < DEEPEST && INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    const [whole, code, strong, star, under, label, address] = found;
    out.push(rest.slice(0, found.index));
    if (code !== undefined) out.push(h("code", null, code));
    else if (strong !== undefined) out.push(h("strong", null, inline(strong, depth + 1)));
    else if (label === undefined) out.push(h("em", null, inline(star ?? under, depth + 1)));
    else out.push(link(label, address, whole));
    rest = rest.slice(found.index + whole.length);
  }
  out.push(rest);
  return out.filter((x) => x !== "");
}

/** A link where the address is https; else what was written. */
function link(label, address, whole) {
  let parsed = null;
  try {
    parsed = new URL(address);
  } catch {
    return whole;
  }
  if (parsed.protocol !== "https:" || parsed.username || parsed.password) return whole;
  return h("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer nofollow", title: parsed.host }, label);
}
