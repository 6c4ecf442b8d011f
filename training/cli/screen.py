"""What a job shows on standard error while it works, and the table of a synthesis in the end on standard output."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..jobs.foreground import Screen

# Seconds between two lines of a log.
_EVERY = 10.0


def say(text: Any) -> None:
    """A result on standard output."""
    from rich.console import Console

    Console(soft_wrap=True, highlight=False, markup=False).print(text)


@contextlib.contextmanager
def showing() -> Iterator[Screen]:
    """A bar for people who watch, a line now and then for logs."""
    if sys.stderr.isatty():
        with _bar() as screen:
            yield screen
    else:
        yield _lines()


@contextlib.contextmanager
def _bar() -> Iterator[Screen]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as drawn:
        task = drawn.add_task("opening", total=1.0)

        def event(kind: str, data: Mapping[str, Any]) -> None:
            if kind == "log":
                drawn.console.print(data["text"], markup=False, highlight=False)

        yield Screen(
            event=event,
            progress=lambda fraction: drawn.update(task, completed=fraction),
            doing=lambda text: drawn.update(task, description=text),
        )


def _lines() -> Screen:
    last = [time.monotonic()]

    def event(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "log":
            _write(str(data["text"]))

    def doing(text: str) -> None:
        if time.monotonic() - last[0] >= _EVERY:
            last[0] = time.monotonic()
            _write(text)

    return Screen(event=event, progress=lambda _: None, doing=doing)


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(database: Any, result: Mapping[str, Any]) -> Any:
    """Per domain: items before and after the filters, what failed, and what one that was kept costs."""
    from rich import box
    from rich.table import Table

    from db.store import syntheses

    with database.read() as session:
        report = syntheses.get(session, result["synthesis"]).report or {}
    drawn = Table(box=box.SIMPLE, title=f"{result['name']}: {result['calls']:,} calls, {result['repeats']} of them twice")
    for name in ("domain", "made", "empty", "failed", "kept", f"cost per kept ({result['currency']})"):
        drawn.add_column(name, justify="left" if name == "domain" else "right")
    found = {one["domain"]: one for one in report.get("domains", ())} if result["dataset"] else {}
    for domain, states in result["domains"].items():
        one = found.get(domain, {})
        each = one.get("cost_per_kept")
        kept = str(one["after"]) if "after" in one else "-"
        cells = [str(states.get(state, 0)) for state in ("made", "empty", "failed")]
        drawn.add_row(domain or "-", *cells, kept, "-" if each is None else f"{each:,.4f}")
    return drawn
