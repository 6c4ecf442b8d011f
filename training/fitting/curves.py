"""The curves of a training step: JSON lines that grow while it runs, and somebody who is told each point."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .values import Point, nothing


class Curves:
    """Appends each point to a file and hands it on. `after` drops the points of later steps first, which a resumed step makes again."""

    def __init__(self, path: Path, point: Callable[[Point], None] = nothing, after: int = 0) -> None:
        self._path, self._point = path, point
        keep(path, after)

    def __call__(self, point: Point) -> None:
        """Keep one point; values that are no numbers (a loss of NaN) are left out, because JSON has no word for them."""
        known = {name: value for name, value in point.values.items() if math.isfinite(value)}
        made = Point(stage=point.stage, step=point.step, steps=point.steps, values=known)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(made)) + "\n")
        self._point(made)


def points(path: Path) -> list[Point]:
    """The points of a file, in the order in which they were kept; none where there is no file. A line cut off in the middle is left out."""
    return [Point(**one) for one in _lines(path)]


def keep(path: Path, after: int) -> None:
    """Leave only what a file of JSON lines says of steps up to `after`; no file for 0."""
    if after <= 0:
        path.unlink(missing_ok=True)
        return
    left = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in _lines(path) if one["step"] <= after)
    path.write_text(left, encoding="utf-8")


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the process was killed in the middle of this line
    return found
