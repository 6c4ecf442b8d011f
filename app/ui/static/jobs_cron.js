// When a cron expression is due next, to show it before it is saved. The server counts itself; what this page can't read it leaves to it.

const FIELDS = [
  ["minute", 0, 59],
  ["hour", 0, 23],
  ["day", 1, 31],
  ["month", 1, 12],
  ["weekday", 0, 7],
];
const NAMES = {
  month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  weekday: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FAR = 366 * 24 * HOUR;

/** The set of values of a field, or null where it can't be read. */
function valuesOf(text, [name, low, high]) {
  const out = new Set();
  for (const part of text.toLowerCase().split(",")) {
    const found = /^(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:\/(\d{1,2}))?$/.exec(part);
    if (!found) return null;
    const number = (word) => {
      const at = (NAMES[name] ?? []).indexOf(word);
      return at >= 0 ? at + (name === "month" ? 1 : 0) : Number(word);
    };
    const step = Number(found[3] ?? 1);
    const from = found[1] === "*" ? low : number(found[1]);
    const to = found[2] !== undefined ? number(found[2]) : found[1] === "*" || found[3] !== undefined ? high : from;
    if (![from, to].every((v) => Number.isInteger(v) && v >= low && v <= high) || step < 1 || to < from) return null;
    for (let v = from; v <= to; v += step) out.add(name === "weekday" ? v % 7 : v);
  }
  return out;
}

function partsIn(zone) {
  const format = new Intl.DateTimeFormat("en-US-u-ca-gregory", {
    timeZone: zone,
    hourCycle: "h23",
    month: "numeric",
    day: "numeric",
    weekday: "short",
    hour: "numeric",
    minute: "numeric",
  });
  return (time) => Object.fromEntries(format.formatToParts(time).map((p) => [p.type, p.value]));
}

/** The next `n` moments (Date) of five fields in a zone, within a year; null where expression or zone can't be read here. */
export function nextTimes(cron, zone, n = 3, from = Date.now()) {
  const words = cron.trim().split(/\s+/);
  if (words.length !== FIELDS.length) return null;
  const sets = words.map((word, i) => valuesOf(word, FIELDS[i]));
  if (sets.some((set) => set === null)) return null;
  let parts;
  try {
    parts = partsIn(zone);
  } catch {
    return null;
  }
  const [minutes, hours, days, months, weekdays] = sets;
  const either = words[2] !== "*" && words[4] !== "*"; // cron's own rule: with both given, one of them is enough
  const out = [];
  const end = from + FAR;
  for (let time = Math.floor(from / MINUTE) * MINUTE + MINUTE; time < end && out.length < n; ) {
    const p = parts(time);
    const [byDay, byWeek] = [days.has(Number(p.day)), weekdays.has(NAMES.weekday.indexOf(p.weekday.toLowerCase()))];
    const day = months.has(Number(p.month)) && (either ? byDay || byWeek : byDay && byWeek);
    if (!day || !hours.has(Number(p.hour))) {
      time += (60 - Number(p.minute)) * MINUTE; // the next full hour there
      continue;
    }
    if (minutes.has(Number(p.minute))) out.push(new Date(time));
    time += MINUTE;
  }
  return out;
}

/** A moment as a clock in that zone shows it; where this browser doesn't know the zone, as its own clock does. */
export function inZone(date, zone) {
  const how = { dateStyle: "medium", timeStyle: "short" };
  try {
    return date.toLocaleString([], { timeZone: zone, ...how });
  } catch {
    return date.toLocaleString([], how);
  }
}
