"""A stored run as the page sees it: one JSON-ready dict, made from the database alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.claims import claims
from app.ranking.errors import RankingError
from app.ranking.evidence import SIGNALS, by_evidence
from app.ranking.prompts import template_for
from app.ranking.protocols import PromptTemplate
from app.ranking.sentences import Citation, sentences
from app.ranking.signals import matched_terms
from app.ranking.values import Claim, Passage
from db.models import Run, RunCall
from db.store.lists import Candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """Everything the database knows of a run."""

    run: Run
    candidates: Candidates
    calls: Sequence[RunCall]
    label: str


def run_view(stored: StoredRun) -> dict[str, Any]:
    """RUN of the HTTP interface, as /api/v1/openapi.json describes it."""
    run, candidates = stored.run, stored.candidates
    first_stage = [passage.id for passage in candidates.passages]
    tokens_in, tokens_out = sum(call.tokens_in for call in stored.calls), sum(call.tokens_out for call in stored.calls)
    return {
        "token": run.token,
        "state": run.state,
        "query": candidates.query,
        "model": run.model,
        "model_label": stored.label,
        "model_version": run.model_version_id,
        "strategy": run.strategy,
        "strategy_args": run.strategy_args,
        "depth": run.depth,
        "collection": candidates.collection_id,
        "created": run.created.isoformat(),
        "outcome": run.outcome,
        "error": run.error,
        "calls": len(stored.calls),
        "serial_depth": max((call.depth for call in stored.calls), default=0),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "counted": all(call.counted for call in stored.calls),
        "seconds": run.seconds,
        "requests": sum(0 if call.cached else call.requests for call in stored.calls),
        "forced": sum(1 for call in stored.calls if call.forced),
        "options": run.options,
        "predicted": run.predicted,
        "revision": run.revision,
        "unfused": run.unfused,
        "intervals": run.intervals,
        "template": run.template,
        "template_hash": run.template_hash,
        "notes": run.notes,
        "passages": [_passage(rank, passage, candidates.query) for rank, passage in enumerate(candidates.passages, start=1)],
        "order": run.order,
        "orders": {
            "first_stage": first_stage,
            "signals": [passage.id for passage in by_evidence(candidates.passages)],
            "model": run.order,
        },
        "windows": windows(stored),
    }


def windows(stored: StoredRun) -> list[dict[str, Any]]:
    """Calls of a run with claims and the sentences made of them."""
    by_id = {passage.id: passage for passage in stored.candidates.passages}
    template = _template(stored.run.template)
    return [_window(call, template, [by_id[i] for i in call.passages], stored.candidates.query) for call in stored.calls]


def _window(call: RunCall, template: PromptTemplate | None, shown: Sequence[Passage], query: str) -> dict[str, Any]:
    found = claims(template, call.reasoning, shown) if template else ()
    return {
        "window": call.window,
        "number": call.number,
        "depth": call.depth,
        "passages": call.passages,
        "reasoning": call.reasoning,
        "answer": call.answer,
        "outcome": call.outcome,
        "problems": call.problems,
        "order": call.order,
        "error": call.error,
        "finish": call.finish,
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "seconds": call.seconds,
        "requests": call.requests,
        "cached": call.cached,
        "forced": call.forced,
        "claims": [claim_view(claim) for claim in found],
        "sentences": sentences_view(template, call.reasoning, shown, query) if template else [],
    }


def sentences_view(template: PromptTemplate, reasoning: str, shown: Sequence[Passage], query: str) -> list[dict[str, Any]]:
    """Display text of a whole or begun trace: a pure rendering of its claims."""
    terms = {passage.id: matched_terms(query, passage) for passage in shown}
    return [
        {
            "claim": sentence.claim_id,
            "parts": [
                {"text": part} if isinstance(part, str) else {"cite": part.passage_id, "number": part.number} for part in sentence.parts
            ],
        }
        for sentence in sentences(template, reasoning, shown, terms)
    ]


def _part(part: str | Citation) -> dict[str, Any]:
    return {"text": part} if isinstance(part, str) else {"cite": part.passage_id, "number": part.number}


def claim_view(claim: Claim) -> dict[str, Any]:
    """A claim of a trace: `start` and `end` count code points of it."""
    return {
        "id": claim.id,
        "passages": list(claim.passage_ids),
        "start": claim.start,
        "end": claim.end,
        "polarity": claim.polarity,
        "grade": claim.grade,
    }


def _passage(rank: int, passage: Passage, query: str) -> dict[str, Any]:
    return {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "first_rank": rank,
        "score": passage.score,
        "features": {name: passage.features[name] for name in SIGNALS if name in passage.features},
        "terms": list(matched_terms(query, passage)),
    }


def _template(name: str) -> PromptTemplate | None:
    """The template of a stored run; None for untrained rankers and for profiles that are no longer there."""
    try:
        return template_for(name) if name else None
    except RankingError:
        return None
