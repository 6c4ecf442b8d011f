// Dragging a row by its handle, with mouse, pen or finger. The list itself changes only when the row is let go.

const EDGE = 70; // closer than this to the window's edge, the page scrolls
const SPEED = 14;

/** Starts on pointerdown. `rows()` are the rows in order; `drop(position)` is called once, unless Escape or a second finger ends it. */
export function drag(event, row, rows, drop) {
  if (event.button !== 0 || !event.isPrimary) return;
  event.preventDefault();
  const handle = event.currentTarget;
  const all = rows();
  const others = all.filter((r) => r !== row);
  const start = event.clientY + scrollY;
  const state = { y: event.clientY, to: all.indexOf(row), raf: 0 };
  const height = row.getBoundingClientRect().height + gap(all);
  const middles = others.map((r) => {
    const b = r.getBoundingClientRect();
    return b.top + scrollY + b.height / 2;
  });
  const from = state.to;
  handle.setPointerCapture(event.pointerId);
  row.classList.add("dragged");
  row.parentElement.classList.add("dragging");

  const follow = () => {
    const shift = state.y + scrollY - start;
    row.style.transform = `translateY(${shift}px)`;
    const box = row.getBoundingClientRect();
    const edge = shift > 0 ? box.bottom + scrollY : box.top + scrollY;
    state.to = middles.filter((m, i) => (i < from ? edge > m || shift >= 0 : edge > m && shift > 0)).length;
    others.forEach((r, i) => {
      const up = i >= from && i < state.to;
      const down = i < from && i >= state.to;
      r.style.transform = up ? `translateY(${-height}px)` : down ? `translateY(${height}px)` : "";
    });
  };
  const scroll = () => {
    const by = state.y < EDGE ? -SPEED : state.y > innerHeight - EDGE ? SPEED : 0;
    if (by) {
      scrollBy(0, by);
      follow();
    }
    state.raf = requestAnimationFrame(scroll);
  };
  const end = (dropped) => {
    cancelAnimationFrame(state.raf);
    abort.abort();
    row.classList.remove("dragged");
    row.parentElement?.classList.remove("dragging");
    if (dropped && state.to !== from) drop(state.to);
    for (const r of all) r.style.transform = "";
  };
  const abort = new AbortController();
  const { signal } = abort;
  handle.addEventListener(
    "pointermove",
    (e) => {
      state.y = e.clientY;
      follow();
    },
    { signal },
  );
  handle.addEventListener("pointerup", () => end(true), { signal });
  handle.addEventListener("pointercancel", () => end(false), { signal });
  addEventListener(
    "keydown",
    (e) => {
      if (e.key === "Escape") {
        e.stopPropagation();
        end(false);
      }
    },
    { signal, capture: true },
  );
  state.raf = requestAnimationFrame(scroll);
}

const gap = (rows) => (rows.length < 2 ? 0 : rows[1].getBoundingClientRect().top - rows[0].getBoundingClientRect().bottom);
