// Building elements. Text from anywhere only ever becomes a text node: nothing here (or in this folder) assigns innerHTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(el, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "style") Object.entries(value).forEach(([k, v]) => el.style.setProperty(k, v));
    else if (["value", "checked", "disabled", "hidden", "open"].includes(key)) el[key] = value;
    else el.setAttribute(key, value === true ? "" : String(value));
  }
  el.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** An HTML element: h("p", {class: "x", onclick: f}, "text", child). */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element, same arguments as h(). */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** A number with few digits, or a dash where there is none. */
export const num = (value, digits = 2) => (typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "–");

/** A model's grade as it was written: whole numbers stay whole. */
export const gradeText = (value) => (Number.isInteger(value) ? String(value) : num(value));

/** "1 call", "2 calls". */
export const count = (n, word) => `${Number(n).toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** A text from elsewhere inside a sentence: what it says of its direction ends with it. */
export const isolated = (text) => `\u2068${text}\u2069`;

/** A length of time as people say it; never rounded to nothing. */
export function seconds(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (value < 0.01) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

/** A moment in the reader's own time zone. */
export function moment(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** Whether the reader asked for less motion, now. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Calls `f` once, `ms` after the last call. */
export function debounce(f, ms) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** A polite live region: say(text) has a screen reader speak it. */
export function announcer() {
  const el = h("div", { class: "sr", role: "status", "aria-live": "polite", "data-testid": "announce" });
  return {
    el,
    say: (text) => {
      el.textContent = "";
      requestAnimationFrame(() => {
        el.textContent = text;
      });
    },
  };
}

/** Puts `nodes` in order inside `parent`, moving only what stands wrong, and gliding what moved unless motion is unwelcome. */
export function reorder(parent, nodes, glide = true) {
  const before = new Map();
  const still = !glide || calm() || nodes.length > 120;
  if (!still) for (const node of nodes) if (node.isConnected) before.set(node, node.getBoundingClientRect().top);
  const focused = parent.getRootNode().activeElement;
  const holds = focused && nodes.some((n) => n.contains(focused));
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
  if (holds && parent.getRootNode().activeElement !== focused) focused.focus({ preventScroll: true });
  if (still) return;
  for (const [node, top] of before) {
    const shift = top - node.getBoundingClientRect().top;
    if (Math.abs(shift) < 1 || Math.abs(shift) > 4000) continue;
    node.animate([{ transform: `translateY(${shift}px)` }, { transform: "none" }], { duration: 420, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}

/** Scrolls an element into sight and lights it for a moment. */
export function light(el) {
  el.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
  el.classList.remove("lit");
  void el.offsetWidth; // restarts the animation when the same card is asked for twice
  el.classList.add("lit");
  setTimeout(() => el.classList.remove("lit"), 2400);
}
