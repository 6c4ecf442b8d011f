"""A router: whether a query is worth a trace, decided before any call by a few weights that were fitted on measured queries.

The weights lie in a JSON file with where they come from and what they gained out of sample; fitting needs scikit-learn
(`app.ranking.evaluation.thought.fitting`), deciding needs nothing. The idea is that of a regression on the gain: see docs/method.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from .errors import SettingsError
from .query_features import NAMES, features
from .values import Passage

FORMAT = 1
# A feature further from the fitted queries than this many standard deviations counts as this far: a line must not be followed to anywhere.
FARTHEST = 3.0
_LARGEST = 1 << 20  # bytes of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What one standard deviation of a feature adds to the expected gain; `mean` and `scale` are those of the fitted queries."""

    name: str
    mean: float
    scale: float
    weight: float

    def adds(self, value: float | None) -> float:
        """Its part of the expected gain; nothing where the feature is not known."""
        if value is None:
            return 0.0
        return self.weight * max(-FARTHEST, min(FARTHEST, (value - self.mean) / self.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`mode` for one query. `gain` is what a trace is expected to add to the router's measure, `missing` features that were not known."""

    mode: Literal["reasoned", "direct"]
    gain: float
    missing: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Expected gain of a trace in `measure`: `intercept` and the sum of the weights. A trace is written where it is above `margin`.

    `about` tells where the weights come from (bundles, models, n) and what they gained out of sample; it decides nothing.
    """

    weights: tuple[Weight, ...]
    intercept: float
    measure: str
    margin: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """16 hex digits of the sha256 over all that decides."""
        deciding = {name: value for name, value in self.plain.items() if name != "about"}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "measure": self.measure,
            "margin": self.margin,
            "intercept": self.intercept,
            "weights": [asdict(weight) for weight in self.weights],
            "about": dict(self.about),
        }

    def gain(self, known: Mapping[str, float]) -> float:
        """What a trace is expected to add, given features by name."""
        return self.intercept + sum(weight.adds(known.get(weight.name)) for weight in self.weights)

    def decide(self, query: str, passages: Sequence[Passage]) -> Decision:
        """Reasoned or direct for a query over its candidates in first-stage order."""
        known = features(query, passages)
        gain = self.gain(known)
        missing = tuple(weight.name for weight in self.weights if weight.name not in known)
        mode: Literal["reasoned", "direct"] = "reasoned" if gain > self.margin else "direct"
        return Decision(mode=mode, gain=gain, missing=missing, text=self._text(mode, gain, known))

    def _text(self, mode: str, gain: float, known: Mapping[str, float]) -> str:
        parts = {weight.name: weight.adds(known.get(weight.name)) for weight in self.weights}
        strongest = [name for name in sorted(parts, key=lambda name: -abs(parts[name])) if parts[name]][:2]
        why = "; most for " + ", ".join(f"{NAMES.get(name, name)} {known[name]:.2f} ({parts[name]:+.3f})" for name in strongest)
        unknown = [name for name in parts if name not in known]
        gap = f"; not known here: {', '.join(unknown)}" if unknown else ""
        return (
            f"thinking auto took {mode}: router {self.id} expects a trace to change {self.measure} by {gain:+.3f}"
            f"{why if strongest else ''}{gap}"
        )


def read_router(path: Path | str) -> Router:
    """A router of a file, remembered until the file changes. Raises SettingsError saying what is wrong with it."""
    file = Path(path)
    try:
        stat = file.stat()
        if stat.st_size > _LARGEST:
            raise SettingsError(f"router {file.name!r} has {stat.st_size:,} bytes: a router's file is small, this is something else")
        return _read(file, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise SettingsError(f"router {file.name!r} can't be read: {error.strerror}") from error


@lru_cache(maxsize=16)
def _read(file: Path, changed: int, size: int) -> Router:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return router_from(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"router {file.name!r} is not a file of weights: make one with `python -m app thinking REASONED DIRECT --fit FILE`"
        ) from error


def router_from(data: Mapping[str, Any]) -> Router:
    """A router from its plain form. Raises ValueError, KeyError or TypeError for anything else, SettingsError for another format."""
    if data["format"] != FORMAT:
        raise SettingsError(f"the router has format {data['format']!r} and this version reads {FORMAT}: fit it again")
    weights = tuple(
        Weight(name=str(item["name"]), **{part: float(item[part]) for part in ("mean", "scale", "weight")}) for item in data["weights"]
    )
    router = Router(
        weights=weights,
        intercept=float(data["intercept"]),
        measure=str(data["measure"]),
        margin=float(data["margin"]),
        about=dict(data["about"]),
    )
    numbers = [router.intercept, router.margin, *(value for one in weights for value in (one.mean, one.scale, one.weight))]
    if not all(map(isfinite, numbers)) or any(weight.scale <= 0 for weight in weights):
        raise ValueError("a number of the router is not finite, or a scale not above 0")
    unknown = sorted({weight.name for weight in weights} - NAMES.keys())
    if unknown:
        raise SettingsError(f"the router needs {', '.join(unknown)}, which this version can't measure: fit it again")
    return router
