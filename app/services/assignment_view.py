"""T of the HTTP interface: a task as the person sees it who has it in hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.services.consent import work_text
from app.services.judgements import view as judgement_view
from app.services.judging import target_of_held
from app.services.projects import guideline_view
from db.models import Run
from db.store import assignments, judgements, lists, projects
from db.store.assignments import Held


def assignment_view(session: Session, held: Held, person: str) -> dict[str, Any]:
    """A task with its passages in shown order. A blind one tells nothing of models; a gold one looks like any other."""
    row, task, project = held.assignment, held.task, held.project
    by_id = {passage.id: passage for passage in lists.get(session, task.list_id).passages}
    run = session.get(Run, task.run_id) if project.view == "model" and task.run_id else None
    progress, teaches = projects.progress(session, [project.id])[project.id], task.kind == "tutorial"
    number = assignments.number(session, held)
    judged = judgements.newest_of(session, row.actor_id, task.list_id, task_id=task.id)
    target = target_of_held(session, held)
    return {
        "assignment": row.id,
        "task": task.id,
        "project": {name: getattr(project, name) for name in ("id", "name", "grades", "view", "overlap", "licence")},
        "kind": "tutorial" if teaches else "task",
        "number": number,
        "of": max(number, progress.tutorial if teaches else progress.tasks),
        "query": held.query,
        "passages": [{name: getattr(by_id[id_], name) for name in ("id", "title", "text")} for id_ in row.shown_order],
        "shown_order": row.shown_order,
        "run": run and run.token,
        "model": run and run.model,
        "guidelines": guideline_view(held.guideline),
        "consent": {"version": project.consent_version, "text": work_text(project.consent_version)},
        "lease_until": row.lease_until.isoformat(),
        "state": row.state,
        "judgement": None if judged is None else judgement_view(judged, target, person),
    }
