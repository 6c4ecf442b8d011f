// What is different between two versions of a judgement, and how to make one of both. Pure: values as they go over the wire.

/** Where each passage of a version stands: {rank, tied, where: ranked|off|unranked}. Tied passages share a rank, counted from 1. */
export function places(wire) {
  const out = new Map();
  let rank = 1;
  for (const group of wire.order ?? []) {
    for (const id of group) out.set(id, { rank, tied: group.length > 1, where: "ranked" });
    rank += group.length;
  }
  for (const id of wire.not_relevant ?? []) out.set(id, { rank: null, tied: false, where: "off" });
  for (const id of wire.unranked ?? []) out.set(id, { rank: null, tied: false, where: "unranked" });
  return out;
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const ofPassage = (list, id) => (list ?? []).filter((x) => x.passage_id === id);

/** Partners of a passage in its tie, as one text. */
function ties(wire) {
  const out = new Map();
  for (const group of wire.order ?? []) for (const id of group) out.set(id, JSON.stringify([...group].sort()));
  return out;
}

/**
 * Ids of the passages that were put elsewhere: as few as explain the difference. One passage sent from the top to the end moved; the
 * others, which all stand one rank higher since, did not.
 */
export function misplaced(a, b) {
  const [here, there] = [places(a), places(b)];
  const [tiesHere, tiesThere] = [ties(a), ties(b)];
  const out = new Set([...here.keys(), ...there.keys()].filter((id) => here.get(id)?.where !== there.get(id)?.where));
  const both = [...here].filter(([id, p]) => p.where === "ranked" && !out.has(id)).map(([id]) => id);
  // Tied passages may be read in either order: they are read in the one that agrees with the other version.
  const rank = (id) => there.get(id).rank;
  const read = both.sort((x, y) => here.get(x).rank - here.get(y).rank || rank(x) - rank(y));
  const kept = longestRising(read.map(rank));
  read.forEach((id, i) => {
    if (!kept.has(i)) out.add(id);
  });
  for (const id of both) {
    const [mine, yours] = [tiesHere.get(id), tiesThere.get(id)].map((group) => JSON.parse(group).filter((x) => !out.has(x)));
    if (!same(mine, yours)) out.add(id);
  }
  return out;
}

/** Indices of a longest part of `values`, in order, that never falls. Patience sorting, as for longest increasing subsequences. */
function longestRising(values) {
  const tails = [];
  const before = values.map(() => -1);
  values.forEach((value, i) => {
    let at = tails.findIndex((t) => values[t] > value);
    if (at < 0) at = tails.length;
    if (at) before[i] = tails[at - 1];
    tails[at] = i;
  });
  const out = new Set();
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i]) out.add(i);
  return out;
}

/** Ids of passages that two versions treat differently: place, grade, claims or marked words. */
export function differing(a, b) {
  const elsewhere = misplaced(a, b);
  const ids = new Set([...places(a).keys(), ...places(b).keys()]);
  return [...ids].filter(
    (id) =>
      elsewhere.has(id) ||
      a.grades?.[id] !== b.grades?.[id] ||
      !same(ofPassage(a.spans, id), ofPassage(b.spans, id)) ||
      !same(verdicts(a, id), verdicts(b, id)),
  );
}

const verdicts = (wire, id) =>
  ofPassage(wire.claims, id)
    .map((c) => [c.claim_id, c.verdict, c.rewrite ?? ""])
    .sort();

const plural = (n, one, many) => (n ? [`${n} ${n === 1 ? one : many}`] : []);

/** What changed from `before` to `after`, in words; an empty text where nothing did. */
export function changes(before, after) {
  const [old, now] = [places(before), places(after)];
  const elsewhere = [...misplaced(before, after)];
  const bucket = elsewhere.filter((id) => old.get(id)?.where !== now.get(id)?.where).length;
  const moved = elsewhere.length - bucket;
  const ids = new Set([...Object.keys(before.grades ?? {}), ...Object.keys(after.grades ?? {})]);
  const graded = [...ids].filter((id) => before.grades?.[id] !== after.grades?.[id]).length;
  const marks = (wire) => new Map((wire.claims ?? []).map((c) => [c.claim_id, `${c.verdict} ${c.rewrite ?? ""}`]));
  const [was, is] = [marks(before), marks(after)];
  const claimed = [...new Set([...was.keys(), ...is.keys()])].filter((id) => was.get(id) !== is.get(id)).length;
  return [
    ...plural(moved, "passage moved", "passages moved"),
    ...plural(bucket, "passage put elsewhere", "passages put elsewhere"),
    ...plural(graded, "grade", "grades"),
    ...plural(claimed, "claim", "claims"),
    ...(same(before.spans ?? [], after.spans ?? []) ? [] : ["marked words"]),
    ...((before.note ?? "") === (after.note ?? "") ? [] : ["note"]),
    ...((before.confidence ?? null) === (after.confidence ?? null) ? [] : ["confidence"]),
  ].join(", ");
}

/** `mine` with the passages of `ids` as `theirs` has them: place, grade, claims, marked words; with `note` also their note. */
export function merged(mine, theirs, ids, note = false) {
  const take = new Set(ids);
  const left = (list) => (list ?? []).filter((id) => !take.has(id));
  const groups = (mine.order ?? []).map(left).filter((group) => group.length);
  const there = places(theirs);
  const flat = (theirs.order ?? []).flat().filter((id) => take.has(id));
  for (const id of flat) insert(groups, id, there.get(id).rank, theirs.order);
  const pick = (list, where) => [...left(list), ...ids.filter((id) => there.get(id)?.where === where)];
  const known = new Set([...flat, ...ids.filter((id) => there.get(id) && there.get(id).where !== "ranked")]);
  const lost = ids.filter((id) => !known.has(id)); // their version doesn't know it: then it was not judged there
  const grades = Object.fromEntries(Object.entries(mine.grades ?? {}).filter(([id]) => !take.has(id)));
  for (const id of ids) if (theirs.grades?.[id] !== undefined) grades[id] = theirs.grades[id];
  const both = (name) => [
    ...(mine[name] ?? []).filter((x) => !take.has(x.passage_id)),
    ...(theirs[name] ?? []).filter((x) => take.has(x.passage_id)),
  ];
  return {
    ...mine,
    order: groups,
    not_relevant: pick(mine.not_relevant, "off"),
    unranked: [...pick(mine.unranked, "unranked"), ...lost],
    grades,
    claims: both("claims"),
    spans: both("spans"),
    note: note ? (theirs.note ?? "") : (mine.note ?? ""),
  };
}

/** Puts `id` at `rank` among groups; it joins the group there where the other version has it tied with one of that group. */
function insert(groups, id, rank, order) {
  const tied = order.find((group) => group.includes(id)) ?? [];
  const friends = groups.find((group) => group.some((other) => tied.includes(other)));
  if (friends) {
    friends.push(id);
    return;
  }
  let at = 0;
  let passed = 0;
  while (at < groups.length && passed + groups[at].length < rank) passed += groups[at++].length;
  groups.splice(at, 0, [id]);
}
