"""Keep the last answers to questions that take long, as long as what they were made from has not changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """Answers by key, each with the stamp of its sources; of the same question one thread works at a time, the others wait for it."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Hashable, Value]] = OrderedDict()
        self._lock = threading.Lock()
        self._at_work: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], Value]) -> Value:
        """The answer kept for a key if its stamp is the same, else a new one, which is kept."""
        with self._lock:
            turn = self._at_work.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                kept = self._kept.get(key)
                if kept is not None and kept[0] == stamp:
                    self._kept.move_to_end(key)
                    return kept[1]
            made = make()
            with self._lock:
                self._kept[key] = (stamp, made)
                self._kept.move_to_end(key)
                while len(self._kept) > self._most:
                    gone, _ = self._kept.popitem(last=False)
                    self._at_work.pop(gone, None)
            return made
