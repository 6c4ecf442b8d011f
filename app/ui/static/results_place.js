// Where the tab Results is: its view, the suite, the evaluations and the topic in it. The address says so, and the browser's session keeps it.

import { goTo } from "./state.js";

const NAMES = ["results", "suite", "evaluation", "other", "set", "topic"];
const KEPT = "reasonrank:results:";
const SHOWN = {
  suite: ["board", "domains", "headroom"],
  evaluation: ["board", "headroom", "compare"],
  other: ["board", "compare"],
  set: ["board"],
  topic: ["board"],
};

/** {results, suite, evaluation, other, set, topic}, each "" where there is none: the address first, then this session of the browser. */
export function resultsPlace() {
  const { searchParams } = new URL(location.href);
  const kept = (name) => (name === "results" ? "" : (sessionStorage.getItem(KEPT + name) ?? ""));
  return Object.fromEntries(NAMES.map((name) => [name, searchParams.get(name) || kept(name)]));
}

/** Writes what is given into the address and keeps it; "" takes it out. Leaving the tab takes all out, and forgets nothing. */
export function setResultsPlace(where) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(where)) if (name !== "results") sessionStorage.setItem(KEPT + name, value);
  const view = where.results ?? address.searchParams.get("results") ?? "";
  const now = { ...resultsPlace(), ...where, results: view };
  for (const name of NAMES) {
    const fits = name === "results" || SHOWN[name].includes(view);
    if (view && now[name] && fits) address.searchParams.set(name, now[name]);
    else address.searchParams.delete(name);
  }
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

/** From another tab to an evaluation. The tab may never have been opened: then it finds the place in the address. */
export function toResults(where) {
  setResultsPlace({ results: "board", set: "", topic: "", ...where });
  goTo("results");
  document.querySelector("rr-results")?.views?.show("board");
}
