"""Quality of judging: how far the judges of a project agree, and what can be said of each of them, models in the same table."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.ranking.errors import NotFound
from app.ranking.evaluation.label_agreement import agreement
from app.ranking.evaluation.labels import Labels
from app.ranking.evaluation.panels import MEASURES, Measure, of_panel, rank_alpha
from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.statistic import Statistic
from app.ranking.evaluation.weak_orders import WeakOrder
from app.services import annotators, panel
from app.services.actors import Actor, require
from app.services.annotators import Reports
from app.services.memo import Memo
from app.services.panel import HOW, Judge, Panel, over_tasks, plain
from db.models import now
from db.models_projects import Project
from db.session import Database
from db.store import rated, reviews
from db.store.rated import Scope

_PAIRS = 200  # those with most tasks in common
_LABELLED = ("alpha nominal", "alpha ordinal", "alpha interval")
_HOW_AGREEMENT = (
    "Each person's newest submitted judgement of each task; tutorial tasks are left out, holdout queries are counted in and said. A "
    "statistic of orders is the mean over tasks of the mean over pairs of judges who ranked the task, passages that are not relevant tied "
    "last, unranked ones left out. Alpha of labels is over grades; alpha of orders has the Kendall distance. Models are compared with "
    "people, never among the people. Intervals: 95 % percentile bootstrap over tasks (over passages for labels), 1,000 resamples."
)


class Quality:
    """Agreement of a project's judges, and a report on each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agreement: Memo[dict[str, Any]] = Memo()
        self._reports: Memo[tuple[Panel, Reports]] = Memo(4)

    async def agreement(self, actor: Actor, project_id: str) -> dict[str, Any]:
        """Statistics between people, of each model against people, and of pairs of judges. Raises NotFound."""
        require(actor, "reviewer")
        return _owned(await asyncio.to_thread(self._agree, project_id), actor)

    def _agree(self, project_id: str) -> dict[str, Any]:
        project, stamp = self._stamp(project_id)
        scope = Scope(project=project_id)
        return self._agreement.get(project_id, stamp, lambda: agreement_of(panel.load(self._database, scope), len(project.grades)))

    async def annotators(self, actor: Actor, project_id: str) -> dict[str, Any]:
        """One row for each judge, people first. Raises NotFound."""
        require(actor, "reviewer")
        found, reports = await asyncio.to_thread(self._report, project_id)
        return {"how": annotators.HOW, "annotators": [annotators.row(found, reports, judge, actor) for judge in _sorted(found.judges)]}

    async def annotator(self, actor: Actor, project_id: str, who: str) -> dict[str, Any]:
        """One judge with what they did task by task. Raises NotFound."""
        require(actor, "reviewer")
        found, reports = await asyncio.to_thread(self._report, project_id)
        judge = found.judges.get(who)
        if judge is None:
            raise NotFound(f"nobody called {who[:40]!r} judged tasks of this project: open one of the list")
        row = annotators.row(found, reports, judge, actor)
        return row | {"series": await asyncio.to_thread(annotators.series, found, judge)}

    def _report(self, project_id: str) -> tuple[Panel, Reports]:
        _, stamp = self._stamp(project_id)
        scope = Scope(project=project_id)

        def make() -> tuple[Panel, Reports]:
            found = panel.load(self._database, scope)
            with self._database.read() as session:
                decided, missed = reviews.newest_in(session, project_id), rated.not_submitted(session, scope)
                trust = reviews.people(session, {row.actor_id for row in found.judged})
                first = rated.first_stage(session, scope)
            sources = annotators.Sources(decided=decided, missed=missed, trust={id_: each[1] for id_, each in trust.items()}, first=first)
            return found, annotators.reports(found, sources)

        return self._reports.get(project_id, stamp, make)

    def _stamp(self, project_id: str) -> tuple[Project, rated.Stamp]:
        with self._database.read() as session:
            return reviews.project(session, project_id), rated.stamp(session, Scope(project=project_id))


