// Charts of moves: from the model's rank to people's, what people did to each band of the first stage, and the passages moved furthest.

import { isolated, num, s } from "./dom.js";
import { table } from "./forms.js";
import { cut, figure, link, percent, plot, ticks } from "./charts.js";

const GAP = 10; // pixels between two bands of the flow
const MOST = 14; // passages drawn; the table has all that were sent

const bandName = (b) => (b.to === null || b.to === undefined ? `${b.from}+` : b.from === b.to ? String(b.from) : `${b.from}–${b.to}`);
const way = (c) => (c.people < c.model ? "up" : c.people > c.model ? "down" : "same");
const sum = (list) => list.reduce((a, b) => a + b, 0);

/** Ribbons from the band in which the model had a passage to the band in which people put it. */
export function flow(data, open) {
  const { bands, counts } = data.flow ?? { bands: [], counts: [] };
  const some = counts.filter((c) => c.n > 0);
  if (!some.length) return null;
  const total = sum(some.map((c) => c.n));
  const first = some.filter((c) => c.model === 0);
  const kept = sum(first.filter((c) => c.people === 0).map((c) => c.n)) / Math.max(1, sum(first.map((c) => c.n)));
  const stayed = percent(sum(some.filter((c) => way(c) === "same").map((c) => c.n)) / total);
  const words = (c) => `Model ${bandName(bands[c.model])}, people ${bandName(bands[c.people])}: ${c.n} passages (${percent(c.n / total)})`;
  return figure({
    title: "From the model's places to people's",
    finding: first.length
      ? `People left ${percent(kept)} of the model's first places first; ${stayed} of all passages stayed in their band.`
      : `${stayed} of all passages stayed in their band.`,
    n: `${total} passages in judged lists`,
    made: "Left: where the model ranked a passage; right: where people put it. Thickness: how many passages. Blue climbs, orange falls.",
    testid: "chart-flow",
    draw: (width) => drawFlow(bands, some, words, width, open),
    rows: () =>
      table({
        caption: "Passages by the model's place and people's",
        head: ["Model", "People", "Passages"],
        rows: some.map((c) => [bandName(bands[c.model]), bandName(bands[c.people]), String(c.n)]),
      }),
  });
}

function drawFlow(bands, counts, words, width, open) {
  const height = 320;
  const top = 26;
  const total = sum(counts.map((c) => c.n));
  const scale = (height - top - GAP * bands.length) / total;
  const side = (key) => {
    let y = top;
    return bands.map((_, i) => {
      const tall = sum(counts.filter((c) => c[key] === i).map((c) => c.n)) * scale;
      const at = { y, tall, used: 0 };
      y += tall + GAP;
      return at;
    });
  };
  const [from, to] = [side("model"), side("people")];
  const [x0, x1] = [58, width - 58];
  const mid = (x0 + x1) / 2;
  const sorted = [...counts].sort((a, b) => a.model - b.model || a.people - b.people);
  const ribbons = sorted.map((c) => {
    const thick = c.n * scale;
    const a = from[c.model].y + from[c.model].used;
    const b = to[c.people].y + to[c.people].used;
    from[c.model].used += thick;
    to[c.people].used += thick;
    const d = `M${x0} ${a}C${mid} ${a} ${mid} ${b} ${x1} ${b}V${b + thick}C${mid} ${b + thick} ${mid} ${a + thick} ${x0} ${a + thick}Z`;
    return link(words(c), c.items, open, s("path", { d, class: `ribbon ${way(c)}` }));
  });
  const ends = (list, x, anchor, dx) =>
    list.map((b, i) => [
      s("rect", { x: x - 3, y: b.y, width: 6, height: Math.max(1, b.tall), class: "node" }),
      b.tall ? s("text", { x: x + dx, y: b.y + b.tall / 2 + 4, class: "label", "text-anchor": anchor }, bandName(bands[i])) : null,
    ]);
  return plot(
    "From the model's places to people's",
    width,
    height,
    s("text", { x: x0, y: 14, class: "tick", "text-anchor": "middle" }, "Model"),
    s("text", { x: x1, y: 14, class: "tick", "text-anchor": "middle" }, "People"),
    ribbons,
    ends(from, x0, "end", -10),
    ends(to, x1, "start", 10),
  );
}

const PARTS = [
  ["up", "moved up"],
  ["same", "left about where they were"],
  ["down", "moved down"],
];

/** What people did to passages of each band of the first stage. */
export function bands(data, open) {
  const { k, bands: found } = data.moves ?? { bands: [] };
  const some = found.filter((b) => b.n);
  if (!some.length) return null;
  const most = [...some].sort((a, b) => b.up.share - a.up.share)[0];
  const words = (b, part, text) => `First stage ${bandName(b)}: ${b[part].n} of ${b.n} ${text} (${percent(b[part].share)})`;
  return figure({
    title: "What people moved, by the first stage's rank",
    finding: `Passages at ${bandName(most)} of the first stage were lifted most: ${percent(most.up.share)} by ${k} places or more.`,
    n: `${sum(some.map((b) => b.n))} passages`,
    made: `Moved means by at least ${k} places against the model's order.`,
    testid: "chart-bands",
    draw: (width) => drawBands(some, words, width, open),
    rows: () =>
      table({
        caption: "Moves by the first stage's rank",
        head: ["First stage", "Passages", "Up", "Same", "Down"],
        rows: some.map((b) => [bandName(b), String(b.n), percent(b.up.share), percent(b.same.share), percent(b.down.share)]),
      }),
  });
}

