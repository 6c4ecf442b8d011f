"""Files that researchers take away, streamed from the database page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.exports.jsonl import judgements_jsonl
from app.exports.records import JudgementRecord, RunRecord
from app.exports.trec import qrels_txt, runs_txt
from app.ranking.errors import NotFound
from app.services.actors import Actor, require
from db.models_people import Judgement
from db.session import Database
from db.store import judgements, lists, runs

_PAGE = 100
_FIELDS = (
    "version", "base_version", "state", "order", "not_relevant", "unranked", "grades", "shown_order", "claims", "disagree", "note",
    "confidence", "active_seconds", "model_visible", "model_version_id", "guideline_id", "licence", "trust", "consent_version",
    "selection_probability", "selection_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file on its way: chunks come as they are made."""

    filename: str
    media_type: str
    chunks: AsyncIterator[bytes]


class Exports:
    """Exports by file name; see FORMATS."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stream(self, actor: Actor, name: str) -> Export:
        """One export. Raises NotFound listing those there are."""
        require(actor, "researcher")
        chunks, media_type = self._format(name)
        return Export(filename=name, media_type=media_type, chunks=_in_thread(chunks))

    def write(self, actor: Actor, name: str) -> Iterator[bytes]:
        """The same, for callers without an event loop."""
        require(actor, "researcher")
        return self._format(name)[0]

    def _format(self, name: str) -> tuple[Iterator[bytes], str]:
        made: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
            "judgements.jsonl": (lambda: judgements_jsonl(self._judgements()), "application/x-ndjson"),
            "qrels.txt": (lambda: qrels_txt(self._judgements()), "text/plain; charset=utf-8"),
            "runs.txt": (lambda: runs_txt(self._runs()), "text/plain; charset=utf-8"),
        }
        if name not in made:
            raise NotFound(f"no export is called {name!r}: there are {', '.join(made)}")
        make, media_type = made[name]
        return make(), media_type

    def _judgements(self) -> Iterator[JudgementRecord]:
        last = ""
        while True:
            with self._database.read() as session:
                page = judgements.after(session, last, _PAGE)
                records = [_record(session, row) for row in page]
            yield from records
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def _runs(self) -> Iterator[RunRecord]:
        with self._database.read() as session:
            found = [
                RunRecord(query=lists.query(session, run.list_id), model=run.model, order=run.order or ()) for run in runs.finished(session)
            ]
        yield from found


def _record(session: Session, row: Judgement) -> JudgementRecord:
    candidates = lists.get(session, row.list_id)
    counting = judgements.newest_of(session, row.actor_id, row.list_id, state="submitted")
    return JudgementRecord(
        id=row.id,
        query=candidates.query,
        person=row.actor_id,
        created=row.created.isoformat(),
        counts=counting is not None and counting.id == row.id,
        holdout=candidates.holdout,
        fields={name: getattr(row, name) for name in _FIELDS},
        texts={passage.id: (passage.title, passage.text) for passage in candidates.passages},
    )


async def _in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pull a blocking iterator on another thread."""
    while True:
        chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk
