"""A ranked topic as one line of JSON: everything that is needed to say how its order came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.cli.rank_inputs import LeftOut
from app.cli.rank_model import Way
from app.ranking.batch import Ranked
from app.ranking.options import Options, strategy_args
from app.ranking.prompts import prompt_hash, template_hash
from app.ranking.values import Call, Ranking

SCHEMA = "reasonrank-trace-1"


def how(way: Way) -> dict[str, Any]:
    """What is the same for every topic: model, revision, profile, strategy, thinking, fusion, sampling."""
    ranker = way.ranker
    if ranker is None:
        return {"model": way.name}
    return {
        "model": way.name,
        "revision": ranker.backend.revision,
        "template": ranker.template.name,
        "template_hash": template_hash(ranker.template),
        "strategy": ranker.strategy.name,
        "strategy_args": strategy_args(ranker.strategy),
        "options": Options(strategy=ranker.strategy, thinking=ranker.thinking, fusion=ranker.fusion).plain,
        "sampling": asdict(ranker.effective_sampling),
    }


def trace(ranked: Ranked, made: Mapping[str, Any], left_out: LeftOut) -> dict[str, Any]:
    """One topic. A topic that could not be ranked has its first-stage order, outcome `error` and the reason."""
    ranking = ranked_or_kept(ranked)
    return {
        "schema": SCHEMA,
        "topic": ranked.topic.id,
        "query": ranked.topic.query,
        "order": list(ranking.ids),
        "first_stage": [passage.id for passage in ranked.topic.passages],
        "outcome": ranking.outcome,
        "notes": list(ranking.notes),
        "error": ranked.error,
        "seconds": round(ranking.seconds, 3),
        "unfused": list(ranking.unfused) if ranking.unfused is not None else None,
        "intervals": {id_: list(interval) for id_, interval in ranking.intervals.items()},
        "left_out": {"missing": list(left_out.missing), "excluded": list(left_out.excluded)},
        **made,
        "calls": [_call(call) for call in ranking.calls],
    }


def line(value: Mapping[str, Any]) -> bytes:
    """A line of a JSON lines file, in ASCII: text of models may hold what UTF-8 can't."""
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def ranked_or_kept(ranked: Ranked) -> Ranking:
    """The ranking, or the first stage's order with outcome `error` where there is none."""
    if ranked.ranking is not None:
        return ranked.ranking
    return Ranking(query=ranked.topic.query, passages=ranked.topic.passages, outcome="error")


def _call(call: Call) -> dict[str, Any]:
    done = call.completion
    return {
        "window": call.window.id,
        "depth": call.depth,
        "passages": [passage.id for passage in call.window.passages],
        "prompt_hash": prompt_hash(call.prompt),
        "reasoning": done.reasoning,
        "answer": done.answer,
        "finish": done.finish,
        "outcome": call.parsed.outcome,
        "problems": sorted(call.parsed.problems),
        "order": list(call.parsed.order),
        "tokens_in": done.tokens_in,
        "tokens_out": done.tokens_out,
        "counted": done.counted,
        "seconds": round(done.seconds, 3),
        "requests": done.requests,
        "cached": done.cached,
        "forced": asdict(done.forced) if done.forced else None,
        "error": call.error,
    }
