"""A row for each judge of a project: agreement with gold and peers, position bias, speed, flags. Computed by app.ranking's raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import chain
from statistics import median
from typing import Any

from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.raters import Flag, Mean, Rated, RaterReport, report
from app.ranking.evaluation.weak_orders import WeakOrder
from app.services.actors import Actor
from app.services.panel import Judge, Panel, order_of, over_tasks
from db.models_people import Judgement
from db.models_projects import Adjudication

_Step = tuple[datetime, str, float | None, tuple[str, ...]]  # when, task, seconds, as shown
HOW = (
    "Gold: mean tau-b with known answers. Peers: mean tau-b with the weighted consensus of everybody else on the task. Adjudicated: mean "
    "tau-b with reviewers' decisions, those left out that picked this judge's own order. Position bias: how much more an order follows "
    "the list as shown than others' orders of it do. Speed: active time over that of others on the task. Each is over the tasks that "
    "define it, with a 95 % interval. People are compared with people only; each model is compared with the people, not with other "
    "models. A flag is a reason to look, no verdict. Tutorial tasks are left out; holdout queries are counted in."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What belongs to the judges besides their orders; `first` are passage ids by list in first-stage order."""

    decided: Mapping[str, Adjudication]
    missed: Sequence[Judgement]
    trust: Mapping[str, float | None]
    first: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Reports by judge, and means of agreement with decisions."""

    rated: Mapping[str, RaterReport]
    adjudicated: Mapping[str, Mean]
    sources: Sources


def reports(found: Panel, sources: Sources) -> Reports:
    """Reports on all judges. A person's order that follows a model's closely gets the flag of a copier too, since people may see it."""
    people = [_of_person(found, row.who or "", at) for at, row in enumerate(found.judged) if row.who and row.task_id in found.tasks]
    told = dict(report(people))
    for who, judge in found.judges.items():
        if judge.kind == "model":
            with_model = report([*people, *_of_model(found, who, sources.first)])
            if who in with_model:  # not so where nobody has judged yet what the model ranked
                told[who] = _model_report(with_model[who])
            for name, one in with_model.items():
                if name in told and one.copying.peer == who:
                    told[name] = _with_flags(told[name], [flag for flag in one.flags if flag.kind == "copier"])
    adjudicated = {who: _adjudicated(found, who, sources.decided) for who in found.judges}
    return Reports(rated=told, adjudicated=adjudicated, sources=sources)


def _of_person(found: Panel, who: str, at: int) -> Rated:
    row = found.judged[at]
    order = order_of(row)
    shown = tuple(row.shown_order) or tuple(chain(*order.stated, order.unranked))
    return Rated(
        annotator=who,
        task=row.task_id or "",
        shown=shown,
        groups=order.stated,
        when=2 * at + 1,
        seconds=row.active_seconds or None,
        gold=gold_of(found.tasks[row.task_id or ""].gold, shown),
    )


def gold_of(gold: Mapping[str, Any] | None, shown: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    """A known answer as groups, best first; by its grades where it has no order. None where it says nothing."""
    if not gold:
        return None
    order = WeakOrder.of(gold.get("order") or (), gold.get("not_relevant") or ())
    if not order.groups and gold.get("grades"):
        grades: Mapping[str, int] = gold["grades"]
        order = WeakOrder.of([[one for one in grades if grades[one] == grade] for grade in sorted(set(grades.values()), reverse=True)])
    groups = tuple(tuple(one for one in group if one in shown) for group in order.stated)
    return tuple(group for group in groups if group) or None


def _of_model(found: Panel, who: str, first: Mapping[str, Sequence[str]]) -> list[Rated]:
    """A model saw the list in first-stage order, and its order was there before the people's that were submitted after it."""
    runs = {run.list_id: run for run in found.modelled if run.who == who}
    times = [row.created for row in found.judged]
    out = []
    for task in found.tasks.values():
        run = runs.get(task.list_id)
        shown = tuple(first.get(task.list_id, ()))
        if run is None or not found.people[task.id]:
            continue
        when = 2 * sum(time < run.created for time in times)
        groups = tuple((passage,) for passage in run.order if passage in shown)
        out.append(Rated(annotator=who, task=task.id, shown=shown, groups=groups, when=when, gold=gold_of(task.gold, shown)))
    return out


