// Where the tab Models is: its view, the version and the update in it. The address says so, and the browser's session keeps it.

import { goTo } from "./state.js";
import { setTrainPlace } from "./train_place.js";

const NAMES = ["models", "version", "update"];
const KEPT = "reasonrank:models:";
const SHOWN = { version: ["versions", "learned"], update: ["updates"] };

/** {models, version, update}, each "" where there is none: the address first, then this session of the browser (not for `models`). */
export function modelsPlace() {
  const { searchParams } = new URL(location.href);
  return Object.fromEntries(
    NAMES.map((name) => [name, searchParams.get(name) || (name === "models" ? "" : (sessionStorage.getItem(KEPT + name) ?? ""))]),
  );
}

/** Writes what is given into the address and keeps it; "" takes it out. Leaving the tab takes all out, and forgets nothing. */
export function setModelsPlace(where) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(where)) if (name !== "models") sessionStorage.setItem(KEPT + name, value);
  const view = where.models ?? address.searchParams.get("models") ?? "";
  const now = { ...modelsPlace(), ...where, models: view };
  for (const name of NAMES) {
    const fits = name === "models" || SHOWN[name].includes(view);
    if (view && now[name] && fits) address.searchParams.set(name, now[name]);
    else address.searchParams.delete(name);
  }
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

/** From another tab to a view of this one. The tab may never have been opened: then it finds the place in the address. */
export function toModels(view, where) {
  setModelsPlace({ models: view, ...where });
  goTo("models");
  document.querySelector("rr-models")?.views?.show(view);
}

/** From here to a view of the tab Train. */
export function toTrain(view, where) {
  setTrainPlace({ train: view, ...where });
  goTo("train");
  document.querySelector("rr-train")?.views?.show(view);
}
