"""Making an uploaded collection searchable. Its files are made aside and put in place whole, so that a killed indexing is done again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.ranking.cache import Cache, Watch
from app.ranking.errors import InputError, RankingError
from app.ranking.retrieval.collection import load_collection
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.retrieval.index import SearchIndex
from db.store import collections

from .context import Context

_STAGES = ((0.1, "word index"), (1.0, "vectors"))


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Index the collection of `arguments["collection"]`; it is then ready, or failed with the sentence that is raised as InputError."""
    collection_id = str(arguments.get("collection", ""))
    with context.database.read() as session:
        row = collections.get(session, collection_id)
    if row.state == "ready":
        return {"collection": collection_id, "passages": row.passages}
    context.say(f"indexing {row.name!r}: {row.passages:,} passages")
    try:
        index = _open(context, collection_id)
    except (RankingError, OSError) as error:
        context.watch.part(0.0, 1.0).tell(0.0)  # a stop is no failure
        _set(context, collection_id, "failed", str(error))
        raise InputError(f"collection {row.name!r} could not be indexed: {error}") from error
    _set(context, collection_id, "ready", "")
    meaning = "words and meaning" if index.vectors is not None else "words only: no embedding model is installed"
    context.say(f"ready: {meaning}")
    return {"collection": collection_id, "passages": row.passages}


def _open(context: Context, collection_id: str) -> SearchIndex:
    def progress(fraction: float) -> None:
        context.doing(next(name for end, name in _STAGES if fraction <= end))
        context.watch.progress(fraction)

    data = context.settings.data_dir
    collection = load_collection(data / "collections", collection_id)
    watch = Watch(progress=progress, cancelled=context.watch.cancelled)
    return SearchIndex.open(collection, Cache(data / "cache"), default_embedder(), watch=watch)


def _set(context: Context, collection_id: str, state: str, error: str) -> None:
    with context.database.write() as session:
        context.confirm(session)
        collections.set_state(session, collection_id, state, error)
