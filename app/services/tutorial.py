"""The tutorial: five tasks with known answers and a word on each, and what a person is told after each of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.formats.task_lists import TaskList, checked, read_jsonl
from app.ranking.holdout import is_holdout
from app.services.contested import weak_order
from db.models_people import Judgement
from db.store import lists, projects, tasks
from db.store.assignments import Held
from db.store.lists import Candidates
from db.store.tasks import NewTask

_TEXTS = Path(__file__).parent / "texts"
# At least this tau-b with the known answer is called good: three pairs in four the same way round, where nothing is tied.
GOOD = 0.5


@lru_cache(maxsize=1)
def tutorial_lists() -> tuple[TaskList, ...]:
    """The five lists, easiest first."""
    return tuple(checked(read_jsonl((_TEXTS / "tutorial.jsonl").read_text(encoding="utf-8"))))


@lru_cache(maxsize=1)
def default_guidelines() -> str:
    """Instructions for projects that bring none of their own, in Markdown."""
    return (_TEXTS / "guidelines.md").read_text(encoding="utf-8")


def candidates_of(one: TaskList, retriever: str = "imported") -> Candidates:
    """A list as the database keeps it."""
    return Candidates(
        query=one.query, passages=one.passages, retriever=retriever, signals_version="", holdout=is_holdout(one.query)
    )  # fmt: skip


def add_tutorial(session: Session, project_id: str) -> int:
    """Give a project its tutorial; how many tasks were added."""
    new = [
        NewTask(list_id=lists.put(session, candidates_of(one, "tutorial")), topic=one.topic, gold=one.gold.plain if one.gold else None)
        for one in tutorial_lists()
    ]
    return tasks.add(session, project_id, new, kind="tutorial", wanted=1)


def tutorial_left(session: Session, actor_id: str, project_id: str) -> int:
    """How many of a project's tutorial tasks are still before a person."""
    total = projects.progress(session, [project_id])[project_id].tutorial
    return max(0, total - projects.mine(session, actor_id, [project_id])[project_id]["tutorial"])


def feedback(session: Session, held: Held, row: Judgement) -> dict[str, Any] | None:
    """F of the HTTP interface: how a submitted task of the tutorial compares with its known answer; None for any other."""
    gold = held.task.gold
    if held.task.kind != "tutorial" or row.state != "submitted" or gold is None:
        return None
    known = WeakOrder.of(gold["order"], gold["not_relevant"])
    agreement = tau_b(known, weak_order(row)).value
    return {
        "agreement": agreement,
        "gold": {name: gold[name] for name in ("order", "not_relevant", "grades")},
        "why": gold["why"],
        "good": agreement is not None and agreement >= GOOD,
        "left": tutorial_left(session, held.assignment.actor_id, held.project.id),
    }
