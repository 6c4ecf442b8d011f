"""What a save is about, a run or an assigned task, and whether it fits: everything that is checked before a row is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.ranking.errors import InputError
from app.services.actors import Actor
from db.models import CandidateItem, Run, TextRow
from db.store import assignments, lists, runs, tasks
from db.store.assignments import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A list that is judged. `added` is what the studio writes beside what the person said; `held` is set for a task."""

    list_id: str
    query: str
    run: str
    added: Mapping[str, Any] = field(default_factory=dict)
    held: Held | None = None

    @property
    def task_id(self) -> str | None:
        """The task, where the list is judged as one."""
        return None if self.held is None else self.held.task.id


def target_of(session: Session, actor: Actor, *, run: str | None, assignment: str | None, licence: str = "") -> Target:
    """What is judged. Raises InputError unless exactly one of the two is given, and NotFound."""
    if (run is None) == (assignment is None):
        raise InputError("give a run or an assignment, and not both: a judgement is of one of them")
    if assignment is not None:
        return target_of_held(session, assignments.own(session, assignment, actor.id))
    row = runs.by_token(session, run or "")
    added = {"run_id": row.id, "model_visible": row.model, "model_version_id": row.model_version_id, "licence": licence}
    return Target(list_id=row.list_id, query=lists.query(session, row.list_id), run=row.token, added=added)


def target_of_held(session: Session, held: Held) -> Target:
    """A task that people judge blind says nothing of a model, in what is stored as little as in what is shown."""
    assignment, task, project = held.assignment, held.task, held.project
    run = session.get(Run, task.run_id) if project.view == "model" and task.run_id else None
    added = {
        "task_id": task.id,
        "assignment_id": assignment.id,
        "guideline_id": assignment.guideline_id,
        "run_id": run and run.id,
        "model_visible": run and run.model,
        "model_version_id": run and run.model_version_id,
        "licence": project.licence,
        "consent_version": project.consent_version or None,
        "selection_probability": assignment.probability,
        "selection_reason": assignment.reason,
        "selection_pool": assignment.pool,
    }
    return Target(list_id=task.list_id, query=held.query, run=run.token if run else "", added=added, held=held)


def check(session: Session, target: Target, draft: Mapping[str, Any]) -> None:
    """Raises InputError for a draft that is not about the target's passages, as they were shown."""
    _check_places(draft, set(tasks.passage_ids(session, target.list_id)))
    if target.held is not None:
        if list(draft["shown_order"]) != list(target.held.assignment.shown_order):
            raise InputError("shown_order is not the order in which this assignment shows its passages: open the task again")
        _check_grades(draft.get("grades", {}), target.held.project.grades)
    _check_spans(session, target.list_id, draft.get("spans", ()))


def _check_places(draft: Mapping[str, Any], ids: Collection[str]) -> None:
    """Every passage at most once over order, not relevant and unranked; nothing that is not in the list."""
    placed = [*(i for group in draft["order"] for i in group), *draft.get("not_relevant", ()), *draft.get("unranked", ())]
    twice = sorted({i for i in placed if placed.count(i) > 1}) if len(set(placed)) < len(placed) else []
    if twice:
        raise InputError(f"order, not_relevant and unranked name passage {twice[0]!r} more than once: each has one place")
    named = {*placed, *draft.get("grades", {}), *draft["shown_order"]}
    named |= {claim["passage_id"] for claim in draft.get("claims", ()) if claim.get("passage_id")}
    named |= {span["passage_id"] for span in draft.get("spans", ())}
    strange = sorted(named - set(ids))
    if strange:
        raise InputError(f"passage {strange[0]!r} is not in the list that is judged: take the ids from it")
    if any(not group for group in draft["order"]):
        raise InputError("order holds an empty group: leave it out")


def _check_grades(grades: Mapping[str, int], labels: Sequence[str]) -> None:
    wrong = next(((passage, grade) for passage, grade in grades.items() if grade >= len(labels)), None)
    if wrong is not None:
        raise InputError(f"passage {wrong[0]!r} has grade {wrong[1]}: the grades of this project go from 0 to {len(labels) - 1}")


def _check_spans(session: Session, list_id: str, spans: Sequence[Mapping[str, Any]]) -> None:
    """Spans lie within their passages; the lengths are asked of the database, so that no text is read for it."""
    if not spans:
        return
    marked = {span["passage_id"] for span in spans}
    query = select(CandidateItem.passage_id, func.length(TextRow.text)).join(TextRow, TextRow.hash == CandidateItem.text_hash)
    rows = session.execute(query.where(CandidateItem.list_id == list_id, CandidateItem.passage_id.in_(marked)))
    lengths: dict[str, int] = {passage: length for passage, length in rows}
    for span in spans:
        if not 0 <= span["start"] < span["end"] <= lengths[span["passage_id"]]:
            raise InputError(
                f"span {span['start']}-{span['end']} is not within passage {span['passage_id']!r}, which has "
                f"{lengths[span['passage_id']]} characters"
            )
