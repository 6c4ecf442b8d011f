"""Which passages make the list of a query, and in which order: by seed and content alone, so that it comes out the same every time.

Whatever is drawn is drawn by sorting hashes of (seed, purpose, id): one more candidate moves no other, and no library's generator matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.ranking.cache import content_hash
from app.ranking.values import Passage

from .values import LabelledBy, Origin


def seed_of(*parts: object, bits: int = 48) -> int:
    """A whole number below 2**bits that follows from the parts. 48 bits survive JSON; servers take 31."""
    return int(content_hash(str(part) for part in parts)[: bits // 4 + 1], 16) % (1 << bits)


def shuffled(ids: Iterable[str], seed: int, purpose: str) -> list[str]:
    """The ids in an order that follows from the seed and the purpose."""
    return sorted(ids, key=lambda id_: (content_hash((str(seed), purpose, id_)), id_))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Grades that count by passage id (absent is 0), whose they are, hard negatives, and passages about which nobody gave an answer."""

    grades: Mapping[str, int]
    by: LabelledBy
    hard: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def positive(self, id_: str) -> bool:
        """Whether a passage is relevant."""
        return self.grades.get(id_, 0) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A list in its shown order, how each passage came to be in it, and what a reader should know of the choice."""

    passages: tuple[Passage, ...]
    origins: Mapping[str, Origin]
    notes: tuple[str, ...] = field(default=())


def choose(passages: Sequence[Passage], origins: Mapping[str, Origin], labels: Labels, *, size: int, seed: int) -> Chosen:
    """At most `size` of the candidates: the positives, then hard negatives, then other negatives drawn by seed; shuffled by seed.

    Of more positives than `size` - 1 the best-graded stay, ties drawn by seed, so that there is a negative where one can be had. What
    nobody could say anything about is left out: it is no negative.
    """
    known = {passage.id: passage for passage in passages if labels.positive(passage.id) or passage.id not in labels.unknown}
    drawn = shuffled(known, seed, "list")
    positives = sorted((id_ for id_ in drawn if labels.positive(id_)), key=lambda id_: -labels.grades[id_])
    negatives = sorted((id_ for id_ in drawn if not labels.positive(id_)), key=lambda id_: id_ not in labels.hard)
    kept = positives[: size - 1 if negatives else size]
    kept += negatives[: size - len(kept)]
    notes = []
    if left := len(passages) - len(known):
        notes.append(f"{left} passages were left out: no answer of the teacher about them could be read")
    if left := sum(labels.positive(id_) for id_ in known) - sum(labels.positive(id_) for id_ in kept):
        notes.append(f"{left} relevant passages were left out: the list holds {size}")
    if not negatives:
        notes.append("every passage of the list is relevant")
    order = shuffled(kept, seed, "order")
    hard: dict[str, Origin] = {id_: "hard" for id_ in order if id_ in labels.hard and not labels.positive(id_)}
    return Chosen(
        passages=tuple(known[id_] for id_ in order), origins={id_: hard.get(id_, origins[id_]) for id_ in order}, notes=tuple(notes)
    )
