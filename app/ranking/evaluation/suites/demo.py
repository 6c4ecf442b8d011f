"""The demo as a suite: nothing has to be there but the library. Its first stage is the search that the page uses."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...cache import Cache
from ...formats.topics import Question
from ...retrieval.demo import DEMO, VECTORS, Demo, load_demo
from ...retrieval.embedder import default_embedder
from ...retrieval.index import SearchIndex
from ...signals import EvidenceSignals
from ...values import Query
from .values import Order, Place, Suite, TestCollection, TestSet

_SEALED = "sealed"


def load_demo_suite(suite: Suite, place: Place) -> tuple[TestCollection, ...]:
    """The splits that the suite names, each with its first stage over all passages of the demo. The sealed split can't be asked for."""
    return tuple(_split(suite, one, (load_demo(), _index()), place) for one in suite.sets if one.name != _SEALED)


def demo_evidence() -> EvidenceSignals:
    """Evidence with the demo's word statistics and committed vectors, as a search on the page has it: only queries are embedded."""
    return _index().signals


@functools.cache
def _index() -> SearchIndex:
    """The demo made searchable, once for a process; what it writes goes with the process."""
    folder = tempfile.mkdtemp(prefix="demo-suite-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return SearchIndex.open(load_demo().collection, Cache(Path(folder)), default_embedder(), committed=VECTORS)


def _split(suite: Suite, one: TestSet, found: tuple[Demo, SearchIndex], place: Place) -> TestCollection:
    demo, index = found
    asked = [query for query in demo.queries if query.id in demo.qrels[one.name]]
    kept = asked[: place.limit or len(asked)]
    run = {query.id: _search(index, query, place.depth) for query in kept}
    qrels = {query.id: demo.qrels[one.name][query.id] for query in kept}
    notes = [f"only the first {len(kept)} of {len(asked)} topics"] if len(kept) < len(asked) else []
    notes += [] if index.vectors is not None else ["no embedding model is installed: the first stage is by words alone"]
    return TestCollection(
        suite=suite.name,
        name=one.name,
        title=one.title,
        topics={query.id: Question(id=query.id, text=query.text) for query in kept},
        qrels=qrels,
        run=run,
        passages=demo.collection.by_id,
        domains={query.id: query.metadata.get("topic", "") for query in kept},
        in_source=one.in_source,
        hashes=_hashes(one, run),
        notes=tuple(f"{one.name}: {note}" for note in notes),
    )


def _search(index: SearchIndex, query: Query, depth: int) -> Order:
    return tuple((passage.id, float(passage.score or 0.0)) for passage in index.search(query.text, depth))


def _hashes(one: TestSet, run: Mapping[str, Order]) -> dict[str, str]:
    """sha256 of the committed files; of the run, which is made anew, those of its ids in their order."""
    ids: Any = {topic: [id_ for id_, _ in order] for topic, order in run.items()}
    return {
        "qrels": _sha256((DEMO / "qrels" / f"{one.name}.tsv").read_bytes()),
        "run": _sha256(json.dumps(ids, sort_keys=True).encode()),
        "topics": _sha256((DEMO / "queries.jsonl").read_bytes()),
        "corpus": _sha256((DEMO / "corpus.jsonl").read_bytes()),
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
