"""Labels of items by annotators, sparse, with the scale that the labels stand on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError

Pattern = tuple[tuple[int, int], ...]  # (annotator, level) of the labels of one item


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The labels. `values` are positions where an order was given, the numbers themselves where labels are numbers, else nothing."""

    levels: tuple[str, ...]
    values: tuple[float, ...] | None

    @classmethod
    def of(cls, labels: Iterable[str], levels: Sequence[str] = ()) -> Scale:
        """The scale of given levels, lowest first, or of the labels that occur. Raises InputError for a level named twice."""
        if levels:
            if len(set(levels)) < len(levels):
                raise InputError(f"levels are {','.join(levels)}: each label can have one place")
            return cls(levels=tuple(levels), values=tuple(float(at) for at in range(len(levels))))
        found = sorted(set(labels))
        numbers = [_number(label) for label in found]
        if all(number is not None for number in numbers) and len(set(numbers)) == len(found):
            pairs = sorted((number or 0.0, label) for number, label in zip(numbers, found, strict=True))
            return cls(levels=tuple(label for _, label in pairs), values=tuple(number for number, _ in pairs))
        return cls(levels=tuple(found), values=None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """All labels: annotators by name, and how many items have each pattern (the same labels by the same annotators)."""

    annotators: tuple[str, ...]
    scale: Scale
    patterns: tuple[Pattern, ...]
    times: tuple[int, ...]

    @classmethod
    def of(cls, given: Mapping[tuple[str, ...], Mapping[str, str]], levels: Sequence[str] = ()) -> Labels:
        """From item -> annotator -> label; items without labels are none. Raises InputError for a label that is not among given levels."""
        scale = Scale.of((label for labels in given.values() for label in labels.values()), levels)
        annotators = tuple(sorted({annotator for labels in given.values() for annotator in labels}))
        number = {name: at for at, name in enumerate(annotators)}
        code = {label: at for at, label in enumerate(scale.levels)}
        try:
            coded = (tuple(sorted((number[who], code[label]) for who, label in labels.items())) for labels in given.values() if labels)
            counts = Counter[Pattern](coded)
        except KeyError as error:
            raise InputError(f"label {error.args[0]!r} is not among the levels {','.join(scale.levels)}: add it to them") from error
        return cls(annotators=annotators, scale=scale, patterns=tuple(counts), times=tuple(counts.values()))

    @property
    def items(self) -> int:
        """How many items have a label."""
        return sum(self.times)

    @property
    def judgements(self) -> int:
        """How many labels there are."""
        return sum(len(pattern) * times for pattern, times in zip(self.patterns, self.times, strict=True))

    @property
    def shared(self) -> int:
        """How many items have labels of two annotators or more: those that agreement is about."""
        return sum(times for pattern, times in zip(self.patterns, self.times, strict=True) if len(pattern) > 1)
