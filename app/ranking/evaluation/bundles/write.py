"""A bundle is written aside, flushed to the disk and renamed: a folder under its name is whole, and a killed writer leaves none there.

The same rows make the same bytes; only `made.date` of the manifest may differ, and it is outside the bundle's id.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from ...cache import new_folder
from ...errors import InputError, SettingsError
from ...formats.trec import write_qrels, write_run
from .hashing import MANIFEST, bundle_id
from .values import FORMAT, CallRow, Header, Key, Scored, SetFiles, TopicRow

TOPICS, CALLS, TABLE = "topics.jsonl", "calls.jsonl.gz", "topics.csv"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MEASURED = ("values", "first", "ceiling")
_PLAIN = (
    "query", "domain", "candidates", "relevant", "outcome", "calls", "requests", "depth", "tokens_in", "tokens_out", "seconds", "missing",
    "tied", "error",
)  # fmt: skip


def check_target(target: Path) -> None:
    """Raises SettingsError where a bundle can't be put at `target`: something is there already, or it is a file."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingsError(f"{str(target)!r} is there already and is not empty: a bundle is never written over, name another folder")


class BundleWriter:
    """Rows are added in the order in which they are to stand; leaving the block without an error gives the folder its name.

    Sets come before their topics. Raises SettingsError for a target that is not empty, InputError for names that can't be files and for
    topics or sets that come twice.
    """

    def __init__(self, target: Path, header: Header, *, traces: Mapping[str, Any] | None = None) -> None:
        check_target(target)
        self._target, self._header, self._traces = target, header, traces
        self._sets: dict[str, SetFiles] = {}
        self._rows: dict[Key, TopicRow] = {}
        self._outcomes: Counter[str] = Counter()
        self._open = ExitStack()
        self._calls: gzip.GzipFile | None = None
        self.id = ""

    def __enter__(self) -> BundleWriter:
        self._files = ExitStack()
        self._folder = self._open.enter_context(new_folder(self._target))
        self._topics = self._files.enter_context((self._folder / TOPICS).open("wb"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._files.close()
            if error is None:
                self._finish()
        except BaseException as failed:
            self._open.__exit__(type(failed), failed, failed.__traceback__)
            raise
        self._open.__exit__(kind, error, trace)
        if error is None and json.loads((self._target / MANIFEST).read_text(encoding="utf-8")).get("id") != self.id:
            # Somebody else's folder took the name between the last look and the renaming.
            raise SettingsError(f"{str(self._target)!r} was made by another process meanwhile: name another folder and write again")

    @property
    def topics(self) -> Sequence[TopicRow]:
        """The rows so far."""
        return tuple(self._rows.values())

    def note(self, notes: Iterable[str] = (), *, measures: Sequence[str] = (), traces: Mapping[str, Any] | None = None) -> None:
        """What is known only at the end: further notes, the measures under the names that they were found by, what the traces are worth."""
        header = self._header
        self._header = replace(header, notes=(*header.notes, *notes), measures=tuple(measures) or header.measures)
        self._traces = traces if traces is not None else self._traces

    def add_set(self, one: SetFiles) -> None:
        """Judgements, first stage and run of a set."""
        if not _NAME.fullmatch(one.name):
            raise InputError(f"set {one.name!r} can't name a file: use letters, digits, '.', '_' and '-'")
        if one.name in self._sets:
            raise InputError(f"set {one.name!r} comes twice: sets must differ by name")
        self._sets[one.name] = one
        self._write(f"qrels/{one.name}.qrels", write_qrels(one.qrels))
        self._write(f"first/{one.name}.run", run_lines(one.first, "first"))
        self._write(f"runs/{one.name}.run", run_lines(one.run, "-".join(self._header.name.split()) or "run"))

    def add_topic(self, row: TopicRow) -> None:
        """A topic of a set that was added."""
        if row.set not in self._sets:
            raise InputError(f"topic {row.topic!r} is of set {row.set!r}, which was not added: add the set first")
        if row.key in self._rows:
            raise InputError(f"topic {row.topic!r} of set {row.set!r} comes twice: topics must differ")
        self._rows[row.key] = row
        self._topics.write(json_line(_flat(row)))

    def add_call(self, row: CallRow) -> None:
        """A model call; its topic may come later."""
        if self._calls is None:
            # Neither a time nor a name goes into the header of the packed file, so that the same calls are the same bytes.
            raw = self._files.enter_context((self._folder / CALLS).open("wb"))
            self._calls = self._files.enter_context(gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0))
        self._outcomes[row.outcome] += 1
        self._calls.write(json_line(_flat(row)))

    def _finish(self) -> None:
        (self._folder / TABLE).write_text(_table(self._rows.values()), encoding="utf-8", newline="")
        outcomes = dict(sorted(self._outcomes.items()))
        manifest = manifest_of(self._header, tuple(self._sets.values()), self.topics, (outcomes, self._traces))
        self.id = manifest["id"] = bundle_id(self._folder, manifest)
        text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
        (self._folder / MANIFEST).write_text(text, encoding="utf-8", errors="backslashreplace")
        check_target(self._target)

    def _write(self, name: str, lines: Iterable[str]) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)


