// Where the tab Train is: its view, the synthesis and the dataset version in it. The address says so, and the browser's session keeps it.

const NAMES = ["train", "synthesis", "dataset"];
const KEPT = "reasonrank:train:";

/** {train, synthesis, dataset}, each "" where there is none: the address first, then this session of the browser (not for `train`). */
export function trainPlace() {
  const { searchParams } = new URL(location.href);
  return Object.fromEntries(
    NAMES.map((name) => [name, searchParams.get(name) || (name === "train" ? "" : (sessionStorage.getItem(KEPT + name) ?? ""))]),
  );
}

/** Writes what is given into the address and keeps it; "" takes it out. Leaving the tab takes all out, and forgets nothing. */
export function setTrainPlace(where) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(where)) if (name !== "train") sessionStorage.setItem(KEPT + name, value);
  const view = where.train ?? address.searchParams.get("train") ?? "";
  const now = { ...trainPlace(), ...where, train: view };
  for (const name of NAMES) {
    if (view && now[name] && shown(view, name)) address.searchParams.set(name, now[name]);
    else address.searchParams.delete(name);
  }
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

const shown = (view, name) =>
  name === "train" || (name === "synthesis" && ["synthesis", "filters"].includes(view)) || (name === "dataset" && view === "datasets");

/** Thresholds that somebody moved for a synthesis, by filter; they outlive a reload. */
export function keptThresholds(id) {
  try {
    return JSON.parse(sessionStorage.getItem(`${KEPT}thresholds:${id}`)) ?? {};
  } catch {
    return {};
  }
}

/** Keeps them. */
export const keepThresholds = (id, moved) => sessionStorage.setItem(`${KEPT}thresholds:${id}`, JSON.stringify(moved));
