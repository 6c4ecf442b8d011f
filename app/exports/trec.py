"""Judgements as TREC qrels and runs as a TREC run, as trec_eval and ir_measures read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.exports.columns import columns
from app.exports.records import JudgementRecord, RunRecord, query_id
from app.ranking.formats.trec import write_qrels, write_run

QRELS = columns(
    ("query_id", "text", "q and 12 hex digits of the sha256 of the normalised query"),
    ("iteration", "text", "always 0"),
    ("passage_id", "text", "id of the passage; may hold blanks: read the line from both ends"),
    ("grade", "whole", "the reviewer's grade where the task was decided, else the lower median of people's grades"),
)
RUN = columns(
    ("query_id", "text", "q and 12 hex digits of the sha256 of the normalised query"),
    ("iteration", "text", "always Q0"),
    ("passage_id", "text", "id of the passage"),
    ("rank", "whole", "1-based"),
    ("score", "whole", "falls by 1 from the number of passages to 1"),
    ("tag", "text", "the model, with the outcome behind a + where it is not clean"),
)
# Votes per grade are packed into one number, 24 bits each: a dictionary of lists would be most of the memory.
_BITS = 24
_MASK = (1 << _BITS) - 1


def qrels_txt(records: Iterable[JudgementRecord]) -> Iterator[bytes]:
    """`query_id 0 passage_id grade` a line, sorted by query and passage.

    Per passage the lower median of people's grades, newest submitted version of each person; a passage that somebody put under "not
    relevant" counts as 0 there. Where a reviewer decided a task, that decision replaces people's grades of its passages (of several
    decided tasks with one query, the lower median). Passages without a grade are left out, as unjudged.
    """
    votes: dict[str, dict[str, int]] = {}
    decided: dict[str, dict[str, int]] = {}
    tasks = set[str]()
    for record in records:
        if not record.counts:
            continue
        query = query_id(record.query)
        _count(votes.setdefault(query, {}), record.fields)
        final = record.adjudicated
        if final is not None and final.task not in tasks:
            tasks.add(final.task)
            _count(decided.setdefault(query, {}), {"grades": final.grades, "not_relevant": final.not_relevant})
    for query, counted in sorted(votes.items()):
        settled = {**counted, **decided.get(query, {})}
        qrels = {query: {passage: _median_low(settled[passage]) for passage in sorted(settled)}}
        yield "".join(write_qrels(qrels)).encode()


def _count(votes: dict[str, int], fields: Mapping[str, Any]) -> None:
    grades = fields["grades"]
    for passage, grade in grades.items():
        votes[passage] = votes.get(passage, 0) + (1 << _BITS * int(grade))
    for passage in fields["not_relevant"]:
        if passage not in grades:
            votes[passage] = votes.get(passage, 0) + 1


def _median_low(votes: int) -> int:
    counts = []
    while votes:
        counts.append(votes & _MASK)
        votes >>= _BITS
    middle, passed = (sum(counts) - 1) // 2, 0
    for grade, count in enumerate(counts):
        passed += count
        if passed > middle:
            return grade
    raise AssertionError("a passage is only listed once somebody graded it")


def runs_txt(records: Iterable[RunRecord]) -> Iterator[bytes]:
    """`query_id Q0 passage_id rank score tag` a line, the tag being the model, with the outcome behind a + where it isn't clean.

    Of several runs of one model for one query the last counts. Scores fall by 1 from the number of passages to 1, so that no evaluator
    breaks a tie of ours in its own way.
    """
    by_tag: dict[str, dict[str, Sequence[str]]] = {}
    for record in records:
        by_tag.setdefault(_tag(record), {})[query_id(record.query)] = record.order
    for tag, rankings in sorted(by_tag.items()):
        yield from (line.encode() for line in write_run(dict(sorted(rankings.items())), tag))


def _tag(record: RunRecord) -> str:
    model = "-".join(record.model.split())
    return model if record.outcome == "clean" else f"{model}+{record.outcome}"
