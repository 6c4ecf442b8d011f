"""Two evaluations beside each other, and several that differ in their seed alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from app.ranking.errors import InputError
from app.ranking.evaluation.board import prints, why_apart
from app.ranking.evaluation.bundles.compare import compare
from app.ranking.evaluation.bundles.comparison import PairRow
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.stability import Stability, stability
from app.services.result_view import figures, manifest_of, view
from db.models_loop import Evaluation

Json = dict[str, Any]
_MOST_CHANGED = 50
_MOST_RUNS = 8
_ALONE = "No other evaluation differs from this one in its seed or shuffle alone: start the same with another seed."
_DIFFERENCE = ("measure", "n", "mean", "low", "high", "p", "effect", "wins", "ties", "losses", "smallest", "more", "text")
_SEEDS, _SEEDED = ("seed", "shuffle"), ("strategy", "sampling")


def compared(a: tuple[Json, Bundle], b: tuple[Json, Bundle]) -> Json:
    """The change from a to b over the topics of both, with its causes. Each comes as (R, bundle).

    Raises InputError where the two have no measure in common.
    """
    (one, first), (other, second) = a, b
    measure = first.primary if first.primary in second.measures else next((m for m in first.measures if m in second.measures), "")
    if not measure:
        raise InputError("these two evaluations have no measure in common: evaluate one of them again with a measure of the other")
    found = compare(first, second, measure)
    n = (len(first.topics), len(second.topics))
    return {
        "a": one,
        "b": other,
        "measure": measure,
        "change": found.change,
        "same": found.same,
        "difference": {name: getattr(found.difference, name) for name in _DIFFERENCE} if found.difference else None,
        "causes": [asdict(cause) for cause in found.causes],
        "differs": [{"name": name, "a": _plain(mine), "b": _plain(theirs)} for name, mine, theirs in found.differs],
        "changed": [_changed(row) for row in found.worst(_MOST_CHANGED)],
        "only": [total - len(found.rows) for total in n],
        "notes": list(found.notes),
        "text": "; ".join(why_apart(prints(first.topics), prints(second.topics), n)),
    }


def _changed(row: PairRow) -> Json:
    return {
        "set": row.set, "topic": row.topic, "query": row.query, "a": row.first, "b": row.second, "change": row.change,
        "outcomes": list(row.outcomes), "causes": {name: amount for name, amount in row.moved.items() if amount},
    }  # fmt: skip


def _plain(value: Any) -> str:
    """A setting as one line of text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def steady(row: Evaluation, others: Sequence[Evaluation], open_: Callable[[Evaluation], Bundle]) -> Json:
    """How far evaluations agree that are made like `row` but for the seed or the shuffle; at most the newest few of them."""
    alike = [one for one in others if _made_like(one) == _made_like(row)]
    chosen = [row, *(one for one in alike if one.id != row.id)][:_MOST_RUNS]
    runs = [{"id": one.id, "label": _label(one)} for one in chosen]
    if len(chosen) < 2:
        return {
            "runs": runs,
            "stability": None,
            "why": _ALONE,
        }
    bundles = {one["id"]: open_(evaluation) for one, evaluation in zip(runs, chosen, strict=True)}
    measure = view(row)["measure"]
    orders = {id_: _orders(bundle) for id_, bundle in bundles.items()}
    values = {id_: bundle.values(measure) for id_, bundle in bundles.items() if measure in bundle.measures}
    return {"runs": runs, "stability": stability_view(stability(orders, values)), "why": ""}


def stability_view(found: Stability) -> Json:
    """Stability as plain values, its least stable topics first."""
    topics = sorted(found.topics, key=lambda one: one.rbo)[:_MOST_CHANGED]
    return {
        "p": found.p,
        "n": len(found.topics),
        "rbo": asdict(found.rbo),
        "tau": asdict(found.tau) if found.tau else None,
        "spread": asdict(found.spread) if found.spread else None,
        "same_first": found.same_first,
        "means": dict(found.means),
        "topics": [
            {
                "set": one.topic[0], "topic": one.topic[1], "rbo": one.rbo, "tau": one.tau, "firsts": one.firsts, "low": one.low,
                "high": one.high,
            }
            for one in topics
            if isinstance(one.topic, tuple)
        ],
    }  # fmt: skip


def _orders(bundle: Bundle) -> dict[tuple[str, str], list[str]]:
    """Passage ids best first, by (set, topic)."""
    sets = [str(one["name"]) for one in bundle.sets]
    return {(name, topic): [id_ for id_, _ in scored] for name in sets for topic, scored in bundle.run(name).items()}


def _made_like(row: Evaluation) -> Json:
    """All that makes an order but seeds and shuffles: judgements too, and the candidates as a set of topics."""
    manifest = manifest_of(row)
    seeded = {part: {name: value for name, value in (manifest.get(part) or {}).items() if name not in _SEEDS} for part in _SEEDED}
    return {
        **{name: manifest.get(name) for name in ("model", "profile", "thinking", "fusion", "depth", "limit", "passage_tokens")},
        **seeded,
        "topics": (figures(row).get("prints") or {}).get("topics"),
    }


def _label(row: Evaluation) -> str:
    seed = manifest_of(row).get("seed")
    return f"{row.name}, seed {seed}" if seed is not None else row.name
