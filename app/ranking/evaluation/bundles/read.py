"""A bundle that was written, opened again. Small parts are read at once, calls only when they are asked for."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ...errors import InputError
from ...formats.topics import naming
from ...formats.trec import read_qrels, read_run
from .hashing import MANIFEST, bundle_id
from .values import FORMAT, CallRow, Key, Scored, TopicRow
from .write import CALLS, TOPICS

if TYPE_CHECKING:
    import pandas

_Row = TypeVar("_Row", TopicRow, CallRow)


@dataclass(frozen=True)
class Bundle:
    """An open bundle. `manifest` is its JSON, `topics` its rows in the order of the file."""

    folder: Path
    manifest: Mapping[str, Any]
    topics: tuple[TopicRow, ...]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Raises InputError for a folder that is no bundle, has another format, or holds a line that can't be read."""
        path = folder / MANIFEST
        if not path.is_file():
            raise InputError(f"{str(folder)!r} is no bundle: it has no {MANIFEST}; name a folder that an evaluation has written")
        with naming(path):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise InputError(f"it is no JSON ({error}): make the bundle again") from error
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                raise InputError(f"its format is not {FORMAT}: make the bundle again with this version")
        rows = tuple(_rows(folder / TOPICS, TopicRow))
        return cls(folder=folder, manifest=manifest, topics=rows)

    @property
    def id(self) -> str:
        """sha256 of what it holds, hex."""
        return str(self.manifest["id"])

    @property
    def name(self) -> str:
        """What its maker called it."""
        return str(self.manifest["name"])

    @property
    def primary(self) -> str:
        """The measure it is judged by."""
        return str(self.manifest["primary"])

    @property
    def measures(self) -> tuple[str, ...]:
        """All measures of its rows."""
        return tuple(self.manifest["measures"])

    @property
    def sets(self) -> tuple[Mapping[str, Any], ...]:
        """The manifest's sets."""
        return tuple(self.manifest["sets"])

    @cached_property
    def by_key(self) -> Mapping[Key, TopicRow]:
        """Rows by (set, topic)."""
        return {row.key: row for row in self.topics}

    @property
    def has_calls(self) -> bool:
        """Whether model calls are kept; a bundle of a run file has none."""
        return (self.folder / CALLS).is_file()

    def calls(self, set_: str = "", topic: str = "") -> Iterator[CallRow]:
        """Calls in the order of the file, those of one set, or of one topic of it. Raises InputError for a line that can't be read."""
        if self.has_calls:
            head = {"set": set_, "topic": topic} if topic else {"set": set_} if set_ else {}
            # Rows begin with set and topic: others are passed over without being parsed, as traces are long.
            start = json.dumps(head, ensure_ascii=True).removesuffix("}").encode()
            yield from (row for row in _rows(self.folder / CALLS, CallRow, start) if set_ in ("", row.set) and topic in ("", row.topic))

    def run(self, set_: str) -> Scored:
        """The run of a set as its file has it; empty where there is none."""
        return self._scored(f"runs/{set_}.run")

    def first(self, set_: str) -> Scored:
        """The first stage of a set as its file has it; empty where there is none."""
        return self._scored(f"first/{set_}.run")

    def qrels(self, set_: str) -> Mapping[str, Mapping[str, int]]:
        """Judgements of a set."""
        return read_qrels(self._text(f"qrels/{set_}.qrels"))

    def values(self, measure: str) -> dict[Key, float]:
        """A measure by topic. Raises InputError where the bundle has not got it."""
        if measure not in self.measures:
            raise InputError(f"bundle {self.name!r} has no measure {measure!r}: it has {', '.join(self.measures)}")
        return {row.key: float(row.values.get(measure, 0.0)) for row in self.topics}

    def to_frame(self) -> pandas.DataFrame:
        """A row per topic, indexed by set and topic: columns for the measures, "first M" and "ceiling D", and all plain fields."""
        import pandas

        records = []
        for row in self.topics:
            plain = {field.name: getattr(row, field.name) for field in fields(row)}
            flat = {**plain.pop("values"), **{f"first {name}": value for name, value in plain.pop("first").items()}}
            flat |= {f"ceiling {name}": value for name, value in plain.pop("ceiling").items()}
            records.append({"set": plain.pop("set"), "topic": plain.pop("topic"), **flat, **plain})
        frame = pandas.DataFrame.from_records(records)
        return frame.set_index(["set", "topic"]) if records else frame

    def verify(self) -> None:
        """Read everything once. Raises InputError where the content is no longer what the id says."""
        if bundle_id(self.folder, self.manifest) != self.id:
            raise InputError(f"bundle {self.name!r} was changed after it was made: its content is not what its id says, make it again")

    def _scored(self, name: str) -> Scored:
        return {topic: tuple(scores.items()) for topic, scores in read_run(self._text(name)).items()}

    def _text(self, name: str) -> str:
        path = self.folder / name
        if path.parent.parent != self.folder or not path.is_file():
            return ""
        with naming(path):
            return path.read_text(encoding="utf-8")


def _rows(path: Path, kind: type[_Row], start: bytes = b"") -> Iterator[_Row]:
    """Rows of a file of JSON lines, packed or not, of those lines that begin with `start`."""
    known, make = {field.name for field in fields(kind)}, cast(Callable[..., _Row], kind)
    with naming(path), gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        number = 1
        try:
            for line in file:
                if line.startswith(start):
                    data: dict[str, Any] = {name: value for name, value in json.loads(line).items() if name in known}
                    yield make(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
                number += 1
        except (ValueError, TypeError, AttributeError, EOFError, zlib.error) as error:
            raise InputError(f"line {number} is no {kind.__name__} of this format ({error}): make the bundle again") from error
