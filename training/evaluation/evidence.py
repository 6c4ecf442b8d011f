"""What was measured of two models as evidence for the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.errors import InputError
from app.ranking.evaluation.gate import Evidence, Margins, paired
from app.ranking.prompts import template_for, template_hash

from .measure import Measured, Sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How evidence was made, beyond what is measured: profile, data set, place in the log, and what else belongs there (JSON)."""

    template: str
    dataset: str = ""
    until: int | None = None
    seed: int = 0
    more: Sequence[tuple[str, Any]] = ()


def evidence_of(active: Measured, candidate: Measured, sets: Sets, made: Made) -> Evidence:
    """Pairs by topic, shares and medians of both. Raises InputError where the two were not measured on the same topics.

    Of the sets only `gold` and `people` count. Seconds are medians of lists that were ranked alone, rounded to a tenth of a millisecond.
    """
    by_name = {one.name: one for one in sets if one.name in ("gold", "people")}
    pairs = {name: paired(active.values.get(name, {}), candidate.values.get(name, {})) for name in ("gold", "people")}
    for name, one in by_name.items():
        if set(pairs[name]) != {topic.id for topic in one.topics}:
            raise InputError(f"{len(pairs[name])} topics of the set {name!r} were measured, it has {len(one.topics)}: measure all of them")
    if set(pairs["gold"]) & set(pairs["people"]):
        raise InputError("a topic is in both sets: give the topics of each set ids of their own")
    people = by_name.get("people")
    return Evidence(
        gold=pairs["gold"],
        people=pairs["people"],
        domains={topic: domain for one in by_name.values() for topic, domain in one.domains.items() if topic in pairs[one.name]},
        judgements=people.judgements if people else 0,
        outcomes=(active.clean, candidate.clean),
        seconds=(round(active.seconds, 4), round(candidate.seconds, 4)),
        made=_made(active, candidate, sets, made),
    )


def _made(active: Measured, candidate: Measured, sets: Sets, made: Made) -> Mapping[str, Any]:
    return {
        "template": made.template,
        "template_hash": template_hash(template_for(made.template)),
        "dataset": made.dataset,
        "until": made.until,
        "active": active.revision,
        "candidate": candidate.revision,
        "outcomes": {"active": active.outcomes, "candidate": candidate.outcomes},
        "sets": {one.name: {"hash": one.hash, "lists": len(one.topics), "left_out": one.left_out} for one in sets},
        "seed": made.seed,
        "samples": Margins().samples,
        **dict(made.more),
    }
