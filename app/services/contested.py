"""After a judgement of a task: the assignment follows it, and the task's priority is weighed anew."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.priority import Opinions, priority, signals_of
from db.models_people import Judgement
from db.models_projects import Task
from db.store import assignments, tasks
from db.store.assignments import Held

# Orders of the newest runs of a list that are compared with each other.
_RUNS = 5


def follow(session: Session, held: Held, state: str) -> None:
    """Bring assignment and task in step with a saved judgement; a draft leaves them as they are."""
    if state == "draft":
        return
    assignments.finish(session, held.assignment, state)
    task = tasks.settle(session, held.task.id)
    if task.kind == "plain":
        weigh(session, task)


def weigh(session: Session, task: Task) -> None:
    """Compute a task's priority from what models and people say of its list, and keep its parts."""
    views = tasks.views(session, task, runs=_RUNS)
    newest = next((run for run in views.runs if run.id == task.run_id), None)
    others = [run for run in views.runs if run is not newest]
    ranked = [run for run in ([newest] if newest else []) + others if run.order]
    task.signals = signals_of(
        Opinions(
            first_stage=views.first_stage,
            models=[run.order or () for run in ranked],
            people=[weak_order(row) for row in views.judgements],
            intervals=ranked[0].intervals if ranked else None,
        )
    )
    task.priority, task.reason = priority(task.signals)
    session.flush()


def weak_order(row: Judgement) -> WeakOrder:
    """The order of a judgement."""
    return WeakOrder.of(row.order, row.not_relevant, row.unranked)
