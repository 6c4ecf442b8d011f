"""How far a batch is, on standard error: a bar for people who watch, a line now and then for logs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from app.cli.rank_report import Tally
from app.ranking.values import Event, WindowDone

# Seconds between two lines of a log.
_EVERY = 10.0


class Progress:
    """Counts calls and topics, and shows nothing. `planned` is the most calls that the strategy asks for."""

    def __init__(self, topics: int, planned: int) -> None:
        self.topics, self.planned, self.calls, self.tally = topics, planned, 0, Tally()

    def happened(self, event: Event) -> None:
        """Something happened in some topic."""
        if isinstance(event, WindowDone):
            self.calls += 1
            self.show()

    def ended(self, tally: Tally) -> None:
        """A topic has ended."""
        self.tally = tally
        self.show()

    def show(self) -> None:
        """Show how far it is."""

    @property
    def said(self) -> str:
        """Calls and outcomes in words."""
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in self.tally.by_outcome.items())
        return f"{self.calls}/{self.planned} calls" + (f", {outcomes}" if outcomes else "")


class Lines(Progress):
    """Plain lines, one every ten seconds at most."""

    def __init__(self, topics: int, planned: int) -> None:
        super().__init__(topics, planned)
        self._began = self._last = time.monotonic()

    def show(self) -> None:
        """A line, where the last one is old enough."""
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        self._last = now
        left = (now - self._began) / self.tally.topics * (self.topics - self.tally.topics) if self.tally.topics else 0.0
        ahead = f", about {left:.0f} s to go" if left else ""
        sys.stderr.write(f"{self.tally.topics}/{self.topics} topics, {self.said}{ahead}\n")
        sys.stderr.flush()


class Bar(Progress):
    """A bar that is drawn over and over, with the time that is left."""

    def __init__(self, topics: int, planned: int) -> None:
        super().__init__(topics, planned)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("topics, {task.fields[said]}"), TimeElapsedColumn(), TimeRemainingColumn())
        self.drawn = RichProgress(*columns, console=Console(stderr=True))
        self._task = self.drawn.add_task("", total=topics, said=self.said)

    def show(self) -> None:
        """Draw anew."""
        self.drawn.update(self._task, completed=self.tally.topics, said=self.said)


@contextlib.contextmanager
def showing(topics: int, planned: int, *, quiet: bool) -> Iterator[Progress]:
    """Progress for as long as a batch runs."""
    if quiet:
        yield Progress(topics, planned)
    elif not sys.stderr.isatty():
        yield Lines(topics, planned)
    else:
        bar = Bar(topics, planned)
        with bar.drawn:
            yield bar
