"""People and models as judges in one table: what they ranked, read once, and how they are named to whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.statistic import Resampling, Statistic, resampled, undefined, with_interval
from app.ranking.evaluation.weak_orders import WeakOrder
from app.services.actors import Actor
from db.session import Database
from db.store import actors, rated
from db.store.rated import Judged, Listed, Modelled, Scope

HOW = Resampling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A person or a model version. `who` fits into an address; `label` is for people, and never a name."""

    who: str
    label: str
    kind: str
    actor_id: str = ""

    def shown_to(self, actor: Actor) -> dict[str, Any]:
        """As the interface tells it: a person sees the own name."""
        mine = bool(self.actor_id) and self.actor_id == actor.id
        return {"who": self.who, "label": actor.name if mine else self.label, "mine": mine, "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All judges of a scope. `people` and `models` are by task (by list where there is no task), judge to order."""

    tasks: Mapping[str, Listed]
    judged: Sequence[Judged]
    modelled: Sequence[Modelled]
    judges: Mapping[str, Judge]
    people: Mapping[str, Mapping[str, WeakOrder]]
    models: Mapping[str, Mapping[str, WeakOrder]]

    @property
    def both(self) -> dict[str, dict[str, WeakOrder]]:
        """Orders of people and of models by task."""
        return {task: {**self.people.get(task, {}), **self.models.get(task, {})} for task in self.tasks}


def name_all(database: Database, scope: Scope) -> None:
    """Give a pseudonym to everybody of a scope who has none; a write only where there is one."""
    with database.read() as session:
        missing = rated.unnamed(session, scope)
    if missing:
        with database.write() as session:
            for actor_id in missing:
                actors.pseudonym(session, actor_id)


def load(database: Database, scope: Scope) -> Panel:
    """Everything of a project or of one task, in a few queries."""
    name_all(database, scope)
    with database.read() as session:
        tasks = {task.id: task for task in rated.tasks(session, scope)}
        judged, modelled = rated.judged(session, scope), rated.modelled(session, scope)
    judges = {row.who: Judge(who=row.who, label=row.who, kind="person", actor_id=row.actor_id) for row in judged if row.who}
    judges |= {run.who: Judge(who=run.who, label=run.label, kind="model") for run in modelled}
    people: dict[str, dict[str, WeakOrder]] = {task: {} for task in tasks}
    for row in judged:
        if row.task_id in people and row.who:
            people[row.task_id][row.who] = order_of(row)
    by_list: dict[str, dict[str, WeakOrder]] = {}
    for run in modelled:
        by_list.setdefault(run.list_id, {})[run.who] = order_of_run(run)
    models = {task.id: by_list.get(task.list_id, {}) for task in tasks.values()}
    return Panel(tasks=tasks, judged=judged, modelled=modelled, judges=judges, people=people, models=models)


def order_of(row: Judged) -> WeakOrder:
    """What a person said as a weak order."""
    return WeakOrder.of(row.order, row.not_relevant, row.unranked)


def order_of_run(run: Modelled) -> WeakOrder:
    """A model's order, which has no ties."""
    return WeakOrder.of([[passage] for passage in run.order])


def middle_ranks(order: WeakOrder) -> dict[str, float]:
    """1-based ranks, tied passages on the middle of theirs; passages that are not relevant are the last tied group."""
    ranks: dict[str, float] = {}
    above = 0
    for group in order.stated:
        ranks.update(dict.fromkeys(group, above + (len(group) + 1) / 2))
        above += len(group)
    return ranks


def apart(first: WeakOrder, second: WeakOrder) -> float | None:
    """Disagreement (1 - tau-b) / 2 of two orders, 0 the same and 1 opposite; None where tau-b is undefined."""
    value = tau_b(first, second).value
    return None if value is None else (1.0 - value) / 2.0


def over_tasks(name: str, values: Sequence[Sequence[float]], why: str, how: Resampling | None = HOW) -> Statistic:
    """Mean over tasks of the mean over what each has, with an interval over tasks, which `n` counts; `why` where there is none."""
    import numpy as np

    means = np.asarray([math.fsum(each) / len(each) for each in values if each])
    if not len(means):
        return undefined(name, 0, why)
    one = Statistic(name=name, value=float(means.mean()), n=len(means))
    if how is None or len(means) < 2:
        return one
    return with_interval(one, resampled(len(means), how, lambda drawn: means[drawn].mean(axis=1)), how)


def plain(statistic: Statistic) -> dict[str, Any]:
    """S of the HTTP interface."""
    return asdict(statistic)
