"""What exports are made of: judgements and runs with everything they refer to, free of the database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.holdout import normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRecord:
    """One version of one person's judgement. `texts` are the passages as they were shown, by id: (title, text).

    `counts` marks the person's newest submitted version, the only one that qrels and training use. `holdout` queries are for
    evaluation only.
    """

    id: str
    query: str
    person: str
    created: str
    counts: bool
    holdout: bool
    fields: Mapping[str, Any]
    texts: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run: passage ids, best first. `outcome` is the worst of its calls'."""

    query: str
    model: str
    order: Sequence[str]
    outcome: str = "clean"


def query_id(query: str) -> str:
    """A short id of a query's text, the same in every export: q and 12 hex digits of the sha256 of the normalised text."""
    return "q" + hashlib.sha256(normalised(query).encode()).hexdigest()[:12]
