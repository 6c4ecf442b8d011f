"""What the database must say after a schedule: nothing lost, nothing doubled, nothing half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from sqlalchemy import select, text

from db.models_log import Event
from db.models_people import Judgement
from db.models_projects import Assignment, Task
from db.session import Database
from db.store import log, log_check
from tests.chaos.world import OVERLAP


def judge(database: Database, taken: Mapping[str, str], refused: Collection[str], project: str) -> list[str]:
    """Sentences about what is wrong; none means that all is well. `taken` maps keys to the note that came with them."""
    with database.read() as session:
        rows = session.scalars(select(Judgement).join(Task, Task.id == Judgement.task_id).where(Task.project_id == project)).all()
        held = session.execute(select(Assignment, Task).join(Task, Task.id == Assignment.task_id).where(Task.project_id == project)).all()
        saved = session.scalars(select(Event.subject).where(Event.action == "judgement.saved")).all()
        broken = session.execute(text("PRAGMA integrity_check")).scalar() if database.is_sqlite else "ok"
    keys = Counter(row.idempotency_key for row in rows)
    notes = {row.idempotency_key: row.note for row in rows}
    found = [f"lost: {key}" for key in taken if key not in keys]
    found += [f"doubled: {key}" for key, count in keys.items() if count > 1]
    found += [f"never answered, yet stored: {key}" for key in keys if key not in taken]
    found += [f"refused, yet stored: {key}" for key in refused if key in keys]
    found += [f"changed: {key}" for key, note in taken.items() if notes.get(key, note) != note]
    found += _versions(rows) + _overlap([(assignment, task) for assignment, task in held])
    logged = Counter(saved)
    found += [f"{logged[row.id]} events of {row.id}" for row in rows if logged[row.id] != 1]
    return found + ([] if broken == "ok" else [f"the file is broken: {broken}"]) + _log(database)


def _versions(rows: Collection[Judgement]) -> list[str]:
    threads: dict[str, list[int]] = {}
    for row in rows:
        threads.setdefault(row.thread, []).append(row.version)
    return [
        f"versions of {thread}: {sorted(found)}" for thread, found in threads.items() if sorted(found) != list(range(1, len(found) + 1))
    ]


def _overlap(held: Collection[tuple[Assignment, Task]]) -> list[str]:
    room = Counter(task.id for assignment, task in held if assignment.state in ("leased", "submitted"))
    pairs = Counter((task.id, assignment.actor_id) for assignment, task in held)
    over = [f"task {task} is in {count} hands" for task, count in room.items() if count > OVERLAP]
    return over + [f"twice the same task: {pair}" for pair, count in pairs.items() if count > 1]


def _log(database: Database) -> list[str]:
    with database.write() as session:
        while log.seal(session):
            pass
    with database.read() as session:
        return list(log_check.verify(session, None).problems)
