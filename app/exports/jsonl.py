"""Judgements as JSON lines: one line per version, texts included, so that a file stands on its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from app.exports.records import JudgementRecord, query_id

SCHEMA = "reasonrank-judgement-1"


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
            **record.fields,
            "passages": [{"id": key, "title": title, "text": text} for key, (title, text) in record.texts.items()],
        }
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
