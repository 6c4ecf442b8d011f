"""One row per judgement and passage: what the row formats (JSON lines, CSV, Parquet) share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.exports.columns import Column, columns
from app.exports.records import JudgementRecord, query_id

_NO_TASK = "the judgement belongs to no task"
_NOT_GIVEN = "it was not given"

OF_JUDGEMENT: tuple[Column, ...] = columns(
    ("judgement_id", "text", "id of this version of the judgement"),
    ("seq", "whole", "its place in the sealed log", "it was not sealed yet: only in files taken straight from the page"),
    ("version", "whole", "version of this person's judgement of this list, from 1"),
    ("state", "text", "draft, submitted, skipped, flagged or cannot_judge"),
    ("counts", "yes_no", "whether it is the person's newest submitted version as of the export"),
    ("created", "text", "when it was saved, ISO 8601 in UTC"),
    ("annotator", "text", "pseudonym of the person or model that judged"),
    ("project", "text", "id of the project", _NO_TASK),
    ("task", "text", "id of the task", _NO_TASK),
    ("task_kind", "text", "plain, gold (a hidden check) or tutorial", _NO_TASK),
    ("query_id", "text", "q and 12 hex digits of the sha256 of the normalised query: the same in every file"),
    ("query", "text", "the query"),
    ("list_id", "text", "hash of the candidate list: query, passages, evidence"),
    ("collection", "text", "hash of the collection that was searched", "the passages were given with the query"),
    ("holdout", "yes_no", "whether the query is for evaluation only"),
    ("guideline_version", "whole", "version of the instructions that the person saw", "there were none"),
    ("model_visible", "text", "name of the model whose ranking the person saw", "the person judged blind"),
    ("model_version", "text", "hash of the weights of that model", "unknown, or the person judged blind"),
    ("selection_reason", "text", "why the task was drawn: priority, audit, gold or tutorial", "the person chose what to judge"),
    ("selection_probability", "number", "chance with which the task was drawn, 0-1", "the person chose what to judge"),
    ("selection_pool", "whole", "number of tasks that it was drawn from", "the person chose what to judge"),
    ("trust", "number", "weight of the judgement as a reviewer set it, 0-1", "nobody set one"),
    ("consent_version", "text", "version of the consent under which it was given", "none was asked for"),
    ("licence", "text", "licence of the judgement", "none was stated"),
    ("confidence", "number", "how sure the person was, 0-1", _NOT_GIVEN),
    ("active_seconds", "number", "seconds of work, pauses left out"),
    ("disagree", "yes_no", "whether the person objected to the model's order"),
    ("adjudicated", "yes_no", "whether a reviewer has decided the task"),
)
OF_PASSAGE: tuple[Column, ...] = columns(
    ("passage_id", "text", "id of the passage in its list"),
    ("first_stage_rank", "whole", "1-based rank in the order of the search, or as given"),
    ("shown_position", "whole", "1-based place at which it was shown", "it was placed without having been shown"),
    ("bucket", "text", "ranked, not_relevant, unranked (no statement), or untouched (shown and nowhere placed)"),
    ("group", "whole", "1-based number of its group of ties, best first", "it was not ranked"),
    ("rank", "whole", "1-based rank: one more than the passages strictly before it", "it was not ranked"),
    ("ties", "whole", "size of its group, 1 where nothing is tied", "it was not ranked"),
    ("grade", "whole", "relevance, 0 upwards", _NOT_GIVEN),
    ("text_hash", "text", "sha256 of its text, UTF-8"),
)
TEXTS: tuple[Column, ...] = columns(
    ("title", "text", "its title; may be the empty text"), ("text", "text", "its text; left out with the option texts = false")
)
COLUMNS: tuple[Column, ...] = OF_JUDGEMENT + OF_PASSAGE + TEXTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of one judgement: `head` has the values of OF_JUDGEMENT, each of `rows` those of OF_PASSAGE and TEXTS."""

    head: tuple[Any, ...]
    rows: list[tuple[Any, ...]]


def names(*, texts: bool) -> tuple[str, ...]:
    """Names of the columns of rows."""
    return tuple(column.name for column in (COLUMNS if texts else OF_JUDGEMENT + OF_PASSAGE))


def blocks(records: Iterable[JudgementRecord], *, texts: bool) -> Iterator[Block]:
    """Rows judgement by judgement, passages in the order in which they were shown, then those placed without having been shown."""
    for record in records:
        yield Block(head=_head(record), rows=_rows(record, texts))


def _head(record: JudgementRecord) -> tuple[Any, ...]:
    get = record.fields.get
    return (
        record.id, get("seq"), get("version"), get("state"), record.counts, record.created, record.person, record.project, record.task,
        record.task_kind, query_id(record.query), record.query, record.list_id, record.collection, record.holdout, record.guideline_version,
        get("model_visible") or None, get("model_version_id") or None, get("selection_reason") or None, get("selection_probability"),
        get("selection_pool"), get("trust"), get("consent_version") or None, get("licence") or None, get("confidence"),
        float(get("active_seconds") or 0.0), bool(get("disagree")), record.adjudicated is not None,
    )  # fmt: skip


def _rows(record: JudgementRecord, texts: bool) -> list[tuple[Any, ...]]:
    fields, hashes = record.fields, record.text_hashes
    first = {passage: rank for rank, passage in enumerate(hashes, start=1)}
    shown = {passage: place for place, passage in enumerate(fields["shown_order"], start=1)}
    ranks = ranked(fields["order"])
    bucket = {**dict.fromkeys(fields["unranked"], "unranked"), **dict.fromkeys(fields["not_relevant"], "not_relevant")}
    grades, rows = fields["grades"], []
    for passage in dict.fromkeys((*shown, *ranks, *bucket)):
        group, rank, ties = ranks.get(passage, (None, None, None))
        where = "ranked" if rank else bucket.get(passage, "untouched")
        row = (passage, first.get(passage), shown.get(passage), where, group, rank, ties, grades.get(passage), hashes.get(passage))
        rows.append((*row, *record.texts[passage]) if texts else row)
    return rows


def ranked(order: Iterable[Iterable[str]]) -> dict[str, tuple[int, int, int]]:
    """(group, rank, ties) of each passage of a weak order; ranks as in a sports table: 1, 2, 2, 4."""
    found: dict[str, tuple[int, int, int]] = {}
    for number, group in enumerate(order, start=1):
        members = list(group)
        before = len(found)
        found.update((passage, (number, before + 1, len(members))) for passage in members)
    return found
