"""Evaluations: the leaderboard, one with its topics and traces, two beside each other, how stable they are, and files to take away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from app.evaluations import Origin as Origin
from app.evaluations import keep as keep
from app.ranking.errors import StoreError
from app.ranking.evaluation.bundles.read import Bundle
from app.services import result_compare
from app.services.actors import Actor, require
from app.services.datasets import on_thread, tar
from app.services.exports import Export
from app.services.result_texts import SuiteTexts
from app.services.result_topics import Page, topics_view, whole_topic
from app.services.result_view import manifest_of, view, views
from db.models_loop import Evaluation
from db.session import Database
from db.store import evaluations

Json = dict[str, Any]
_T = TypeVar("_T")
_PIECE = 1 << 18  # bytes
_OPEN = 8  # bundles that are kept in memory


class Results:
    """Reads evaluations. `folder_of` gives the folder of an artifact by its hash, and raises StoreError where it is gone."""

    def __init__(self, database: Database, folder_of: Callable[[str], Path], texts: SuiteTexts) -> None:
        self._database, self._folder_of, self._texts = database, folder_of, texts

    async def list(self, actor: Actor) -> Json:
        """Evaluations, newest first, and the suites that can be run here."""
        require(actor, "researcher")

        def read() -> Json:
            with self._database.read() as session:
                rows = evaluations.every(session)
            suites = [{"name": one.name, "title": one.title, "about": one.about} for one in self._texts.suites()]
            return {"results": views(rows), "suites": suites}

        return await asyncio.to_thread(read)

    async def get(self, actor: Actor, evaluation_id: str) -> Json:
        """One with its manifest and sets. Raises NotFound."""

        def read(row: Evaluation) -> Json:
            manifest = manifest_of(row)
            (told,) = [one for one in views(self._all(row)) if one["id"] == row.id]
            return {
                **told,
                "manifest": {name: value for name, value in manifest.items() if name != "sets"},
                "sets": manifest.get("sets") or [],
            }

        return await self._of(actor, evaluation_id, read)

    async def topics(self, actor: Actor, evaluation_id: str, page: Page) -> Json:
        """Some of its topics. Raises NotFound, and StoreError where its folder is gone."""
        return await self._of(actor, evaluation_id, lambda row: topics_view(self._bundle(row), page))

    async def topic(self, actor: Actor, evaluation_id: str, key: tuple[str, str]) -> Json:
        """One topic of a set with its candidates, both orders and every call. Raises as `topics` does."""

        def read(row: Evaluation) -> Json:
            return whole_topic(self._bundle(row), key, lambda set_name, ids: self._texts.of(row.suite, set_name, ids))

        return await self._of(actor, evaluation_id, read)

    async def compare(self, actor: Actor, one: str, other: str) -> Json:
        """What changes from one to the other, and what explains it. Raises NotFound, and InputError where no topic is in both."""
        require(actor, "researcher")

        def read() -> Json:
            a, b = self._row(one), self._row(other)
            return result_compare.compared((view(a), self._bundle(a)), (view(b), self._bundle(b)))

        return await asyncio.to_thread(read)

    async def stability(self, actor: Actor, evaluation_id: str) -> Json:
        """How far evaluations agree that differ from this one in seed or shuffle alone. Raises NotFound."""

        def read(row: Evaluation) -> Json:
            return result_compare.steady(row, self._all(row), self._bundle)

        return await self._of(actor, evaluation_id, read)

    async def file(self, actor: Actor, evaluation_id: str) -> Export:
        """Its bundle as a tar: the same bytes each time. Raises NotFound."""
        row, folder = await self._of(actor, evaluation_id, lambda row: (row, self._folder_of(row.artifact_hash)))
        chunks = on_thread(tar(folder, f"bundle-{row.id[:12]}"))
        return Export(filename=f"bundle-{row.id[:12]}.tar", media_type="application/x-tar", chunks=chunks)

    async def table(self, actor: Actor, evaluation_id: str) -> Export:
        """Its topics as a table. Raises NotFound."""
        row, folder = await self._of(actor, evaluation_id, lambda row: (row, self._folder_of(row.artifact_hash)))
        chunks = on_thread(_pieces(folder / "topics.csv"))
        return Export(filename=f"topics-{row.id[:12]}.csv", media_type="text/csv", chunks=chunks)

    async def report(self, actor: Actor, evaluation_id: str) -> Export:
        """A report of it in one HTML file. Raises NotFound."""
        row, text = await self._of(actor, evaluation_id, lambda row: (row, _reported(self._bundle(row))))
        return Export(filename=f"report-{row.id[:12]}.html", media_type="text/html", chunks=_once(text))

    async def _of(self, actor: Actor, evaluation_id: str, what: Callable[[Evaluation], _T]) -> _T:
        require(actor, "researcher")
        return await asyncio.to_thread(lambda: what(self._row(evaluation_id)))

    def _row(self, evaluation_id: str) -> Evaluation:
        with self._database.read() as session:
            return evaluations.get(session, evaluation_id)

    def _all(self, row: Evaluation) -> Sequence[Evaluation]:
        """The evaluations of its suite, this one among them however many there are."""
        with self._database.read() as session:
            rows = [one for one in evaluations.every(session) if one.suite == row.suite]
        return rows if any(one.id == row.id for one in rows) else [*rows, row]

    def _bundle(self, row: Evaluation) -> Bundle:
        return _opened(self._folder_of(row.artifact_hash))


@lru_cache(maxsize=_OPEN)
def _opened(folder: Path) -> Bundle:
    """An artifact never changes, so what was read of it once holds."""
    return Bundle.open(folder)


def _reported(bundle: Bundle) -> bytes:
    from app.reporting.report import page  # loads matplotlib

    return page([bundle]).encode("utf-8", "replace")


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except FileNotFoundError as error:
        raise StoreError("this evaluation has no table of its topics: take the whole bundle instead") from error


async def _once(text: bytes) -> AsyncIterator[bytes]:
    yield text
