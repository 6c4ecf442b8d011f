"""What a judge says of a list: groups of tied passages, best first, those that are not relevant, and those without a statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakOrder:
    """Passage ids in groups of ties, best first; `not_relevant` are tied after the last group, `unranked` are left out of everything.

    Raises InputError where an id stands in two places.
    """

    groups: tuple[tuple[str, ...], ...]
    not_relevant: tuple[str, ...] = ()
    unranked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen = set[str]()
        for passage in [*(one for group in self.groups for one in group), *self.not_relevant, *self.unranked]:
            if passage in seen:
                raise InputError(f"passage {passage!r} stands in two places of one order: a judge can rank it once")
            seen.add(passage)

    @classmethod
    def of(cls, order: Iterable[Sequence[str]], not_relevant: Iterable[str] = (), unranked: Iterable[str] = ()) -> WeakOrder:
        """From any sequences, as judgements are stored; empty groups are dropped, and an id by itself is a group of one."""
        groups = tuple((group,) if isinstance(group, str) else tuple(group) for group in order if group)
        return cls(groups=groups, not_relevant=tuple(not_relevant), unranked=tuple(unranked))

    @property
    def stated(self) -> tuple[tuple[str, ...], ...]:
        """All groups that the judge made a statement on, best first, those that are not relevant last."""
        return (*self.groups, self.not_relevant) if self.not_relevant else self.groups

    def levels(self) -> dict[str, int]:
        """Passage id -> number of its group, 0 for the best."""
        return {passage: level for level, group in enumerate(self.stated) for passage in group}

    def gains(self) -> dict[str, int]:
        """Passage id -> gain: 0 where not relevant, else how many groups of ranked passages reach from the last up to its own."""
        ranked = {passage: len(self.groups) - level for level, group in enumerate(self.groups) for passage in group}
        return {**ranked, **dict.fromkeys(self.not_relevant, 0)}


def common_levels(first: WeakOrder, second: WeakOrder) -> tuple[list[int], list[int]]:
    """Levels of the passages that both judges made a statement on, in one and the same sequence."""
    left, right = first.levels(), second.levels()
    common = [passage for passage in left if passage in right]
    return [left[passage] for passage in common], [right[passage] for passage in common]
