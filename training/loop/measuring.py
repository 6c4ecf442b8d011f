"""Measuring a candidate beside the version that serves: evidence for the gate, the honest table, and what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.ranking.evaluation.gate import Margins
from app.ranking.protocols import Backend
from training.config import Recipe
from training.fitting.families import family
from training.jobs.context import Context

if TYPE_CHECKING:
    from .decide import Candidate

ACTIVE, CANDIDATE = "active", "candidate"


def compare(context: Context, recipe: Recipe, folders: tuple[Path, Path], candidate: Candidate) -> dict[str, Any]:
    """{"evidence", "table", "learned"} as JSON, of the weights in two folders: those that serve, and the candidate's.

    Both are asked in turns about the same lists: the demo's sealed questions and people's holdout up to the update's place in the log for
    the decision, then questions that may be shown for what was learned.
    """
    from training.evaluation.evidence import Made, evidence_of
    from training.evaluation.measure import Manner, measure_all
    from training.evaluation.sets import gold_set, people_set
    from training.evaluation.table import table

    context.doing("opening the lists to measure on")
    trained = [one["query"] for one in candidate.version.examples()]  # the filters drop sealed questions, but a set may be imported
    sets = (gold_set().without(trained), people_set(context.database, candidate.inputs.until).without(trained))
    context.doing(f"measuring both on {sum(len(one.topics) for one in sets)} lists")
    kind = family(recipe.family)
    backends = {ACTIVE: kind.backend(folders[0]), CANDIDATE: kind.backend(folders[1])}
    try:
        measured = measure_all(backends, recipe.template, sets, Manner(watch=context.watch.part(0.05, 0.6)))
        made = Made(template=recipe.template, dataset=candidate.version.id, until=candidate.inputs.until)
        found = evidence_of(measured[ACTIVE], measured[CANDIDATE], sets, made)
        learned = _learned(context, recipe, backends, candidate)
    finally:
        _close(backends)
    return {"evidence": found.plain, "table": table(measured, sets, Margins.from_plain(asdict(recipe.gate))), "learned": learned}


def _learned(context: Context, recipe: Recipe, backends: Mapping[str, Backend], candidate: Candidate) -> dict[str, Any]:
    """Whose corrections went in, and which questions both rank otherwise: the demo's development set and judged training questions."""
    from training.evaluation.measure import Manner, measure_all
    from training.evaluation.sets import gold_set
    from training.synthesis.stored import every

    from .learned import changed, judged_set, learned, people_of

    items = (one.item for one in every(context.database, str(candidate.dataset["synthesis"])))
    people = people_of(candidate.version, items)
    sets = (replace(gold_set("dev"), name="dev"), judged_set(candidate.version, people))
    context.doing(f"asking both about {sum(len(one.topics) for one in sets)} questions that may be shown")
    measured = measure_all(backends, recipe.template, sets, Manner(timed=0, watch=context.watch.part(0.6, 0.95)))
    return learned(candidate.version, recipe.template, people, changed(measured[ACTIVE], measured[CANDIDATE], sets))


def _close(backends: Mapping[str, Backend]) -> None:
    async def close() -> None:
        for backend in backends.values():
            await backend.aclose()

    asyncio.run(close())
