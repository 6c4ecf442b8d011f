"""Candidate lists: a query and its passages in first-stage order, with the evidence that was shown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from app.ranking.values import Passage
from db.models import CandidateItem, CandidateList, TextRow
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """A candidate list as it is handed to the store and given back. `holdout` queries never enter a training set."""

    query: str
    passages: tuple[Passage, ...]
    retriever: str
    signals_version: str
    collection_id: str | None = None
    holdout: bool = False


def put(session: Session, candidates: Candidates) -> str:
    """Keep a list; its id, which is the hash of its content, so that the same list is kept once."""
    query_hash, *hashes = texts.put(session, [candidates.query, *(passage.text for passage in candidates.passages)])
    items = [
        {
            "position": position,
            "passage_id": texts.storable(passage.id),
            "text_hash": text_hash,
            "title": texts.storable(passage.title),
            "score": passage.score,
            "features": dict(passage.features),
        }
        for position, (passage, text_hash) in enumerate(zip(candidates.passages, hashes, strict=True))
    ]
    origin = [query_hash, candidates.collection_id, candidates.retriever, candidates.signals_version]
    content = json.dumps([origin, items], sort_keys=True, ensure_ascii=False)
    list_id = hashlib.sha256(content.encode()).hexdigest()
    head = {
        "id": list_id,
        "query_hash": query_hash,
        "collection_id": candidates.collection_id,
        "retriever": candidates.retriever,
        "signals_version": candidates.signals_version,
        "holdout": candidates.holdout,
    }
    texts.insert_missing(session, CandidateList, [head])
    texts.insert_missing(session, CandidateItem, [{"list_id": list_id, **item} for item in items])
    return list_id


def get(session: Session, list_id: str) -> Candidates:
    """A list by id. Raises NotFound."""
    head = session.get(CandidateList, list_id)
    if head is None:
        raise NotFound(f"no candidate list {list_id!r}")
    items = session.scalars(select(CandidateItem).where(CandidateItem.list_id == list_id).order_by(CandidateItem.position)).all()
    found = texts.get(session, [head.query_hash, *(item.text_hash for item in items)])
    passages = tuple(
        Passage(id=item.passage_id, title=item.title, text=found[item.text_hash], score=item.score, features=item.features)
        for item in items
    )
    return Candidates(
        query=found[head.query_hash],
        passages=passages,
        retriever=head.retriever,
        signals_version=head.signals_version,
        collection_id=head.collection_id,
        holdout=head.holdout,
    )


def query(session: Session, list_id: str) -> str:
    """The query's text alone."""
    text = session.scalar(
        select(TextRow.text).join(CandidateList, CandidateList.query_hash == TextRow.hash).where(CandidateList.id == list_id)
    )
    if text is None:
        raise NotFound(f"no candidate list {list_id!r}")
    return text
