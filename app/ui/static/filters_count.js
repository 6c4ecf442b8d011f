// Which items survive which thresholds: plain arithmetic over the scores that the server sent once. No requests, nothing on the page.

const MOST = 30; // filters: each is a bit of a whole number
export const BINS = 24;

/** Whether a score falls out: one without a score passes. Mirrors `Filter.drops` of training/filters. */
export const drops = (filter, value, threshold) =>
  typeof value === "number" && (filter.keeps === "at_least" ? value < threshold : value > threshold);

/** For each item the filters that drop it, as bits in their order. */
export function verdicts(filters, data, thresholds) {
  const bits = new Int32Array(data.numbers.length);
  filters.slice(0, MOST).forEach((filter, f) => {
    const column = data.scores[filter.name];
    const limit = thresholds[filter.name];
    if (!column) return;
    const least = filter.keeps === "at_least";
    for (let i = 0; i < column.length; i += 1) {
      const value = column[i];
      if (value !== null && (least ? value < limit : value > limit)) bits[i] |= 1 << f;
    }
  });
  return bits;
}

/** {before, after, domains: [{domain, before, after}], dropped: {filter: n}, alone: {filter: n}} of those bits. */
export function tally(filters, data, bits) {
  const domains = new Map();
  const dropped = Object.fromEntries(filters.map((f) => [f.name, 0]));
  const alone = { ...dropped };
  let after = 0;
  for (let i = 0; i < bits.length; i += 1) {
    const domain = data.domains[i];
    if (!domains.has(domain)) domains.set(domain, { domain, before: 0, after: 0 });
    const of = domains.get(domain);
    of.before += 1;
    const mine = bits[i];
    if (mine === 0) {
      of.after += 1;
      after += 1;
      continue;
    }
    const single = (mine & (mine - 1)) === 0;
    for (let f = 0; f < filters.length && f < MOST; f += 1) {
      if (!(mine & (1 << f))) continue;
      dropped[filters[f].name] += 1;
      if (single) alone[filters[f].name] += 1;
    }
  }
  const sorted = [...domains.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1));
  return { before: bits.length, after, domains: sorted, dropped, alone };
}

/**
 * Edges and counts of a filter's scores between its bounds, and how many of each bin a threshold keeps; `none` have no score.
 * Scores beyond a bound count in the last bin there.
 */
export function histogram(filter, column, threshold) {
  const counts = new Array(BINS).fill(0);
  const kept = new Array(BINS).fill(0);
  const width = (filter.high - filter.low) / BINS || 1;
  let none = 0;
  for (const value of column ?? []) {
    if (value === null) none += 1;
    else {
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor((value - filter.low) / width)));
      counts[bin] += 1;
      if (!drops(filter, value, threshold)) kept[bin] += 1;
    }
  }
  const edges = Array.from({ length: BINS + 1 }, (_, i) => filter.low + i * width);
  return { counts, kept, edges, none };
}

/** Places of the `n` items nearest to a threshold on either side: those that fall out by this filter and those that stay, nearest first. */
export function nearest(filter, column, threshold, n = 5) {
  const sides = { out: [], in: [] };
  (column ?? []).forEach((value, i) => {
    if (value !== null) sides[drops(filter, value, threshold) ? "out" : "in"].push(i);
  });
  const near = (places) => places.sort((a, b) => Math.abs(column[a] - threshold) - Math.abs(column[b] - threshold) || a - b).slice(0, n);
  return { out: near(sides.out), in: near(sides.in) };
}
