"""The demo collection that comes with the library: its queries with their 20 judged candidates and gold answers.

Options: `split`, a list of train, dev and sealed (train alone by default). Nothing is skipped; files that are malformed are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.ranking.errors import SettingsError
from app.ranking.retrieval.demo import SPLITS, load_demo
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem

LICENCE = "CC0-1.0"


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Queries in the order of their file. Raises SettingsError for a split that isn't there."""
    given = Options("demo", options, where)
    splits, keep = given.names("split", ("train",)), given.share()
    given.done()
    if strange := sorted(set(splits) - set(SPLITS)):
        raise SettingsError(f"the demo collection has no split {strange[0]!r}: there are {', '.join(SPLITS)}")
    return _items(frozenset(splits), keep, where)


def _items(splits: frozenset[str], keep: Keep, where: Where) -> Iterator[SourceItem]:
    demo = load_demo()
    grades = demo.grades
    for query in demo.queries:
        if query.metadata["split"] not in splits or not keep(query.id):
            continue
        yield SourceItem(
            id=query.id,
            source="demo",
            domain=where.domain or query.metadata["topic"],
            query=query.text,
            answer=query.metadata["answer"],
            passages=demo.listed(query.id),
            labels=dict(grades[query.id]),
            licence=where.licence or LICENCE,
        )
