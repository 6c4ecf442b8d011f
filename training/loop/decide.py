"""Measuring what an update has made, deciding about it, and writing that down: version, decision and the end of the update at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import Artifact
from app.ranking.errors import Conflict
from app.ranking.evaluation.gate import Decision, Evidence, Margins, decide
from db.store import updates, versions
from db.store.versions import NewModel, Promotion
from training.datasets.revision import code_revision
from training.datasets.version import Version
from training.jobs.context import Context

from .card import write_folder
from .measuring import compare
from .steps import KIND, Kept, Ledger, Made, folder_of
from .values import DECIDE, EVALUATE, Inputs, Trained, key_of

_TRIES = 3  # times that another version may be promoted while this one is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What an update has made: `fitted` are its training steps in order, the last one has the weights; `dataset` is that step's result."""

    inputs: Inputs
    version: Version
    dataset: Mapping[str, Any]
    fitted: tuple[tuple[str, Trained], ...]

    @property
    def last(self) -> Trained:
        """The step that left the weights."""
        return self.fitted[-1][1]

    @property
    def id(self) -> str:
        """The id of the weights."""
        return str(self.last.result["weights"])


class _Moved(Exception):
    """Another version was promoted after this one was measured."""


def conclude(ledger: Ledger, candidate: Candidate) -> None:
    """Measure the candidate against the version that serves, decide, and end the update.

    Where another version was promoted meanwhile, it is measured against that one. Raises Conflict where that happens again and again.
    """
    for _ in range(_TRIES):
        against = _serving(ledger)
        if against == candidate.id:
            _unchanged(ledger, candidate)
            return
        key = key_of(EVALUATE, candidate.id, against, candidate.inputs.plain)
        measured = ledger.step(EVALUATE, key, _measurer(ledger, candidate, against))
        try:
            _decide(ledger, candidate, against, measured)
        except _Moved:
            ledger.context.say("another version was promoted meanwhile: this one is measured against that")
        else:
            return
    raise Conflict(f"other versions of {ledger.wanted.model!r} are promoted faster than this one can be measured: start it again later")


def _measurer(ledger: Ledger, candidate: Candidate, against: str | None) -> Callable[[Context], Made]:
    def work(context: Context) -> Made:
        found = compare(context, ledger.wanted.recipe, (folder_of(ledger, against), candidate.last.folder), candidate)
        return Made(result={"against": against, **found})

    return work


def _decide(ledger: Ledger, candidate: Candidate, against: str | None, measured: Kept) -> None:
    """The decision, the version's folder with its card, and all rows in one transaction. Raises _Moved."""
    context, wanted = ledger.context, ledger.wanted
    context.doing("deciding")
    context.event("step", {"name": DECIDE, "state": "begun"})
    margins = Margins.from_plain(asdict(wanted.recipe.gate))
    decision = decide(Evidence.from_plain(measured.result["evidence"]), margins)
    report = report_of(ledger, candidate, measured, decision)
    artifact = ledger.store.put(lambda aside: write_folder(aside, candidate, report), KIND)
    promotion = Promotion(version_id=candidate.id, margins=margins.plain, decision=decision.plain, against=against)
    try:
        with context.database.write() as session:
            context.confirm(session)
            ledger.write(session, DECIDE, key_of(DECIDE, candidate.id, against), Made(artifact=artifact, result=decision.plain), 0.0)
            _enter(session, ledger, (candidate, artifact), report)
            _settle(session, ledger, promotion)
    except Conflict as error:
        if _serving(ledger) != against:
            raise _Moved from error
        raise
    context.watch.progress(1.0)
    context.event("step", {"name": DECIDE, "state": "finished", "seconds": 0.0})


def _settle(session: Session, ledger: Ledger, chosen: Promotion) -> None:
    """Promote or reject, and end the update. Raises Conflict where another version serves than the one it was measured against."""
    decision = chosen.decision or {}
    if versions.active(session, ledger.wanted.model) != chosen.against:
        raise Conflict("another version was promoted meanwhile")
    if decision["promote"]:
        versions.promote(session, chosen, waiting=ledger.wanted.recipe.family == "hub")
    else:
        versions.reject(session, chosen.version_id, str(decision["reason"]))
    updates.finish(session, ledger.update_id, chosen.version_id, decision)


def _serving(ledger: Ledger) -> str | None:
    with ledger.context.database.read() as session:
        return versions.active(session, ledger.wanted.model)


def report_of(ledger: Ledger, candidate: Candidate, measured: Kept, decision: Decision) -> dict[str, Any]:
    """What is kept of a version for the page, for its card and for whoever decides again."""
    wanted = ledger.wanted
    gate = Margins.from_plain(asdict(wanted.recipe.gate))
    report = {
        "evidence": measured.result["evidence"],
        "decision": decision.plain,
        "margins": gate.plain,
        "table": measured.result.get("table"),
        "learned": measured.result.get("learned"),
        "facts": {
            "id": candidate.id,
            "recipe": wanted.recipe.name,
            "text": wanted.recipe.text,
            "seed": wanted.seed,
            "from_scratch": wanted.from_scratch,
            "model": wanted.model,
            "base": candidate.inputs.base_id,
            "against": measured.result.get("against"),
            "dataset": candidate.dataset,
            "code": code_revision(),
            "steps": {name: dict(step.result) for name, step in candidate.fitted},
        },
    }
    return {**report, "served_as": f"{wanted.model}-{candidate.id[:12]}"} if wanted.recipe.family == "hub" else report


def _enter(session: Session, ledger: Ledger, made: tuple[Candidate, Artifact], report: Mapping[str, Any]) -> None:
    """The version's row. The same weights may have come out of an earlier update, which rejected them: then they get this report."""
    candidate, artifact = made
    wanted = ledger.wanted
    new = NewModel(
        id=candidate.id, name=wanted.model, artifact_hash=artifact.hash, base_id=None if wanted.from_scratch else candidate.inputs.base_id,
        recipe=wanted.recipe.name, dataset_version=str(candidate.dataset["dataset"]), update_id=ledger.update_id, seed=wanted.seed,
        code=code_revision(), report=report,
    )  # fmt: skip
    versions.add(session, new)
    versions.set_report(session, candidate.id, report)


def _unchanged(ledger: Ledger, candidate: Candidate) -> None:
    """The weights that came out are those that serve."""
    reason = "nothing changed: the weights that came out are those that serve already"
    decision = {"promote": False, "primary": "gold", "reason": reason, "checks": [], "smallest": None}
    with ledger.context.database.write() as session:
        ledger.context.confirm(session)
        updates.finish(session, ledger.update_id, candidate.id, decision)
