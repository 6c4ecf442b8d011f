"""The honest table: a new version beside what it has to beat, each row with its interval and its difference from the first stage.

Rows: the first stage's order, the untrained sum of the six signals, a linear model fitted on the demo's train questions, the active
model, the candidate. JSON-ready; `markdown` writes it for a model card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.ranking.batch import Topic
from app.ranking.evaluation.gate import Margins
from app.ranking.evaluation.significance import bootstrap, paired_bootstrap
from app.ranking.evidence import by_evidence
from training.baselines import Labelled, Linear, fit_linear

from .measure import Measured, Sets
from .sets import TopicSet, gold_set

FIRST = "first_stage"
LABELS: Mapping[str, str] = {
    FIRST: "first stage", "signals": "evidence sum, untrained", "linear": "linear, fitted on demo train", "active": "active version",
    "candidate": "this version",
}  # fmt: skip
Orderer = Callable[[Topic], Sequence[str]]


def table(models: Mapping[str, Measured], sets: Sets, margins: Margins | None = None, fitted: Linear | None = None) -> dict[str, Any]:
    """{"rows": [{"name", "label", "sets": {SET: {"mean", "low", "high", "n", "difference", "difference_low", "difference_high"}}}], ...}.

    `models` are measured ones by name (`active`, `candidate`). Numbers are NDCG@10 with percentile bootstrap intervals over topics;
    differences are paired and from the first stage. `fitted` is the linear row's ranker, fitted here where it is not given.
    """
    margins = margins or Margins()
    ranker = linear(gold_set("train")) if fitted is None else fitted
    orderers: dict[str, Orderer] = {
        FIRST: lambda topic: [passage.id for passage in topic.passages],
        "signals": lambda topic: [passage.id for passage in by_evidence(topic.passages)],
        "linear": lambda topic: ranker.order(topic.passages),
    }
    found = {name: {one.name: _scores(one, order) for one in sets} for name, order in orderers.items()}
    found.update({name: {one.name: dict(measured.values[one.name]) for one in sets} for name, measured in models.items()})
    rows = [
        {"name": name, "label": LABELS.get(name, name), "sets": {s: _row(v, found[FIRST][s], margins) for s, v in by_set.items() if v}}
        for name, by_set in found.items()
    ]
    return {
        "measure": "NDCG@10", "level": margins.level, "samples": margins.samples, "rows": rows,
        "judgements": {one.name: one.judgements for one in sets if one.topics},
    }  # fmt: skip


def markdown(found: Mapping[str, Any]) -> str:
    """The table as Markdown: one column a set, mean with interval, and below how it is made."""
    rows = found["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["sets"]))
    counts = {name: next(row["sets"][name]["n"] for row in rows if name in row["sets"]) for name in names}
    heads = [f"{name} (n={counts[name]})" for name in names]
    lines = [f"| {found['measure']} | {' | '.join(heads)} |", f"|---|{'---|' * len(names)}"]
    lines += [f"| {row['label']} | {' | '.join(_cell(row['sets'].get(name)) for name in names)} |" for row in rows]
    how = f"Intervals: {found['level']:.0%}, percentile bootstrap over topics, {found['samples']} resamples."
    return "\n".join([*lines, "", how])


def linear(train: TopicSet) -> Linear:
    """The linear baseline, fitted on the first judge of each list; passages without a gain count 0."""
    return fit_linear([Labelled(passages=tuple(one.passages), grades=_gains(train, one)) for one in train.topics])


def _gains(train: TopicSet, topic: Topic) -> dict[str, int]:
    gains = train.judges[topic.id][0]
    return {passage.id: gains.get(passage.id, 0) for passage in topic.passages}


def _scores(one: TopicSet, order: Orderer) -> dict[str, float]:
    return {topic.id: one.score(topic.id, order(topic)) for topic in one.topics}


def _row(values: Mapping[str, float], first: Mapping[str, float], margins: Margins) -> dict[str, Any]:
    interval = bootstrap(list(values.values()), samples=margins.samples, seed=margins.seed, level=margins.level)
    apart = paired_bootstrap(values, first, samples=margins.samples, seed=margins.seed, level=margins.level)
    return {
        "mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n,
        "difference": apart.mean, "difference_low": apart.low, "difference_high": apart.high,
    }  # fmt: skip


def _cell(row: Mapping[str, Any] | None) -> str:
    return "-" if row is None else f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
