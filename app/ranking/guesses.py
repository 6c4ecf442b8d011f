"""Provisional standings: where passages would stand if the traces so far were the last word. For the screen only, never a result."""

from __future__ import annotations

from collections.abc import Sequence

from .protocols import PromptTemplate
from .thinking import LOOK_EVERY, LOOK_SHARE
from .values import Delta, Passage, Standing, Window


class Guesses:
    """The guesses of all windows of one round on top of each other, so that windows that run together don't undo each other's moves."""

    def __init__(self, template: PromptTemplate, standing: Sequence[Passage]) -> None:
        self._template = template
        self._ids = [passage.id for passage in standing]
        self._orders: dict[str, tuple[Window, tuple[int, ...]]] = {}

    def of(self, window: Window) -> WindowGuess:
        """The guess of one window."""
        return WindowGuess(self, self._template, window)

    def standing(self, window: Window, order: tuple[int, ...]) -> Standing:
        """The whole list with a window's new guess. Each window's passages share out the places that they hold among themselves."""
        self._orders[window.id] = (window, order)
        ids = list(self._ids)
        for shown, guess in self._orders.values():
            at = {passage_id: place for place, passage_id in enumerate(ids)}
            members = [passage.id for passage in shown.passages]
            for place, position in zip(sorted(at[member] for member in members), guess, strict=True):
                ids[place] = members[position]
        return Standing(ids=tuple(ids), provisional=True)


class WindowGuess:
    """What one call has written so far, and the order it would give."""

    def __init__(self, guesses: Guesses, template: PromptTemplate, window: Window) -> None:
        self.reasoning = self.answer = ""
        self._guesses, self._template, self._window = guesses, template, window
        self._looked, self._last = 0, tuple(range(len(window.passages)))

    def feed(self, piece: Delta) -> Standing | None:
        """A new provisional standing, where enough was written and the guess has changed."""
        if piece.channel == "answer":
            self.answer += piece.text
            return None
        self.reasoning += piece.text
        if len(self.reasoning) - self._looked < max(LOOK_EVERY, LOOK_SHARE * self._looked):
            return None
        self._looked = len(self.reasoning)
        order = self._template.provisional(self.reasoning, len(self._window.passages))
        if order is None or order == self._last:
            return None
        self._last = order
        return self._guesses.standing(self._window, order)
