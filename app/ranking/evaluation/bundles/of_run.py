"""A bundle from run files alone: nothing was asked here, so that its rows say what there is to say about an order and its judgements."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...formats.decode import Limits, decode
from ...formats.topics import naming, read_bytes, read_topics
from ...formats.trec import read_qrels, read_run
from .assembling import SetParts, add_set
from .read import Bundle
from .values import Header, Scored
from .write import BundleWriter

# Files that a person names on this machine: bounded by the memory only.
_WHOLE = Limits(bytes=1 << 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The files of one set, gzipped or not. `first` is the first stage's run, `topics` gives queries their texts."""

    name: str
    run: Path
    qrels: Path
    first: Path | None = None
    topics: Path | None = None
    title: str = ""
    in_source: bool = False


def of_run(sources: Sequence[RunFiles], header: Header, out: Path) -> Bundle:
    """Score run files and keep all that explains their numbers, equal scores and the order of their lines included.

    Raises InputError naming a file that can't be read, SettingsError for an unknown measure or a target that is not empty.
    """
    if not sources:
        raise InputError("no run is given: name at least one with its judgements")
    with BundleWriter(out, header) as writer:
        for source in sources:
            parts, notes = _read(source)
            scores = add_set(writer, parts, header.measures)
            writer.note(notes, measures=scores.measures)
    return Bundle.open(out)


def _read(source: RunFiles) -> tuple[SetParts, list[str]]:
    with naming(source.qrels):
        qrels = read_qrels(_text(source.qrels))
        if not qrels:
            raise InputError("there are no judgements in it: give qrels with at least one line")
    run, first = _run(source.run), _run(source.first) if source.first else {}
    unjudged = [topic for topic in run if topic not in qrels]
    notes = [f"{source.name}: {len(unjudged)} topics of the run have no judgements and were left out"] * bool(unjudged)
    if len(unjudged) == len(run):
        raise InputError(f"{source.run.name!r} and {source.qrels.name!r} have no topic in common: give judgements that belong to the run")
    parts = SetParts(
        name=source.name,
        title=source.title,
        in_source=source.in_source,
        qrels=qrels,
        first=first,
        run=run,
        questions=read_topics(source.topics) if source.topics else {},
        hashes={
            "qrels": _hash(source.qrels),
            "run": _hash(source.first or source.run),
            "topics": _hash(source.topics) if source.topics and source.topics.is_file() else "",
        },
    )
    return parts, notes


def _run(path: Path) -> Scored:
    with naming(path):
        run = {topic: tuple(scores.items()) for topic, scores in read_run(_text(path)).items()}
        if not run:
            raise InputError("there is no topic in it: give a run with at least one line")
    return run


def _text(path: Path) -> str:
    return decode(read_bytes(path), _WHOLE)


def _hash(path: Path) -> str:
    """sha256 of a file as it is when unpacked."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def named_after(path: Path) -> Header:
    """The header of a run of which nothing is known but its file."""
    name = path.name.removesuffix(".gz")
    return Header(name=name, model={"name": name})
