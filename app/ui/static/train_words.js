// What the views of the tab Train say alike: states, money, lengths of time, heaps of counts.

import { h, isolated } from "./dom.js";

/** Badge class of a job's or an item's state. */
const KINDS = { finished: "good", made: "good", running: "", queued: "", failed: "bad", cancelled: "warn", empty: "warn" };
const WORDS = { empty: "nothing to rank", cancelled: "cancelled", queued: "waiting", running: "at work" };

export const stateBadge = (state) => h("span", { class: `badge ${KINDS[state] ?? ""}` }, WORDS[state] ?? state);

export const whole = (n) => Number(n ?? 0).toLocaleString("en");

/** Money in the currency of the teacher's entry; a model of one's own costs nothing. */
export function money(value, currency) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (value === 0) return "nothing";
  const digits = value >= 1 ? 2 : value >= 0.01 ? 4 : 6;
  return `${value.toFixed(digits)} ${currency || ""}`.trim();
}

/** Seconds as "3 s", "4 min", "2 h 5 min", "3 d". */
export function span(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** Bytes as people say them. */
export function bytes(n) {
  if (typeof n !== "number") return "–";
  if (n < 1000) return `${n} bytes`;
  const [unit, name] = n < 1e6 ? [1e3, "kB"] : n < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(n / unit).toFixed(1)} ${name}`;
}

/** Counts that are not 0, and counts of counts, as one line: "examples 80 · stage: rl 40, sft 40". */
export function counted(counts) {
  return Object.entries(counts ?? {})
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => {
      const label = name.replaceAll("_", " ");
      if (value === null || typeof value !== "object") return `${label} ${typeof value === "number" ? whole(value) : value}`;
      const inner = Object.entries(value).map(
        ([key, n]) => `${isolated(key || "none")} ${typeof n === "object" ? JSON.stringify(n) : whole(n)}`,
      );
      return inner.length ? `${label}: ${inner.join(", ")}` : "";
    })
    .filter(Boolean)
    .join(" · ");
}

/** What is said of a teacher that reads no text, wherever its marks are. */
export const EMBEDDED =
  "The embedded teacher reads six numbers of each passage and no text: its marks show that the pipeline works. " +
  "Train nothing on them that reads text.";

/** A progress bar with its name. */
export function progressBar(label) {
  const fill = h("span", null);
  const el = h(
    "div",
    { class: "meter train-meter", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 },
    fill,
  );
  return {
    el,
    set(share) {
      const percent = Math.round(Math.min(1, Math.max(0, share || 0)) * 100);
      el.setAttribute("aria-valuenow", percent);
      fill.style.setProperty("width", `${percent}%`);
    },
  };
}
