"""Walks a plan with canned answers, forks included, and counts what it asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.ranking.protocols import Strategy
from app.ranking.values import Fork, Parsed, Passage, Plan, Window
from tests.conftest import passages

Answer = Callable[[Window], Parsed]


@dataclass
class Walked:
    """A plan that has ended."""

    order: tuple[Passage, ...] = ()
    calls: int = 0
    depth: int = 0
    read: int = 0
    windows: list[Window] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [passage.id for passage in self.order]


def drive(strategy: Strategy, listed: Sequence[Passage], answer: Answer) -> Walked:
    """The strategy's plan over a list, to its end."""
    return _walk(strategy.plan(listed), answer, sorted(passage.id for passage in listed))


def _walk(plan: Plan, answer: Answer, ids: list[str]) -> Walked:
    out, seen = Walked(), set[str]()
    sent: Any = None
    try:
        while True:
            step = plan.send(sent)
            if isinstance(step, Fork):
                parts = [_walk(part, answer, ids) for part in step.plans]
                out.calls += sum(part.calls for part in parts)
                out.read += sum(part.read for part in parts)
                out.depth += max((part.depth for part in parts), default=0)
                sent = [part.order for part in parts]
                continue
            assert sorted(passage.id for passage in step.standing) == ids, "a standing is always of the whole list"
            assert step.windows, "a round asks something"
            names = {window.id for window in step.windows}
            assert len(names) == len(step.windows) and not names & seen, "window ids are used once"
            seen |= names
            assert all(len({p.id for p in window.passages}) == len(window.passages) > 0 for window in step.windows)
            out.depth += 1
            out.calls += len(step.windows)
            out.read += sum(len(window.passages) for window in step.windows)
            out.windows += step.windows
            sent = [answer(window) for window in step.windows]
    except StopIteration as end:
        out.order = end.value
        return out


def at_random(seed: int, failing: float = 0.2) -> Answer:
    """Random permutations and scores; a share of calls fails and keeps the incoming order."""
    rng = random.Random(seed)

    def answer(window: Window) -> Parsed:
        order = list(range(len(window.passages)))
        if rng.random() < failing:
            return Parsed(order=tuple(order), outcome=rng.choice(["no_answer", "error", "truncated", "refused"]))
        rng.shuffle(order)
        return Parsed(order=tuple(order), outcome="clean", scores=tuple(rng.choice([0.0, 0.5, 1.0]) for _ in order))

    return answer


def keeping(window: Window) -> Parsed:
    """An answer that changes nothing."""
    return Parsed(order=tuple(range(len(window.passages))), outcome="clean")


def by_worth(worth: Callable[[Passage], float]) -> Answer:
    """A judge that never errs: best worth first."""

    def answer(window: Window) -> Parsed:
        scores = [worth(passage) for passage in window.passages]
        order = sorted(range(len(scores)), key=lambda position: -scores[position])
        return Parsed(order=tuple(order), outcome="clean", scores=tuple(scores))

    return answer


def number(passage: Passage) -> float:
    """The later in the list, the better: the worst case for a first stage."""
    return float(passage.id[1:])


def listed(n: int) -> list[Passage]:
    return passages(n)
