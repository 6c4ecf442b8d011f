"""Records made by hand for the tests of formats."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

from app.exports.records import CallRecord, JudgementRecord
from app.exports.selection import Selection, Tally

FIELDS: dict[str, Any] = {
    "seq": 7, "version": 2, "base_version": 1, "state": "submitted", "order": [["p3"], ["p1", "p4"]], "not_relevant": ["p2"],
    "unranked": ["p5"],
    "grades": {"p3": 3, "p1": 1}, "shown_order": ["p1", "p2", "p3", "p4", "p5"], "claims": [], "spans": [], "disagree": True,
    "note": "Mine.",
    "confidence": 0.5, "active_seconds": 12.0, "model_visible": "told", "model_version_id": None, "licence": "CC0-1.0", "trust": None,
    "consent_version": "2", "selection_probability": 0.25, "selection_reason": "audit", "selection_pool": 8,
}  # fmt: skip


def record(**changes: Any) -> JudgementRecord:
    """A judgement of five passages; `changes` that are names of fields go there."""
    fields = {**FIELDS, **{name: value for name, value in changes.items() if name in FIELDS}}
    texts = changes.pop("texts", {f"p{n}": (f"Title {n}", f"Text {n}.") for n in range(1, 6)})
    other = {name: value for name, value in changes.items() if name not in FIELDS}
    values: dict[str, Any] = {
        "id": "j1", "query": "Why, then?", "person": "pabc", "created": "2026-01-01T00:00:00+00:00", "counts": True, "holdout": False,
        "list_id": "l1", "task": "t1", "task_kind": "plain", "project": "x1",
        "text_hashes": {key: hashlib.sha256(text.encode()).hexdigest() for key, (_, text) in texts.items()},
    } | other  # fmt: skip
    return JudgementRecord(fields=fields, texts=texts, **values)


def call(**changes: Any) -> CallRecord:
    """A clean call over p1, p2, p3 that answered [2] > [3] > [1]."""
    prompt = json.dumps({"messages": [["system", "Rank."], ["user", "[1] a [2] b [3] c"]], "prefix": ""})
    values: dict[str, Any] = {
        "number": 1, "passages": ["p1", "p2", "p3"], "prompt": prompt, "reasoning": "The principle is in [2]. But [3] is near.",
        "answer": "<answer>[2] > [3] > [1]</answer>", "order": [1, 2, 0], "outcome": "clean", "template": "reasonrank",
    } | changes  # fmt: skip
    return CallRecord(**values)


def made(make: Any, records: list[JudgementRecord], **options: Any) -> tuple[bytes, Tally]:
    """Bytes of a format, and what it counted."""
    tally = Tally()
    return b"".join(make(tally.watched(records), Selection(**options), tally)), tally


def untar(data: bytes) -> dict[str, bytes]:
    """Files of a small tar by name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        files = ((member.name, opened.extractfile(member)) for member in opened if member.isfile())
        return {name: file.read() for name, file in files if file is not None}
