// Where the Annotate tab is: at a run, in a project, at one assignment, or at home. The address says so, so that a reload comes back.

import { currentRun } from "./state.js";

const NAMES = ["project", "assignment"];

/** {assignment}, {project}, {run} or {}: the address first, then the last run of this browser. */
export function place() {
  const { searchParams } = new URL(location.href);
  for (const name of ["assignment", "project", "run"]) if (searchParams.get(name)) return { [name]: searchParams.get(name) };
  return currentRun() ? { run: currentRun() } : {};
}

/** Whether the address names a place itself. */
export function linked() {
  const { searchParams } = new URL(location.href);
  return ["assignment", "project", "run"].some((name) => searchParams.get(name));
}

/** Writes a place into the address. A run's is written by whoever opens it; only what is not it is taken out here. */
export function setPlace(where) {
  const address = new URL(location.href);
  for (const name of where.run ? NAMES : [...NAMES, "run"]) address.searchParams.delete(name);
  for (const name of NAMES) if (where[name]) address.searchParams.set(name, where[name]);
  if (address.href !== location.href) history.replaceState(null, "", address);
}
