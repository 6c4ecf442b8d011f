"""One item as one training example: the list as it was shown, the labels that count, the order to learn and the trace that leads to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.ranking.claims import claims
from app.ranking.errors import RankingError
from app.ranking.holdout import normalised
from app.ranking.kemeny import central_order
from app.ranking.prompts import template_for
from app.ranking.values import Passage
from db.store.texts import storable, text_hash
from training.synthesis.values import Item, Opinion

from .values import Stage

_PARTS = 1 << 64


def line(value: Mapping[str, Any]) -> bytes:
    """One JSON line: keys in their given order, UTF-8, what no text can hold replaced. The same value gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def example(item: Item, stages: Mapping[str, float]) -> dict[str, Any]:
    """An item that has passed the filters as the JSON of an example. It needs a sample, or people's order."""
    shown, order, order_by, trace = target(item)
    by_id = {passage.id: passage for passage in item.passages}
    listed = [by_id[one] for one in shown]
    made: dict[str, Any] = {
        "id": "",
        "query": storable(item.query),
        "passages": [_passage(passage, item.origins.get(passage.id, "given")) for passage in listed],
        "grades": {one: item.grades[one] for one in shown if one in item.grades},
        "labelled_by": item.labelled_by,
        "order": list(order),
        "order_by": order_by,
        "trace": storable(trace),
        "template": item.template,
        "claims": _claims(item.template, trace, listed),
        "source": item.source,
        "domain": item.domain,
        "licence": item.licence,
        "trust": item.trust,
        "split": stage_of(item.query, stages),
    }
    made["id"] = example_id(made)
    return made


def example_id(made: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the sha256 of what is learned: query, passages, order, trace and grades."""
    passages = [[one["id"], one["title"], one["text"]] for one in made["passages"]]
    parts = [made["query"], passages, made["order"], made["trace"], dict(sorted(made["grades"].items()))]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")).hexdigest()[:16]


def has_target(item: Item) -> bool:
    """Whether there is an order to learn."""
    return bool(item.samples) or bool(_people(item))


def target(item: Item) -> tuple[tuple[str, ...], tuple[str, ...], str, str]:
    """(shown, order, "teacher" or "people", trace): ids as they were shown, ids best first, whose order it is, and why.

    People's order counts where their labels do. A trace is kept only where it leads to the order: people who ranked otherwise than the
    teacher leave none.
    """
    best, people = item.best, _people(item)
    shown = best.shown if best else tuple(passage.id for passage in item.passages)
    teachers = best.order if best else shown
    trace = best.reasoning if best else ""
    if not people:
        return shown, teachers, "teacher", trace
    order = people_order(people, teachers)
    return shown, order, "people", trace if best and order == teachers else ""


def people_order(opinions: Sequence[Opinion], base: Sequence[str]) -> tuple[str, ...]:
    """The order of the most trusted people over all of `base`: one person's own, the central order of several.

    Each ranks what they placed, then comes what they said nothing of, then what is not relevant; ties keep the order of `base`.
    """
    most = max(opinion.trust for opinion in opinions)
    number = {one: place for place, one in enumerate(base)}
    orders = [tuple(number[one] for one in _corrected(opinion, base)) for opinion in opinions if opinion.trust == most]
    return tuple(base[place] for place in (orders[0] if len(orders) == 1 else central_order(orders)))


def stage_of(query: str, stages: Mapping[str, float]) -> Stage:
    """The stage that a query belongs to, by a hash of its normalised text: another item of the same query can't fall into another stage."""
    digest = hashlib.sha256(f"stage {normalised(query)}".encode("utf-8", "replace")).digest()
    share, total = int.from_bytes(digest[:8], "big") / _PARTS, sum(stages.values())
    return "sft" if share * total < stages.get("sft", 0.0) else "rl"


def _people(item: Item) -> tuple[Opinion, ...]:
    """Opinions with an order, where people's labels count."""
    return tuple(one for one in item.opinions if one.order) if item.labelled_by == "people" else ()


def _corrected(opinion: Opinion, base: Sequence[str]) -> list[str]:
    group = {one: place for place, ids in enumerate(opinion.order) for one in ids}
    rejected, behind = set(opinion.not_relevant), len(opinion.order)
    return sorted(base, key=lambda one: group[one] if one in group else behind + (one in rejected))


def _passage(passage: Passage, origin: str) -> dict[str, Any]:
    return {
        "id": passage.id, "text": text_hash(storable(passage.text)), "title": storable(passage.title), "score": passage.score,
        "features": dict(sorted(passage.features.items())), "origin": origin,
    }  # fmt: skip


def _claims(template: str, trace: str, shown: Sequence[Passage]) -> list[dict[str, Any]]:
    try:
        found = claims(template_for(template), trace, shown) if template and trace else ()
    except RankingError:
        return []  # a profile of the source's own, which is not here: the trace can be learned all the same
    return [
        {
            "id": one.id, "passage_ids": list(one.passage_ids), "start": one.start, "end": one.end, "polarity": one.polarity,
            "grade": one.grade,
        }
        for one in found
    ]  # fmt: skip
