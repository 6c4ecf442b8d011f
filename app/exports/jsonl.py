"""Judgements as JSON lines: one line per version, texts included, so that a file stands on its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from app.exports.columns import Column, columns
from app.exports.records import JudgementRecord, query_id
from app.exports.rows import OF_JUDGEMENT

SCHEMA = "reasonrank-judgement-2"
_SHARED = {column.name: column for column in OF_JUDGEMENT}
_SAME = (
    "counts", "holdout", "project", "task", "task_kind", "collection", "list_id", "guideline_version", "seq", "version", "state",
    "confidence", "active_seconds", "disagree", "model_visible", "selection_probability", "selection_reason", "selection_pool", "trust",
    "consent_version", "licence",
)  # fmt: skip
COLUMNS: tuple[Column, ...] = (
    *columns(
        ("schema", "text", f"{SCHEMA}"),
        ("id", "text", "id of this version of the judgement"),
        ("query_id", "text", "q and 12 hex digits of the sha256 of the normalised query"),
        ("query", "text", "the query"),
        ("person", "text", "pseudonym of the person or model that judged"),
        ("created", "text", "when it was saved, ISO 8601 in UTC"),
        ("base_version", "whole", "the version that this one was made from, 0 for the first"),
        ("order", "list", "groups of tied passage ids, best group first"),
        ("not_relevant", "list", "passage ids put under not relevant"),
        ("unranked", "list", "passage ids without a statement"),
        ("grades", "json", "grade by passage id"),
        ("shown_order", "list", "passage ids as they were shown"),
        ("claims", "list", "marked claims of the trace {claim_id, verdict, rewrite, passage_id, span}; `rewrite` is the person's own text"),
        ("spans", "list", "words of passages that decided {passage_id, start, end}, in code points of the text"),
        ("note", "text", "the person's own text; may be empty"),
        ("model_version_id", "text", "hash of the weights of the visible model", "unknown, or judged blind"),
        ("adjudicated", "yes_no", "whether a reviewer has decided the task"),
        ("passages", "list", "the list in first-stage order: {id, title, text}"),
    ),
    *(_SHARED[name] for name in _SAME),
)


def judgements_jsonl(records: Iterable[JudgementRecord]) -> Iterator[bytes]:
    """One object a line, UTF-8; field order is fixed, so that the same judgements give the same bytes."""
    for record in records:
        line = {
            "schema": SCHEMA,
            "id": record.id,
            "query_id": query_id(record.query),
            "query": record.query,
            "person": record.person,
            "created": record.created,
            "counts": record.counts,
            "holdout": record.holdout,
            "project": record.project,
            "task": record.task,
            "task_kind": record.task_kind,
            "collection": record.collection,
            "list_id": record.list_id,
            "guideline_version": record.guideline_version,
            "adjudicated": record.adjudicated is not None,
            **record.fields,
            "passages": [{"id": key, "title": title, "text": text} for key, (title, text) in record.texts.items()],
        }
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
