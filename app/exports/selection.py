"""Which judgements an export holds, and the tally of those it held: the parts of its query and of its manifest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.exports.agreement import Ratings
from app.exports.records import JudgementRecord
from app.ranking.errors import SettingsError

STATES = ("draft", "submitted", "skipped", "flagged", "cannot_judge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to include. By default each person's newest submitted version, neither holdout queries nor tutorials.

    `all_versions` takes every version, of the `states` named (none named: all). `reviewed_only` keeps tasks that a reviewer decided.
    `texts` writes titles and texts into rows. `ended_before` (ISO 8601) bounds runs, which have no place in the log.
    """

    project: str | None = None
    all_versions: bool = False
    states: tuple[str, ...] = ()
    include_holdout: bool = False
    reviewed_only: bool = False
    tutorials: bool = False
    texts: bool = True
    ended_before: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Selection:
        """From plain values. Raises SettingsError naming a key that is unknown or a value that can't be."""
        known = {item.name: item.type for item in dataclasses.fields(cls)}
        if strange := sorted(set(given) - set(known)):
            raise SettingsError(f"an export has no option {strange[0]!r}: there are {', '.join(known)}")
        values = {name: value for name, value in given.items() if value is not None}
        for name, value in values.items():
            wanted = bool if str(known[name]).startswith("bool") else (list, tuple) if name == "states" else str
            if not isinstance(value, wanted):
                raise SettingsError(f"option {name!r} of an export can't be {value!r}: see the options in docs/exports.md")
        if "states" in values:
            values["states"] = tuple(sorted(set(values["states"])))
        made = cls(**values)
        if made.states and not made.all_versions:
            raise SettingsError("states are chosen among all versions: give all_versions too, or leave both out for what counts")
        if wrong := sorted(set(made.states) - set(STATES)):
            raise SettingsError(f"no judgement has the state {wrong[0]!r}: there are {', '.join(STATES)}")
        return made

    @property
    def plain(self) -> dict[str, Any]:
        """The same as JSON-ready values, what was left at its default too."""
        return {**dataclasses.asdict(self), "states": list(self.states)}


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counted while an export is made. `rows` is counted by the format: lines of the file, the header left out."""

    rows: int = 0
    judgements: int = 0
    runs: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)
    ratings: Ratings = field(default_factory=Ratings)

    def watched(self, records: Iterable[JudgementRecord]) -> Iterator[JudgementRecord]:
        """The same records, counted on their way."""
        for record in records:
            self.judgements += 1
            self.licences[record.fields.get("licence") or "none stated"] += 1
            self.consents[record.fields.get("consent_version") or "none stated"] += 1
            self.ratings.add(record)
            yield record

    @property
    def plain(self) -> dict[str, Any]:
        """JSON-ready: for manifests and cards."""
        return {
            "rows": self.rows,
            "judgements": self.judgements,
            "runs": self.runs,
            "licences": dict(sorted(self.licences.items())),
            "consents": dict(sorted(self.consents.items())),
            "agreement": self.ratings.table(),
        }
