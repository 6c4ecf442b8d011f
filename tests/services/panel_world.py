"""A project with lists, people, models and judgements straight in the database, for tests of review, quality and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.values import Passage
from app.services.actors import LOCAL, Actor
from db.models import Run, new_id
from db.models_projects import Guideline, Project, Task
from db.session import Database
from db.store import actors, judgements, lists
from db.store.lists import Candidates

REVIEWER = frozenset({"visitor", "annotator", "reviewer", "researcher"})


class World:
    """Rows as the other services would write them. Passages of each list are a, b, c, ... in first-stage order."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.project = new_id()
        self._session: Session | None = None
        self._shown: dict[str, list[str]] = {}
        self.tasks: dict[str, str] = {}
        self.lists: dict[str, str] = {}
        with database.write() as session:
            actors.ensure(session, LOCAL.id, LOCAL.name, LOCAL.roles)
            session.add(
                Project(
                    id=self.project, name="Bread", grades=["No", "A bit", "Yes", "Fully"], overlap=3, depth=20, view="blind",
                    shown="first_stage", gold_share=0.1, audit_share=0.1, lease_minutes=30, actor_id=LOCAL.id,
                )
            )  # fmt: skip
            session.add(Guideline(id=new_id(), name=self.project, version=1, text="Read all."))

    def person(self, name: str) -> Actor:
        made = Actor(id=new_id(), name=name, roles=REVIEWER)
        with self.database.write() as session:
            actors.ensure(session, made.id, name, made.roles)
        return made

    def task(self, query: str, ids: str = "abcd", **values: Any) -> str:
        """A task over the list of a query; its id."""
        shown = tuple(Passage(id=one, title=f"Title {one}", text=f"{query} {one}") for one in ids)
        candidates = Candidates(query=query, passages=shown, retriever="test", signals_version="1", holdout=values.pop("holdout", False))
        with self.writing() as session:
            list_id = lists.put(session, candidates)
            row = Task(id=new_id(), list_id=list_id, project_id=self.project, number=len(self.tasks) + 1, wanted=3, **values)
            session.add(row)
            session.flush()
        self.lists[query], self.tasks[query], self._shown[query] = list_id, row.id, list(ids)
        return row.id

    def run(self, query: str, order: str, **values: Any) -> str:
        """A finished run over the list of a query; its token."""
        given = {"model": "nano", "revision": "1" * 12, "outcome": "clean", "state": "finished"} | values
        token = f"token-{new_id()}"
        with self.writing() as session:
            session.add(
                Run(
                    id=new_id(), token=token, actor_id=LOCAL.id, list_id=self.lists[query], strategy="sliding", depth=20, order=list(order),
                    **given,
                )
            )  # fmt: skip
        return token

    def judge(self, actor: Actor, query: str, order: str, *, base: int = 0, grades: Mapping[str, int] | None = None, **values: Any) -> str:
        """A judgement, such as "a bc | d": groups apart by spaces, not relevant behind the bar; its id."""
        ranked, _, rest = order.partition("|")
        given: dict[str, Any] = {"state": "submitted", "shown_order": self.shown(query), "task_id": self.tasks[query]} | values
        new = judgements.NewJudgement(
            actor_id=actor.id, list_id=self.lists[query], idempotency_key=new_id(), base_version=base,
            order=[list(group) for group in ranked.split()], not_relevant=list(rest.strip()), grades=dict(grades or {}), **given,
        )  # fmt: skip
        with self.writing() as session:
            row, _ = judgements.save(session, new)
            return row.id

    def shown(self, query: str) -> Sequence[str]:
        """Ids of a list in first-stage order."""
        return self._shown[query]

    @contextmanager
    def many(self) -> Iterator[Session]:
        """All that is written inside goes into one transaction."""
        with self.database.write() as session:
            self._session = session
            yield session
            self._session = None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The session of `many`, or one of its own."""
        if self._session is not None:
            yield self._session
            return
        with self.database.write() as session:
            yield session