def manifest_of(
    header: Header, sets: Sequence[SetFiles], rows: Sequence[TopicRow], counted: tuple[Mapping[str, int], Any]
) -> dict[str, Any]:
    """The manifest as plain values, with an empty id. `counted` is (calls by outcome, what the traces are worth)."""
    outcomes, traces = counted
    plain = asdict(header)
    notes = plain.pop("notes")
    by_set = [_set(one, [row for row in rows if row.set == one.name], header.measures) for one in sets]
    over_sets = {name: mean([one["means"][name] for one in by_set]) for name in header.measures}
    total = {name: sum(getattr(row, name) for row in rows) for name in ("calls", "requests", "tokens_in", "tokens_out")}
    usage = {
        "topics": len(rows),
        **total,
        "seconds": round(sum(row.seconds for row in rows), 3),
        "depth": max((row.depth for row in rows), default=0),
    }
    return {
        "format": FORMAT,
        "id": "",
        **plain,
        "sets": by_set,
        "means": {"sets": over_sets, "topics": _means(rows, header.measures, lambda row: row.values)},
        "usage": usage,
        "outcomes": dict(outcomes),
        "traces": traces,
        "notes": list(notes),
    }


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, 0 for nothing."""
    return sum(values) / len(values) if values else 0.0


def json_line(value: Mapping[str, Any]) -> bytes:
    """A line in ASCII: what models write may hold what UTF-8 can't."""
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def run_lines(run: Scored, tag: str) -> Iterable[str]:
    """TREC lines with the scores as they are, in the order in which they are. Raises InputError as `write_run` does."""
    for topic, scored in run.items():
        checked = write_run({topic: [id_ for id_, _ in scored]}, tag)
        for rank, ((id_, score), _) in enumerate(zip(scored, checked, strict=True), start=1):
            yield f"{topic} Q0 {id_} {rank} {float(score)!r} {tag}\n"


def _flat(row: TopicRow | CallRow) -> dict[str, Any]:
    """A row by field. `asdict` would copy every list of ids, one by one."""
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _set(one: SetFiles, rows: Sequence[TopicRow], measures: Sequence[str]) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title or one.name,
        "in_source": one.in_source,
        "topics": len(rows),
        "missing": sum(row.missing for row in rows),
        "hashes": {name: one.hashes.get(name, "") for name in ("qrels", "run", "topics", "corpus")},
        "means": _means(rows, measures, lambda row: row.values),
        "first": _means(rows, measures, lambda row: row.first) if one.first else {},
        "headroom": dict(one.headroom),
    }


def _means(rows: Sequence[TopicRow], measures: Sequence[str], of: Callable[[TopicRow], Mapping[str, float]]) -> dict[str, float]:
    return {name: mean([of(row).get(name, 0.0) for row in rows]) for name in measures}


def _table(rows: Iterable[TopicRow]) -> str:
    """topics.csv: a column per measure of the order, of the first stage ("first nDCG@10") and per ceiling ("ceiling 20")."""
    listed = list(rows)
    names = {part: list(dict.fromkeys(name for row in listed for name in getattr(row, part))) for part in _MEASURED}
    heads = [name if part == "values" else f"{part} {name}" for part in _MEASURED for name in names[part]]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["set", "topic", *heads, *_PLAIN])
    for row in listed:
        cells = [getattr(row, part).get(name, "") for part in _MEASURED for name in names[part]]
        writer.writerow([_cell(value) for value in (row.set, row.topic, *cells, *(getattr(row, name) for name in _PLAIN))])
    return out.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula is told apart by an apostrophe (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
