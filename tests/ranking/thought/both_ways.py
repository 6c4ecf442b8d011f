"""A test collection ranked twice by real rankers: a trace puts the third passage first, a direct answer the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.ranking.evaluation.bundles.evaluating import Plain, evaluate
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header
from app.ranking.evaluation.suites.values import TestCollection
from app.ranking.formats.topics import Question
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.thinking import Thinking
from app.ranking.values import Passage
from tests.ranking.thinker import Thinker, list_of

TRACE = "[3] answers the question. [1] is irrelevant."


def collection(topics: int = 24, *, known: bool = True) -> TestCollection:
    """Of every second topic, a question, the third passage is relevant, of the others the first; not `known`: in turn by fours."""
    ids = [f"t{number}" for number in range(topics)]
    right = {id_: "p3" if (at % 2 if known else at // 2 % 2) else "p1" for at, id_ in enumerate(ids)}
    return TestCollection(
        suite="made",
        name="made",
        title="Made",
        topics={id_: Question(id=id_, text=f"{'why' if at % 2 else 'bread'} {at}") for at, id_ in enumerate(ids)},
        qrels={id_: {right[id_]: 1} for id_ in ids},
        run={id_: (("p1", 3.0), ("p2", 2.0), ("p3", 1.0)) for id_ in ids},
        passages={id_: Passage(id=id_, text=f"text of {id_}") for id_ in ("p1", "p2", "p3")},
    )


def ranked(mode: str, one: TestCollection, out: Path, *, measures: Sequence[str] = ("nDCG@10",)) -> Bundle:
    """A bundle of the collection, reasoned or direct."""
    thinker = Thinker(TRACE, lambda _: list_of(3, 2, 1), lambda _: list_of(1, 2, 3))
    ranker = Ranker(
        backend=thinker,
        template=builtin_profile("studio"),
        strategy=Sliding(),
        thinking=Thinking(mode=mode),  # type: ignore[arg-type]
    )
    return evaluate([one], Plain(ranker=ranker), Header(name=mode, suite="made", measures=tuple(measures)), out)
