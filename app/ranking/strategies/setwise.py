"""Heapsort by the best of a window (Setwise, Zhuang et al. 2024, arXiv 2310.09497): one answer names one passage.

Each node of the heap has size - 1 children, so that a window holds a parent and its children. While the heap is built, nodes of one level
have nothing in common and are asked about side by side (a departure that lowers the depth and changes no order); taking passages off the
top is one call after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..values import Passage, Plan, PlanCost, Round, Unit, Window
from .answered import incoming_order
from .parameters import check_least, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Setwise:
    """The best `top` of the list, windows of `size`; the others follow in incoming order."""

    label: ClassVar[str] = "Setwise: a heap of bests, for the top of the list only"
    size: int = parameter(20, "passages a window", 2, 100)
    top: int = parameter(10, "places to fill", 1, 500)
    name: str = "setwise"
    unit: Unit = "best"

    def __post_init__(self) -> None:
        check_least(self, size=2, top=1)

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """See `protocols.Strategy`."""
        heap = _Heap(tuple(passages), self.size - 1)
        for level in reversed(list(heap.levels(len(passages)))):
            yield from heap.sift(level)
        for _ in range(min(self.top, len(passages))):
            heap.take()
            if len(heap.taken) < self.top:
                yield from heap.sift([0])
        return heap.standing()

    def cost(self, n: int) -> PlanCost:
        """Least where every parent is the best of its window, most where every passage that is asked about sinks to the bottom."""
        heap = _Heap((), self.size - 1)
        levels = list(heap.levels(n))
        sifts = [(node, n) for level in levels for node in level]
        takes = [(0, n - taken) for taken in range(1, min(self.top, n)) if n - taken > 1]
        paths = [[heap.window(at, end) for at in heap.path(node, end)] for node, end in sifts + takes]
        deep = [max(len(list(heap.path(node, n))) for node in level) for level in levels]
        deep += [len(list(heap.path(node, end))) for node, end in takes]
        return PlanCost(
            calls=(len(paths), sum(map(len, paths))),
            depth=(len(levels) + len(takes), sum(deep)),
            passages_read=(sum(path[0] for path in paths), sum(map(sum, paths))),
        )


class _Heap:
    """Passages in a heap whose nodes have `width` children: the children of i are width * i + 1 and the next ones."""

    def __init__(self, listed: tuple[Passage, ...], width: int) -> None:
        self.taken: list[Passage] = []
        self._listed, self._left, self._width, self._asked = listed, list(listed), width, 0
        self._came = {passage.id: place for place, passage in enumerate(listed)}

    def children(self, node: int, end: int) -> range:
        """Places of a node's children in a heap of `end` passages."""
        first = self._width * node + 1
        return range(first, max(first, min(first + self._width, end)))

    def window(self, node: int, end: int) -> int:
        """How many passages are shown to place a node."""
        return 1 + len(self.children(node, end))

    def levels(self, end: int) -> Iterator[list[int]]:
        """Nodes that have children, level by level from the root."""
        level = [0]
        while level := [node for node in level if self.children(node, end)]:
            yield level
            level = [child for node in level for child in self.children(node, end)]

    def path(self, node: int, end: int) -> Iterator[int]:
        """Nodes with children on the longest way down from a node: always by the first child."""
        while self.children(node, end):
            yield node
            node = self.children(node, end)[0]

    def sift(self, nodes: Sequence[int]) -> Plan:
        """Let nodes of different subtrees sink to their places, all one step a round."""
        active = [node for node in nodes if self.children(node, len(self._left))]
        while active:
            shown = [[node, *self.children(node, len(self._left))] for node in active]
            windows = tuple(Window(id=f"w{self._asked + at}", passages=self._at(places)) for at, places in enumerate(shown, start=1))
            self._asked += len(shown)
            answers = yield Round(windows=windows, standing=self.standing())
            active = []
            # Without an answer the passage that came first is taken for the best: a heap of silence gives the incoming order.
            for places, order in zip(shown, incoming_order(windows, answers, self._came), strict=True):
                node, best = places[0], places[order[0]]
                self._left[node], self._left[best] = self._left[best], self._left[node]
                if best != node and self.children(best, len(self._left)):
                    active.append(best)
        return ()

    def take(self) -> None:
        """Move the root to the result, and the last passage to the root."""
        self.taken.append(self._left[0])
        last = self._left.pop()
        if self._left:
            self._left[0] = last

    def standing(self) -> tuple[Passage, ...]:
        """The result so far, the others in incoming order."""
        done = {passage.id for passage in self.taken}
        return (*self.taken, *(passage for passage in self._listed if passage.id not in done))

    def _at(self, places: Sequence[int]) -> tuple[Passage, ...]:
        return tuple(self._left[place] for place in places)
