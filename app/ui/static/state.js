// What the tabs share: which run is open, and how to go from one tab to another.

const KEY = "reasonrank:run";

/** `run` fires with the token whenever another run is opened. */
export const studio = new EventTarget();

/** The open run: what the address names, else the last one of this browser. */
export function currentRun() {
  return new URL(location.href).searchParams.get("run") || localStorage.getItem(KEY) || "";
}

/** The run the address names, which alone is opened on load. */
export const linkedRun = () => new URL(location.href).searchParams.get("run") || "";

/** Makes a run the open one; the address follows, so that reload and permalink agree. */
export function setRun(token) {
  localStorage.setItem(KEY, token);
  const address = new URL(location.href);
  if (address.searchParams.get("run") !== token) {
    address.searchParams.set("run", token);
    history.pushState(null, "", address);
  }
  studio.dispatchEvent(new CustomEvent("run", { detail: token }));
}

addEventListener("popstate", () => studio.dispatchEvent(new CustomEvent("back", { detail: linkedRun() })));

/** The button of a tab, once Gradio has put it there: named after the tab's elem_id, or in a menu where room is short. */
export const tabButton = (tab) =>
  document.getElementById(`tab-${tab}-button`) ??
  [...document.querySelectorAll("#tabs .overflow-dropdown button")].find((one) => one.textContent.trim().toLowerCase() === tab);

/** Shows a tab by its id: explore, annotate, review, data, train, models, results or manage. */
export function goTo(tab) {
  tabButton(tab)?.click();
  document.getElementById("tabs")?.scrollIntoView({ block: "start" });
}

const STEP_MS = 250; // how often a page that was loaded for a tab looks whether Gradio has put its button there
const GIVE_UP_MS = 60_000;

/** Opens the tab that the address names, once Gradio has it and it is in sight as `element`. Whoever clicks or types goes their own way. */
export function comeTo(tab, element) {
  const end = Date.now() + GIVE_UP_MS;
  const stop = () => {
    clearInterval(timer);
    for (const kind of ["pointerdown", "keydown"]) document.removeEventListener(kind, stop, true);
  };
  const timer = setInterval(() => {
    if (document.querySelector(element)?.offsetWidth || Date.now() > end) return stop();
    if (tabButton(tab)) goTo(tab);
  }, STEP_MS);
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, stop, true);
}

let task = "";

/** Shows a task under review. Gradio puts a tab on the page only when it is first opened: what is wanted there is kept until it asks. */
export function reviewTask(id) {
  task = id;
  goTo("review");
  studio.dispatchEvent(new Event("review"));
}

/** The task that is wanted under review, once. */
export function takeTask() {
  const id = task;
  task = "";
  return id;
}
