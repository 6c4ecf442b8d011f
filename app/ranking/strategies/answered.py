"""What plans make of calls that gave no answer: their windows must not become an order that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..values import Fork, Parsed, Plan, Window


def is_answer(parsed: Parsed) -> bool:
    """Whether a model's own order is in it."""
    return parsed.outcome in ("clean", "repaired")


def incoming_order(windows: Sequence[Window], answers: Sequence[Parsed], at: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """The order of each window; one without an answer has its passages in the order of `at`, the place of each id in the incoming list.

    For plans that show passages in another order than they came in: a heap's, or a shuffled group's.
    """
    for window, parsed in zip(windows, answers, strict=True):
        ids = [passage.id for passage in window.passages]
        yield parsed.order if is_answer(parsed) else tuple(sorted(range(len(ids)), key=lambda position, ids=ids: at[ids[position]]))  # type: ignore[misc]


def noting(plan: Plan, answered: list[Parsed]) -> Plan:
    """The same plan; every real answer that it is sent is added to `answered`."""
    sent: Any = None
    while True:
        try:
            step = plan.send(sent)
        except StopIteration as end:
            return tuple(end.value)
        if isinstance(step, Fork):
            sent = yield Fork(plans=tuple(noting(part, answered) for part in step.plans))
        else:
            sent = yield step
            answered += [parsed for parsed in sent if is_answer(parsed)]
