"""Judgements as TREC qrels and runs as a TREC run, as trec_eval and ir_measures read them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from app.exports.records import JudgementRecord, RunRecord, query_id
from app.ranking.formats.trec import write_qrels, write_run


def qrels_txt(records: Iterable[JudgementRecord]) -> Iterator[bytes]:
    """`query_id 0 passage_id grade` a line, sorted by query and passage.

    Per passage the lower median of people's grades, newest submitted version of each person; a passage that somebody put under "not
    relevant" counts as 0 there. Passages without a grade are left out, as unjudged.
    """
    grades: dict[tuple[str, str], list[int]] = {}
    for record in records:
        if not record.counts:
            continue
        given = {**dict.fromkeys(record.fields["not_relevant"], 0), **record.fields["grades"]}
        for passage_id, grade in given.items():
            grades.setdefault((query_id(record.query), passage_id), []).append(int(grade))
    qrels: dict[str, dict[str, int]] = {}
    for (query, passage_id), values in sorted(grades.items()):
        qrels.setdefault(query, {})[passage_id] = statistics.median_low(values)
    yield from (line.encode() for line in write_qrels(qrels))


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
