"""Versions from others: our own folder or tar, checked to the last byte, and the layout of ReasonRank's released data, built anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.artifacts import ArtifactStore
from app.ranking.errors import InputError
from db.session import Database
from training.synthesis.sources import Where, read
from training.synthesis.values import Item, Sample, SourceItem

from .archive import unpack
from .freezing import publish
from .making import build
from .revision import code_revision
from .values import CARD, FILES, MANIFEST, BuildOptions, Built
from .version import load

RELEASED = "training_data_all.jsonl"
_MOST_CARD = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is said of data that doesn't say it itself: a name, and the licence of its texts. For the released layout alone."""

    name: str = ""
    licence: str = ""


def import_version(database: Database, store: ArtifactStore, source: Path, origin: Origin | None = None) -> Built:
    """Take a version in and publish it. Done twice, it is the same version.

    Raises InputError for what is neither a version nor the released layout, and for a version that isn't what its manifest says, or that
    holds queries which are for evaluation only. Of the released layout such queries are left out, with a verdict.
    """
    with store.aside() as aside:
        folder = source
        if source.is_file():
            (aside / "unpacked").mkdir()
            folder = unpack(source, aside / "unpacked")
        target = aside / "version"
        if (folder / MANIFEST).is_file():
            built = _own(folder, target)
        elif (folder / RELEASED).is_file():
            built = _released(folder, target, origin or Origin(), source.stem)
        else:
            raise InputError(f"{source.name!r} is no data set: it holds neither {MANIFEST} nor {RELEASED}")
        publish(database, store, target, built, None)
    return built


def _own(folder: Path, target: Path) -> Built:
    """A version's own five files, read and checked where they will stay."""
    target.mkdir()
    for name in FILES:
        path = folder / name
        if not path.is_file() or path.is_symlink():
            raise InputError(f"the version in {folder.name!r} lacks {name}: take another copy of it")
        if name == CARD and path.stat().st_size > _MOST_CARD:
            raise InputError(f"{CARD} of {folder.name!r} is larger than a card can be: take another copy of the version")
        shutil.copyfile(path, target / name)
    found = load(target)
    return Built(id=found.id, counts=found.manifest["counts"], manifest=found.manifest)


def _released(folder: Path, target: Path, origin: Origin, stem: str) -> Built:
    where = Where(folder=folder, database=None, domain="", licence=origin.licence)
    options = BuildOptions(
        name=origin.name or stem, teacher="that of the data", sources=("released layout of ReasonRank",), code=code_revision()
    )
    built = build(_judged(read("reasonrank", {"path": "."}, where)), options, target)
    if where.skipped.notes:
        raise InputError(f"the data in {folder.name!r} is not whole: {'; '.join(where.skipped.notes)}. Mend it, or name it in a recipe")
    return built


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """An item that no filter has seen: a recipe with the source `reasonrank` is the way to filter what others made."""

    item: Item
    scores: Mapping[str, float | None] = field(default_factory=dict)
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    state: str = "made"


def _judged(found: Iterator[SourceItem]) -> Iterator[_Taken]:
    for number, one in enumerate(found):
        ready = one.ready
        assert ready is not None  # every row of the layout has an order
        sample = Sample(sample=0, seed=0, shown=ready.shown, order=ready.order, reasoning=ready.reasoning, outcome="clean")
        yield _Taken(
            item=Item(
                number=number, source_id=one.id, source=one.source, domain=one.domain, query=one.query, passages=one.passages,
                origins={passage.id: "given" for passage in one.passages}, grades=dict(one.labels or {}), labelled_by="source",
                samples=(sample,), template=ready.template, licence=one.licence,
            )
        )  # fmt: skip
