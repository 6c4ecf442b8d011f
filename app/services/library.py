"""The library: collections and how to find candidates in them. A worker indexes what is uploaded; it is opened here when first asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.cache import Cache
from app.ranking.errors import BackendBusy, InputError
from app.ranking.formats.collections import read_collection
from app.ranking.formats.decode import Limits, check_id
from app.ranking.holdout import is_holdout
from app.ranking.retrieval.collection import Collection, load_collection, make_collection, save_collection
from app.ranking.retrieval.demo import NAME, VECTORS, load_collection_of, load_demo
from app.ranking.retrieval.embedder import Embedder, default_embedder
from app.ranking.retrieval.index import SearchIndex
from app.ranking.signals import SIGNALS_VERSION, EvidenceSignals
from app.ranking.values import Passage
from app.services import indexing
from app.services.actors import Actor, require
from app.services.runs import Found, RunRequest
from app.settings import Settings
from db.models import Collection as CollectionRow
from db.session import Database
from db.store import collections as rows
from db.store.lists import Candidates

_EXAMPLES = 6


@dataclass(slots=True)
class _State:
    """A collection as this process has it open."""

    index: SearchIndex | None = None
    opening: threading.Lock = field(default_factory=threading.Lock)


class Library:
    """All collections. `warm` opens the demo, so that the first query is fast; others open when they are first asked."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._root, self._cache = settings.data_dir / "collections", Cache(settings.data_dir / "cache")
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self._pasted: EvidenceSignals | None = None
        self._demo: Collection | None = None

    @property
    def ready(self) -> bool:
        """Whether the demo can be searched."""
        return self._demo is not None and self._state(self._demo.id).index is not None

    def warm(self) -> None:
        """Load the embedding model and open the demo (blocking). Raises RankingError."""
        self._embedder = default_embedder()
        self._pasted = EvidenceSignals(self._embedder)
        demo = load_collection_of()
        with self._database.write() as session:
            row = CollectionRow(
                id=demo.id, name=NAME, kind="demo", passages=len(demo), state="ready", licence="CC0-1.0", owner_id=None
            )  # fmt: skip
            rows.put(session, row)
        self._demo = demo
        load_demo()  # kept from here on, so that the examples never read files on the event loop
        self._open(demo.id)
        with self._database.write() as session:
            indexing.adopt(session)

    # Finding candidates (blocking; called on a thread).

    def find(self, request: RunRequest) -> Found:
        """Candidates with signals, from a collection or from pasted passages."""
        found = self._find_pasted(request, request.passages) if request.passages is not None else self._find_stored(request)
        return replace(found, candidates=replace(found.candidates, holdout=is_holdout(request.query)))

    def _find_pasted(self, request: RunRequest, given: tuple[Passage, ...]) -> Found:
        passages, query = _with_ids(given), request.query
        if not passages:
            raise InputError("no passages were given: paste at least one, or choose a collection")
        if not request.evidence:
            return Found(candidates=Candidates(query=query, passages=tuple(passages), retriever="given", signals_version=""))
        signals = self._pasted or EvidenceSignals(self._embedder)
        shown = signals.annotate(query, passages)
        candidates = Candidates(query=query, passages=tuple(shown), retriever="given", signals_version=SIGNALS_VERSION)
        return Found(candidates=candidates, notes=signals.notes(query))

    def _find_stored(self, request: RunRequest) -> Found:
        collection_id = request.collection or (self._demo.id if self._demo else "")
        index = self._open(collection_id)
        hits = index.search(request.query, request.depth)
        if not hits:
            raise InputError("nothing in this collection shares a word or a meaning with the query: ask otherwise, or choose another one")
        candidates = Candidates(
            query=request.query,
            passages=tuple(index.signals.annotate(request.query, hits)),
            retriever="hybrid",
            signals_version=SIGNALS_VERSION,
            collection_id=collection_id,
        )
        return Found(candidates=candidates, notes=index.notes(request.query))

    def _open(self, collection_id: str) -> SearchIndex:
        with self._database.read() as session:
            row = rows.get(session, collection_id)
            now = indexing.standing(session, row)
        if now.state == "failed":
            raise InputError(f"collection {row.name!r} could not be indexed: {now.error}")
        if now.state == "indexing" and now.doing == indexing.NO_WORKER:
            raise BackendBusy(f"collection {row.name!r} is not indexed yet, and no worker is there to do it: start one, or try again later")
        if now.state == "indexing":
            raise BackendBusy(f"collection {row.name!r} is being indexed ({now.progress:.0%}): try again in a moment")
        state = self._state(collection_id)
        with state.opening:
            if state.index is None:
                state.index = self._load(collection_id)
        return state.index

    def _load(self, collection_id: str) -> SearchIndex:
        """From the cache, where a worker has put it; what is missing or damaged there is made again."""
        is_demo = self._is_demo(collection_id)
        collection = self._demo if is_demo and self._demo else load_collection(self._root, collection_id)
        return SearchIndex.open(collection, self._cache, self._embedder, committed=VECTORS if is_demo else None)

    def _is_demo(self, collection_id: str) -> bool:
        return self._demo is not None and collection_id == self._demo.id

    def _state(self, collection_id: str) -> _State:
        with self._lock:
            return self._states.setdefault(collection_id, _State())

    # Collections.

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """All collections and how far they are."""
        require(actor, "visitor")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                # An older demo is no longer on disk; what was ranked with it lives on in its candidate lists.
                return [_view(session, row) for row in rows.every(session) if row.kind != "demo" or self._is_demo(row.id)]

        return await asyncio.to_thread(read)

    async def upload(self, actor: Actor, name: str, format: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Take a file in; a worker indexes it after this returns. Raises InputError naming the line, and then nothing stays."""
        require(actor, "annotator")
        folder = self._settings.data_dir / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        limit = self._settings.max_upload_mb * 1_000_000
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part") as file:
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise InputError(f"the file is larger than {self._settings.max_upload_mb} MB, which is the limit here")
                file.write(chunk)
            file.flush()
            return await asyncio.to_thread(self._take_in, actor, (name, format), Path(file.name))

    def _take_in(self, actor: Actor, said: tuple[str, str], path: Path) -> dict[str, Any]:
        name, format = said
        limits = Limits(passages=self._settings.max_passages)
        collection = make_collection(read_collection(path, format=format, limits=limits), name)
        save_collection(collection, self._root)
        row = CollectionRow(
            id=collection.id, name=name, kind="upload", passages=len(collection), state="indexing", licence="", owner_id=actor.id
        )  # fmt: skip
        # The collection and the job that makes it searchable are there together, or neither is.
        with self._database.write() as session:
            rows.put(session, row)
            kept = rows.get(session, collection.id)
            if kept.state != "ready":
                indexing.ask_for(session, collection.id, actor.id)
                session.refresh(kept)
            return _view(session, kept)

    def examples(self) -> Sequence[dict[str, Any]]:
        """Questions of the demo that are not sealed, one per topic in turn."""
        open_queries = [query for query in load_demo().queries if query.metadata["split"] != "sealed"]
        by_topic: dict[str, list[dict[str, Any]]] = {}
        for query in open_queries:
            item = {"id": query.id, "text": query.text, "topic": query.metadata["topic"]}
            by_topic.setdefault(query.metadata["topic"], []).append(item)
        turns = zip(*(items[:3] for items in by_topic.values()), strict=False)
        return [item for turn in turns for item in turn][: _EXAMPLES * 2]


def _view(session: Session, row: CollectionRow) -> dict[str, Any]:
    now = indexing.standing(session, row)
    told = {"state": now.state, "progress": now.progress, "doing": now.doing, "error": now.error}
    return {"id": row.id, "name": row.name, "passages": row.passages, **told}


def _with_ids(given: tuple[Passage, ...]) -> list[Passage]:
    """Pasted passages with an id each, made of the text, so that the same text has the same id in every run."""
    out: dict[str, Passage] = {}
    for number, passage in enumerate(given, start=1):
        if not passage.text.strip():
            raise InputError(f"passage {number} is empty: leave it out")
        content = json.dumps([passage.title, passage.text], ensure_ascii=True)
        own = (passage.id and check_id(passage.id, number, Limits())) or "p-" + hashlib.sha256(content.encode()).hexdigest()[:10]
        if own in out and passage.id:
            raise InputError(f"two passages have the id {own!r}: ids must differ")
        out[own] = replace(passage, id=own)
    return list(out.values())
