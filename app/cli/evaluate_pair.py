"""`evaluate --run RUN --qrels QRELS`: what any run is worth by any judgements, as a table or as JSON; several runs beside each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.cli import sentences
from app.ranking.errors import InputError, SettingsError

if TYPE_CHECKING:
    from app.ranking.evaluation.differences import Difference
    from app.ranking.evaluation.scores import Scores

_SHOWN = 5  # topics that are named where there are many
_WIDE = 28  # characters of a run's name in the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Runs and judgements of a command line. Differences, and RBO, are against the first run, or `against`, which is measured too.

    `judged_only`: a run's mean is over the judged topics that it has, not over all that are judged.
    """

    runs: tuple[Path, ...]
    qrels: Path
    metrics: tuple[str, ...]
    per_topic: bool = False
    json: bool = False
    judged_only: bool = False
    against: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    differences: tuple[Difference, ...]


def pair(asked: Pair) -> None:
    """Print the scores. Ends with one sentence and status 2 for what can't be read or measured."""
    with sentences():
        found = _measured(asked)
        typer.echo(_as_json(asked, found) if asked.json else _as_text(asked, found))


def _measured(asked: Pair) -> _Measured:
    from app.ranking.evaluation.named_measures import split_names
    from app.ranking.evaluation.scores import asks_for_overlap, score_file
    from app.ranking.evaluation.suites.reading import qrels_of
    from app.ranking.formats.run_stream import run_topics

    paths, metrics = _paths(asked), split_names(",".join(asked.metrics))
    qrels, _ = qrels_of(asked.qrels)
    against = None
    if len(paths) > 1 and asks_for_overlap(metrics):
        against = dict(run_topics(paths[0]))
    scores = []
    for path in paths:
        scores.append(score_file(path, qrels, metrics, judged_only=asked.judged_only, against=against))
        _check(asked, path, scores[-1], len(qrels))
    names = _names(paths)
    return _Measured(paths=paths, names=names, scores=tuple(scores), differences=_differences(names, scores))


def _paths(asked: Pair) -> tuple[Path, ...]:
    """The runs, first the one that the others are compared with. Raises SettingsError for none, or the same one twice."""
    if not asked.runs:
        raise SettingsError("there is no run to evaluate: give at least one with --run")
    if len(set(asked.runs)) < len(asked.runs):
        raise SettingsError("a run is given twice: there is nothing to compare")
    base = asked.against or asked.runs[0]
    return (base, *(path for path in asked.runs if path != base))


def _check(asked: Pair, path: Path, scores: Scores, judged: int) -> None:
    """Refuses a run none of whose topics is judged: all numbers would be 0, and look like results."""
    if len(scores.missing) < judged:
        return
    theirs, ours = (", ".join(repr(one) for one in names[:3]) or "none" for names in (scores.unjudged, scores.missing))
    raise InputError(
        f"no topic of {path.name!r} is judged in {asked.qrels.name!r}: the run's topics are {theirs} ..., those of the qrels {ours} ...;"
        " check that the two belong together"
    )


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """File names, or whole paths where two files are called alike."""
    short = [path.name for path in paths]
    return tuple(short if len(set(short)) == len(short) else map(str, paths))


def _differences(names: Sequence[str], scores: Sequence[Scores]) -> tuple[Difference, ...]:
    """Each further run against the first, by measure; RBO is no quality and has none."""
    from app.ranking.evaluation.differences import differences

    if len(scores) < 2:
        return ()
    shared = [topic for topic in scores[0].topics if all(topic in one.values[one.measures[0]] for one in scores[1:])]
    rows: list[Difference] = []
    for measure in scores[0].measures:
        if not measure.startswith("RBO"):
            values = {name: {topic: one.values[measure][topic] for topic in shared} for name, one in zip(names, scores, strict=True)}
            rows += differences(values, names[0], measure)
    return tuple(rows)


def _as_json(asked: Pair, found: _Measured) -> str:
    rows = [_row(asked, path, scores) for path, scores in zip(found.paths, found.scores, strict=True)]
    data = rows[0] if len(rows) == 1 else {"runs": rows, "differences": [asdict(one) for one in found.differences]}
    return json.dumps(data, ensure_ascii=False, indent=1)


def _row(asked: Pair, path: Path, scores: Scores) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": str(path),
        "qrels": str(asked.qrels),
        "n": len(scores.topics),
        "judged_only": asked.judged_only,
        "measures": {name: scores.mean(name) for name in scores.measures},
        "missing": list(scores.missing),
        "unjudged": list(scores.unjudged),
        "tied": len(scores.tied),
        "disjoint": len(scores.disjoint),
    }
    if asked.per_topic:
        row["topics"] = {topic: {name: scores.values[name][topic] for name in scores.measures} for topic in scores.topics}
    return row


def _as_text(asked: Pair, found: _Measured) -> str:
    scores = found.scores
    short = [name if len(name) <= _WIDE else name[: _WIDE - 3] + "..." for name in found.names]
    heads = short if len(set(short)) == len(short) else found.names
    rows = [(name, [f"{one.mean(name):.4f}" for one in scores]) for name in scores[0].measures]
    lines = _table(["mean over topics", *heads], [*rows, ("topics", [str(len(one.topics)) for one in scores])])
    for name, one in zip(found.names, scores, strict=True):
        lines += _remarks(f"{name}: " if len(scores) > 1 else "", one, asked.judged_only)
    lines += [one.text for one in found.differences]
    if asked.per_topic:
        for name in scores[0].measures:
            topics = dict.fromkeys(topic for one in scores for topic in one.topics)
            lines += ["", *_table([name, *heads], [(topic, [_cell(one.values[name], topic) for one in scores]) for topic in topics])]
    return "\n".join(lines)


def _cell(values: Mapping[str, float], topic: str) -> str:
    return f"{values[topic]:.4f}" if topic in values else "-"


def _table(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    first = max(len(heads[0]), *(len(name) for name, _ in rows))
    widths = [max(len(head), *(len(cells[at]) for _, cells in rows)) for at, head in enumerate(heads[1:])]
    lines = [(heads[0], heads[1:]), *rows]
    return [
        f"{name:<{first}}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)) for name, cells in lines
    ]


def _remarks(who: str, scores: Scores, judged_only: bool) -> list[str]:
    """What else has to be said of a run."""
    lines = []
    if scores.missing:
        counted = "left out" if judged_only else "counted 0"
        lines.append(f"{who}judged, but not in the run, {counted}: {_some(scores.missing)}")
    if scores.unjudged:
        lines.append(f"{who}in the run, but not judged, left out: {_some(scores.unjudged)}")
    if len(scores.disjoint) == len(scores.topics) - (0 if judged_only else len(scores.missing)):
        lines.append(f"{who}no passage of the run is judged, for any topic: do run and judgements belong together?")
    if scores.tied:
        lines.append(
            f"{who}equal scores among the first of {_some(scores.tied)}: these are ordered by id, last first, as trec_eval does, whatever"
            " order the run has"
        )
    return lines


def _some(topics: Sequence[str]) -> str:
    """How many topics, and the first few by name."""
    more = f" and {len(topics) - _SHOWN} more" if len(topics) > _SHOWN else ""
    return f"{len(topics)} topic{'s' * (len(topics) > 1)} ({', '.join(topics[:_SHOWN])}{more})"
