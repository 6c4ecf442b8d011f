"""What a model wrote during reinforcement learning, answer by answer: JSON lines, so that a curve can be read down to its examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from .curves import keep


class Answered(TypedDict):
    """One answer. `parts` are the views' scores, None where a view had nothing to say; `advantage` None where none was made of it."""

    step: int
    prompt: str
    completion: str
    reward: float
    parts: Mapping[str, float | None]
    advantage: float | None
    outcome: str
    example: str


class Completions:
    """Appends answers to a file. `after` drops those of later steps first, which a resumed step makes again."""

    def __init__(self, path: Path, after: int = 0) -> None:
        self._path = path
        keep(path, after)

    def __call__(self, **answer: Unpack[Answered]) -> None:
        """Keep one answer."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(answer, ensure_ascii=False) + "\n")