def _model_report(one: RaterReport) -> RaterReport:
    """Nobody suspects a model of copying people or of hurrying."""
    return replace(one, flags=tuple(flag for flag in one.flags if flag.kind not in ("copier", "fast")))


def _with_flags(one: RaterReport, more: Sequence[Flag]) -> RaterReport:
    kinds = {flag.kind for flag in one.flags}
    return replace(one, flags=(*one.flags, *(flag for flag in more if flag.kind not in kinds)))


def _adjudicated(found: Panel, who: str, decided: Mapping[str, Adjudication]) -> Mean:
    own = {row.id for row in found.judged if row.who == who} | {run.id for run in found.modelled if run.who == who}
    values = []
    for task, judges in found.both.items():
        row = decided.get(task)
        if row is not None and who in judges and row.picked_id not in own:
            value = tau_b(judges[who], WeakOrder.of(row.order, row.not_relevant, row.unranked)).value
            values += [] if value is None else [[value]]
    one = over_tasks("", values, "no decision of a reviewer on these tasks has another order to compare with")
    return Mean(value=one.value, low=one.low, high=one.high, n=one.n, why=one.why)


def row(found: Panel, told: Reports, judge: Judge, actor: Actor) -> dict[str, Any]:
    """R of the HTTP interface, as /api/v1/openapi.json describes it."""
    nothing = Mean(value=None, n=0, why="nothing was ranked together with people")
    one = told.rated.get(judge.who)
    missed = Counter(each.state for each in told.sources.missed if judge.actor_id and each.actor_id == judge.actor_id)
    seconds = [each.active_seconds for each in found.judged if each.who == judge.who and each.active_seconds]
    labels = {who: each.shown_to(actor)["label"] for who, each in found.judges.items()}
    out = {
        **judge.shown_to(actor),
        "tasks": sum(judge.who in judges for judges in found.both.values()),
        "trust": told.sources.trust.get(judge.actor_id),
        "adjudicated": asdict(told.adjudicated[judge.who]),
        "seconds": median(seconds) if seconds else None,
        "not_submitted": {state: missed[state] for state in ("flagged", "skipped", "cannot_judge")},
    }
    means = {
        "gold": one.gold_agreement if one else nothing,
        "peers": one.peer_agreement if one else nothing,
        "position_bias": one.position_bias if one else nothing,
        "speed": one.speed if one else nothing,
    }
    copying = None if one is None else {**asdict(one.copying), "peer_label": labels.get(one.copying.peer or "")}
    flags = [] if one is None else [{**asdict(flag), "sentence": _named(flag.sentence, labels)} for flag in one.flags]
    return {
        **out,
        **{name: asdict(mean) for name, mean in means.items()},
        "copying": copying,
        "unread_share": one and one.unread_share,
        "tied": one and one.tied,
        "flags": flags,
    }


def _named(sentence: str, labels: Mapping[str, str]) -> str:
    """A sentence with labels in place of keys."""
    for who, label in labels.items():
        sentence = sentence.replace(who, label)
    return sentence


def series(found: Panel, judge: Judge) -> list[dict[str, Any]]:
    """What a judge did, task by task, oldest first; `peers` is the mean tau-b with the other people of the task."""
    if judge.kind == "model":
        runs = {run.list_id: run for run in found.modelled if run.who == judge.who}
        steps: list[_Step] = [(runs[task.list_id].created, task.id, None, ()) for task in found.tasks.values() if task.list_id in runs]
    else:
        steps = [
            (row.created, row.task_id or "", row.active_seconds or None, tuple(row.shown_order))
            for row in found.judged
            if row.who == judge.who
        ]
    out = []
    for created, task_id, seconds, shown in sorted(steps, key=lambda step: step[:2]):
        task, order = found.tasks[task_id], found.both[task_id][judge.who]
        peers = [tau_b(order, other).value for who, other in found.people[task_id].items() if who != judge.who]
        known = [value for value in peers if value is not None]
        gold = gold_of(task.gold, tuple(chain(*order.stated, order.unranked)))
        out.append(
            {
                "task": task.id,
                "number": task.number,
                "query": task.query,
                "created": created.isoformat(),
                "gold": None if gold is None else tau_b(order, WeakOrder.of(gold)).value,
                "peers": sum(known) / len(known) if known else None,
                "shown": tau_b(order, WeakOrder.of([[one] for one in shown])).value if shown else None,
                "seconds": seconds,
                "holdout": task.holdout,
            }
        )
    return out
