"""Candidates of a query: the passages that the source brings, and what the retriever finds beside them, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from app.ranking.retrieval.text import full_text
from app.ranking.values import Passage

from .lists import Labels
from .values import Opinion, Origin, SourceItem

_LONG = 80
"""Characters from which an answer that stands inside a passage is no chance: shorter ones (a name, a number) may well be part of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Candidates in the order in which they were found, their origins by id, and ids that were dropped for one with the same text."""

    passages: tuple[Passage, ...]
    origins: Mapping[str, Origin]
    same: Mapping[str, str] = field(default_factory=dict)

    def of(self, origin: Origin) -> tuple[Passage, ...]:
        """The candidates of one origin."""
        return tuple(passage for passage in self.passages if self.origins[passage.id] == origin)


def make_pool(found: SourceItem, retrieved: Sequence[Passage]) -> Pool:
    """The source's passages, then the retrieved ones; duplicates by id or by normalised text are dropped, the first stays.

    A retrieved passage that gives the gold answer away word for word is dropped too: the list would be about finding a copy. Where the
    source brings a ranking its passages stay as they are, because the ranking names them.
    """
    own: Origin = "linked" if found.linked else "given"
    kept: dict[str, Passage] = {}
    origins: dict[str, Origin] = {}
    texts: dict[str, str] = {}
    same: dict[str, str] = {}
    answer = normal(found.answer)
    candidates: list[tuple[Passage, Origin]] = [(passage, own) for passage in found.passages]
    candidates += [(passage, "retrieved") for passage in retrieved]
    for passage, origin in candidates:
        text = normal(full_text(passage))
        if passage.id in kept or (origin == "retrieved" and _gives_away(text, answer)):
            continue
        if text in texts and not (found.ready and origin == own):
            same[passage.id] = texts[text]
            continue
        kept[passage.id], origins[passage.id] = passage, origin
        texts.setdefault(text, passage.id)
    return Pool(passages=tuple(kept.values()), origins=origins, same=same)


def human_labels(found: SourceItem, pool: Pool) -> Labels | None:
    """The labels that people gave: those of the source, else the median grade of this studio's opinions; None where there are none.

    Labels that come with opinions are people's of this studio. A passage without a label is not relevant, as in test collections. Of
    two passages with one text the higher label counts.
    """
    given = found.labels if found.labels is not None else _median(found.opinions)
    if given is None:
        return None
    grades: dict[str, int] = {}
    for id_, grade in given.items():
        kept = pool.same.get(id_, id_)
        if kept in pool.origins:
            grades[kept] = max(grade, grades.get(kept, 0))
    return Labels(grades=grades, by="people" if found.opinions else "source")


def normal(text: str) -> str:
    """A text without case and spacing, for telling copies."""
    return " ".join(text.casefold().split())


def _gives_away(text: str, answer: str) -> bool:
    return bool(answer) and (text == answer or (len(answer) >= _LONG and answer in text))


def _median(opinions: Sequence[Opinion]) -> dict[str, int] | None:
    """Lower median of the people who said something about a passage; None where nobody did."""
    said: dict[str, list[int]] = {}
    for opinion in opinions:
        for id_, grade in _grades(opinion).items():
            said.setdefault(id_, []).append(grade)
    return {id_: median_low(grades) for id_, grades in said.items()} or None


def _grades(opinion: Opinion) -> Mapping[str, int]:
    """What a person says of relevance. An order alone says nothing; with a part that is marked as not relevant, the rest is."""
    if opinion.grades or not opinion.not_relevant:
        return opinion.grades
    ordered = {id_: 1 for group in opinion.order for id_ in group}
    return {**ordered, **dict.fromkeys(opinion.not_relevant, 0)}