def agreement_of(found: Panel, grades: int) -> dict[str, Any]:
    """The answer about a whole panel, free of the database. `grades` is how many grades the project has."""
    orders = {task: judges for task, judges in found.people.items() if len(judges) > 1}
    statistics = [of_panel(measure, orders, HOW) for measure in MEASURES]
    people = [judge for judge in _sorted(found.judges) if judge.kind == "person"]
    pairs, left_out = _pairs(found)
    return {
        "how": _HOW_AGREEMENT,
        "computed": now().isoformat(),
        "tasks": sum(bool(judges) for judges in found.people.values()),
        "judges": len(people),
        "judgements": len(found.judged),
        "holdout": sum(row.holdout for row in found.judged),
        "statistics": [plain(one) for one in [*statistics, rank_alpha(orders, HOW), *_labels(found, grades)]],
        "models": [
            {"who": judge.who, "label": judge.label, "statistics": [plain(one) for one in _against_people(found, judge.who)]}
            for judge in found.judges.values()
            if judge.kind == "model"
        ],
        "pairs": pairs,
        "pairs_left_out": left_out,
        "raters": [
            {"judge": judge, "tasks": sum(judge.who in judges for judges in found.both.values())} for judge in _sorted(found.judges)
        ],
    }


def _owned(told: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """A kept answer as one person may see it: the own name instead of the own pseudonym."""
    raters = [{**rater["judge"].shown_to(actor), "tasks": rater["tasks"]} for rater in told["raters"]]
    own = {rater["who"]: rater["label"] for rater in raters}
    pairs = [{**pair, "first_label": own[pair["first"]], "second_label": own[pair["second"]]} for pair in told["pairs"]]
    return {**told, "raters": raters, "pairs": pairs}


def _sorted(judges: Mapping[str, Judge]) -> list[Judge]:
    return sorted(judges.values(), key=lambda judge: (judge.kind != "person", judge.label))


def _labels(found: Panel, grades: int) -> Iterator[Statistic]:
    """Alpha of people's grades; an item is a passage of a task."""
    given: dict[tuple[str, ...], dict[str, str]] = {}
    for row in found.judged:
        for passage, grade in row.grades.items():
            given.setdefault((row.task_id or row.list_id, passage), {})[row.who or ""] = str(grade)
    labels = Labels.of(given, [str(grade) for grade in range(grades)])
    yield from (one for one in agreement(labels, HOW, weights=()).overall if one.name in _LABELLED)


def _against_people(found: Panel, who: str) -> Iterator[Statistic]:
    """Each measure between one model and the people of each task: a mean over people, then over tasks."""
    for measure in MEASURES:
        values, why = list[list[float]](), "no person ranked a list that this model ranked too"
        for task, people in found.people.items():
            model = found.models[task].get(who)
            if model is None or not people:
                continue
            each = [one for person in people.values() for one in _both_ways(measure, model, person)]
            values.append([one.value for one in each if one.value is not None])
            why = each[0].why or why
        yield over_tasks(measure.name, values, why)


def _both_ways(measure: Measure, model: WeakOrder, person: WeakOrder) -> list[Statistic]:
    """The model's order under the person's and, where that is not the same, the other way round."""
    return [measure.between(model, person), *([] if measure.symmetric else [measure.between(person, model)])]


def _pairs(found: Panel) -> tuple[list[dict[str, Any]], int]:
    """Tau-b of each two judges, those with most tasks in common first; and how many pairs were left out."""
    together: dict[tuple[str, str], list[str]] = {}
    both = found.both
    for task, judges in both.items():
        for couple in itertools.combinations(sorted(judges), 2):
            if "person" in (found.judges[couple[0]].kind, found.judges[couple[1]].kind):
                together.setdefault(couple, []).append(task)
    listed = sorted(together.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_pair(found, couple, tasks, both) for couple, tasks in listed[:_PAIRS]], max(0, len(listed) - _PAIRS)


def _pair(found: Panel, couple: tuple[str, str], tasks: Sequence[str], both: Mapping[str, Mapping[str, WeakOrder]]) -> dict[str, Any]:
    each = [tau_b(both[task][couple[0]], both[task][couple[1]]) for task in tasks]
    values = [[one.value] for one in each if one.value is not None]
    return {
        "first": couple[0],
        "second": couple[1],
        "kinds": [found.judges[who].kind for who in couple],
        "tasks": len(tasks),
        "tau_b": plain(over_tasks("Kendall tau-b", values, each[0].why)),
    }
