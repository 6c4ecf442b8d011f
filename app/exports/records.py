"""What exports are made of: judgements and runs with everything they refer to, free of the database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.ranking.holdout import normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One model call of the run that a judgement is about. `prompt` is the stored prompt, canonical JSON of messages and prefix.

    `passages` are ids in the order of the prompt, `order` 0-based positions in it, best first.
    """

    number: int
    passages: Sequence[str]
    prompt: str
    reasoning: str
    answer: str
    order: Sequence[int]
    outcome: str
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjudicated:
    """What a reviewer decided for the task of a judgement, the newest version as of the export."""

    task: str
    grades: Mapping[str, int]
    not_relevant: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRecord:
    """One version of one person's judgement. `texts` are the passages in first-stage order, by id: (title, text).

    `counts` marks the person's newest submitted version, the only one that qrels and training use. `holdout` queries are for
    evaluation only. `person` is a pseudonym. `text_hashes` are sha256 of the texts, by id, there even where `texts` are left empty.
    """

    id: str
    query: str
    person: str
    created: str
    counts: bool
    holdout: bool
    fields: Mapping[str, Any]
    texts: Mapping[str, tuple[str, str]]
    text_hashes: Mapping[str, str] = field(default_factory=dict)
    list_id: str = ""
    collection: str | None = None
    project: str | None = None
    task: str | None = None
    task_kind: str | None = None
    guideline_version: int | None = None
    adjudicated: Adjudicated | None = None
    calls: Sequence[CallRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run: passage ids, best first. `outcome` is the worst of its calls'."""

    query: str
    model: str
    order: Sequence[str]
    outcome: str = "clean"


@lru_cache(maxsize=4096)
def query_id(query: str) -> str:
    """A short id of a query's text, the same in every export: q and 12 hex digits of the sha256 of the normalised text."""
    return "q" + hashlib.sha256(normalised(query).encode()).hexdigest()[:12]