function drawBands(some, words, width, open) {
  const left = 62;
  const tall = 30;
  const span = width - left - 8;
  const rows = some.map((b, i) => {
    let x = left;
    const y = i * (tall + 8);
    const parts = PARTS.map(([part, text]) => {
      const w = span * (b[part]?.share ?? 0);
      const at = x;
      x += w;
      if (w < 0.5) return null;
      const inside =
        w > 44
          ? s("text", { x: at + w / 2, y: y + tall / 2 + 5, class: `inbar ${part}`, "text-anchor": "middle" }, percent(b[part].share))
          : null;
      return link(
        words(b, part, text),
        b[part].items,
        open,
        s("rect", { x: at + 1, y, width: Math.max(1, w - 2), height: tall, class: `part ${part}` }),
        inside,
      );
    });
    return [s("text", { x: left - 8, y: y + tall / 2 + 5, class: "label", "text-anchor": "end" }, bandName(b)), parts];
  });
  const y = some.length * (tall + 8) + 14;
  const key = PARTS.map(([part, text], i) => {
    const x = left + i * Math.min(190, span / 3);
    return [
      s("rect", { x, y: y - 10, width: 12, height: 12, class: `part ${part}` }),
      s("text", { x: x + 18, y, class: "tick" }, cut(part === "same" ? "left" : text, span / 3 - 20)),
    ];
  });
  return plot("Moves by the first stage's rank", width, y + 8, rows, key);
}

/** The passages that people moved furthest from the model's place: two places and the way between them. */
export function contested(data, open) {
  const all = data.contested ?? [];
  if (!all.length) return null;
  const shown = all.slice(0, MOST);
  const title = (c) => c.title || c.passage_id;
  const words = (c) =>
    `${isolated(title(c))}: model ${num(c.model_rank, 0)}, people ${num(c.people_rank, 1)} (n = ${c.n}). Question: ${isolated(c.query)}`;
  const first = all[0];
  return figure({
    title: "The most contested passages",
    finding: `“${isolated(title(first))}” moved furthest: model ${num(first.model_rank, 0)}, people ${num(first.people_rank, 1)}.`,
    n: `${all.length} passages${all.length > shown.length ? `, ${shown.length} drawn` : ""}`,
    made: "Mean rank of the people who ranked it beside the model's. Open circle: the model; arrowhead: people.",
    testid: "chart-contested",
    draw: (width) => drawContested(shown, { title, words }, width, open),
    rows: () =>
      table({
        caption: "The most contested passages",
        head: ["Passage", "Question", "Model", "People", "Spread", "Judges"],
        rows: all.map((c) => [title(c), c.query, num(c.model_rank, 0), num(c.people_rank, 1), num(c.spread, 1), String(c.n)]),
      }),
  });
}

function drawContested(shown, { title, words }, width, open) {
  const narrow = width < 620;
  const left = narrow ? 6 : Math.min(320, width * 0.36);
  const tall = narrow ? 46 : 30;
  const top = 24;
  const marks = ticks(Math.max(...shown.flatMap((c) => [c.model_rank, c.people_rank]))).filter((t) => t > 0);
  const end = marks.at(-1);
  const x = (rank) => left + 12 + ((rank - 1) / Math.max(1, end - 1)) * (width - left - 30);
  const grid = [1, ...marks.filter((t) => t > 1)].map((t) => [
    s("line", { x1: x(t), x2: x(t), y1: top - 4, y2: top + shown.length * tall, class: "gridline" }),
    s("text", { x: x(t), y: 14, class: "tick", "text-anchor": "middle" }, String(t)),
  ]);
  const rows = shown.map((c, i) => {
    const y = top + i * tall + (narrow ? 32 : tall / 2);
    const [a, b] = [x(c.model_rank), x(c.people_rank)];
    const sign = Math.sign(b - a) || 1;
    const kind = b < a ? "up" : "down";
    const label = s(
      "text",
      narrow ? { x: left, y: y - 14, class: "label" } : { x: left - 6, y: y + 4, class: "label", "text-anchor": "end" },
      cut(title(c), narrow ? width - 16 : left - 10),
    );
    return [
      label,
      link(
        words(c),
        c.items,
        open,
        s("rect", { x: Math.min(a, b) - 8, y: y - 11, width: Math.abs(b - a) + 16, height: 22, class: "hit" }),
        s("line", { x1: a, x2: b, y1: y, y2: y, class: `way ${kind}` }),
        s("circle", { cx: a, cy: y, r: 5, class: "open" }),
        s("path", { d: `M${b + sign * 3} ${y}L${b - sign * 8} ${y - 6}V${y + 6}Z`, class: `head ${kind}` }),
      ),
    ];
  });
  return plot("The most contested passages", width, top + shown.length * tall + 6, grid, rows);
}
