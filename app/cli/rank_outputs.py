"""The files of a batch: traces as topics end, the run at the end; both take their names only when all topics are in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from app.cli import written_aside
from app.cli.rank_inputs import Inputs, LeftOut
from app.cli.rank_model import Way
from app.cli.rank_request import Request
from app.cli.rank_trace import how, line, ranked_or_kept, trace
from app.ranking.batch import Ranked
from app.ranking.errors import SettingsError
from app.ranking.formats.trec import write_run


class Outputs:
    """Opened before anything is asked, so that a file that can't be written costs nothing. Raises SettingsError or OSError."""

    def __init__(self, request: Request, way: Way, inputs: Inputs) -> None:
        self._out, self._traces, self._inputs = request.out, request.traces, inputs
        self._tag = request.tag or "-".join(way.name.split())
        list(write_run({}, self._tag))  # raises for a tag that no run can hold
        _check(self._out, self._traces)
        self._made = how(way)
        self._orders: dict[str, tuple[Sequence[str], str]] = {}
        self._file = aside(self._traces).open("wb") if self._traces else None

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, ranked: Ranked) -> None:
        """A topic has ended: its trace is in the file when this returns."""
        ranking = ranked_or_kept(ranked)
        self._orders[ranked.topic.id] = ranking.ids, ranking.outcome
        if self._file is not None:
            left_out = self._inputs.left_out.get(ranked.topic.id, LeftOut())
            self._file.write(line(trace(ranked, self._made, left_out)))
            self._file.flush()

    def finish(self) -> None:
        """All topics have ended. The run has them in the order in which they were given; a tag names an outcome that is not clean."""
        if self._out is not None:
            with written_aside(self._out) as file:
                for topic in self._inputs.topics:
                    ids, outcome = self._orders[topic.id]
                    tag = self._tag if outcome == "clean" else f"{self._tag}+{outcome}"
                    file.writelines(text.encode() for text in write_run({topic.id: ids}, tag))
        if self._file is not None and self._traces is not None:
            self._file.close()
            aside(self._traces).replace(self._traces)


def aside(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(path.name + ".part")


def _check(*targets: Path | None) -> None:
    named = [target for target in targets if target is not None]
    for target in named:
        if target.is_dir() or not target.absolute().parent.is_dir():
            raise SettingsError(f"{str(target)!r} can't be written: name a file in a folder that is there")
    if len({target.absolute() for target in named}) < len(named):
        raise SettingsError("the run and the traces need a file each: give --out and --traces different names")
