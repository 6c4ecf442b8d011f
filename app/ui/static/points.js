// Places in a text. The server counts code points, JavaScript counts UTF-16 units; every crossing between the two is here.

/** Code points before the UTF-16 offset `unit`. An offset inside a surrogate pair counts the whole character. */
export function toPoint(text, unit) {
  let points = 0;
  for (let i = 0; i < unit && i < text.length; points += 1) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return points;
}

/** UTF-16 offset of code point `point`; the text's length where it has fewer. */
export function toUnit(text, point) {
  let i = 0;
  for (let n = 0; n < point && i < text.length; n += 1) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return i;
}

/** At most `units` UTF-16 units from the start, never half a character. */
export function head(text, units) {
  if (text.length <= units) return text;
  const end = units > 0 && text.codePointAt(units - 1) > 0xffff ? units - 1 : units;
  return text.slice(0, end);
}

/** Words of a text as [{start, end}] in UTF-16 units; what is written without spaces is cut by the browser's dictionary. */
export function words(text) {
  if (globalThis.Intl?.Segmenter) {
    const found = new Intl.Segmenter(undefined, { granularity: "word" }).segment(text);
    const out = [];
    for (const { index, segment, isWordLike } of found) if (isWordLike) out.push({ start: index, end: index + segment.length });
    if (out.length) return out;
  }
  return [...text.matchAll(/\S+/gu)].map((m) => ({ start: m.index, end: m.index + m[0].length }));
}

/** Spans of one passage, put in order, those that touch or overlap made one. Units don't matter. */
export function joined(spans) {
  const out = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = out.at(-1);
    if (last && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else out.push({ ...span });
  }
  return out;
}
