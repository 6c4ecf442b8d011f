"""The topics of an evaluation: sorted for a page, and one whole with candidates, both orders and every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.ranking.claims import claims
from app.ranking.errors import NotFound, RankingError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import CallRow, TopicRow
from app.ranking.prompts import template_for
from app.ranking.protocols import PromptTemplate
from app.ranking.values import Passage
from app.services.run_view import claim_view, sentences_view

Json = dict[str, Any]
Sort = Literal["loss", "gain", "first", "room", "value", "name"]
Texts = Callable[[str, Sequence[str]], Mapping[str, Passage]]
"""(set, passage ids) -> those of them whose texts this machine has."""
_MOST_TRACE = 200_000  # characters of one trace or answer that a page is given
_UNKNOWN = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which topics are asked for: of the set or domain `within` ("" for all), sorted, `limit` of them behind the first `after`."""

    within: str = ""
    sort: str = "loss"
    after: int = 0
    limit: int = 50


def topics_view(bundle: Bundle, page: Page) -> Json:
    """{"topics", "more", "total"} of a page."""
    measure = bundle.primary
    rows = [row for row in bundle.topics if page.within in ("", row.set, row.domain)]
    rows.sort(key=_order(page.sort, measure))
    found = rows[page.after : page.after + page.limit]
    return {
        "topics": [topic_view(row, measure) for row in found],
        "more": page.after + len(found) < len(rows),
        "total": len(rows),
    }


def topic_view(row: TopicRow, measure: str) -> Json:
    """A topic in a list, values of one measure."""
    value, first = row.values.get(measure), row.first.get(measure)
    plain = {name: getattr(row, name) for name in ("set", "topic", "query", "domain", "outcome", "calls", "seconds", "relevant", "missing")}
    return {
        **plain,
        "value": value,
        "first": first,
        "gain": value - first if value is not None and first is not None else None,
        "ceiling": _ceiling(row, measure),
        "ceilings": dict(row.ceiling),
        "outcomes": dict(row.outcomes),
        "tokens": row.tokens_in + row.tokens_out,
        "depth": row.depth,
        "tied": row.tied,
        "candidates": row.candidates,
        "error": row.error,
    }


def whole_topic(bundle: Bundle, key: tuple[str, str], texts: Texts) -> Json:
    """One topic with its candidates in the first stage's order, both orders, grades, and calls. Raises NotFound."""
    row = bundle.by_key.get(key)
    if row is None:
        raise NotFound("this evaluation has no such topic: choose one of its list")
    set_name, topic = key
    first = _ids(bundle.first(set_name).get(topic, ()), row.candidates)
    reached = _ids(bundle.run(set_name).get(topic, ()), 0)
    calls = list(bundle.calls(set_name, topic))
    grades = bundle.qrels(set_name).get(topic, {})
    listed = list(dict.fromkeys((*first, *reached)))
    found = texts(set_name, list(dict.fromkeys((*listed, *(id_ for call in calls for id_ in call.shown)))))
    rank = {id_: number for number, id_ in enumerate(first, start=1)}
    template = _template(str((bundle.manifest.get("profile") or {}).get("name") or ""))
    return {
        **topic_view(row, bundle.primary),
        "passages": [_passage(id_, found.get(id_), rank.get(id_), grades.get(id_)) for id_ in listed],
        "known": len(found),
        "unlisted": _unlisted(grades, listed),
        "orders": {"first": first, "reached": reached},
        "windows": [_window(call, template, found, row.query) for call in calls],
    }


def _ids(scored: Sequence[tuple[str, float]], most: int) -> list[str]:
    """Passage ids best first, at most so many (0 for all). The file's own order: its maker wrote it best first."""
    ids = [id_ for id_, _ in scored]
    return ids[:most] if most else ids


def _unlisted(grades: Mapping[str, int], listed: Sequence[str]) -> int:
    """Relevant passages that the first stage did not find: no reranker can put them first."""
    there = set(listed)
    return sum(grade > 0 and id_ not in there for id_, grade in grades.items())


def _passage(id_: str, passage: Passage | None, rank: int | None, grade: int | None) -> Json:
    title, text = (passage.title, passage.text) if passage is not None else ("", "")
    return {"id": id_, "title": title, "text": text, "first_rank": rank, "grade": grade}


def _window(call: CallRow, template: PromptTemplate | None, texts: Mapping[str, Passage], query: str) -> Json:
    """A call as the trace of a run has it. Citations need the passages: where their texts are not known their ids do."""
    shown = [texts.get(id_) or Passage(id=id_, text="") for id_ in call.shown]
    reasoning = call.reasoning[:_MOST_TRACE]
    found = claims(template, reasoning, shown) if template and shown else ()
    plain = {
        name: getattr(call, name)
        for name in ("number", "depth", "outcome", "finish", "tokens_in", "tokens_out", "seconds", "requests", "error")
    }
    return {
        **plain,
        "window": str(call.number),
        "passages": list(call.shown),
        "reasoning": reasoning,
        "answer": call.answer[:_MOST_TRACE],
        "problems": list(call.problems),
        "order": list(call.order),
        "cached": False,
        "forced": None,
        "claims": [claim_view(claim) for claim in found],
        "sentences": sentences_view(template, reasoning, shown, query) if template and shown else [],
    }


def _template(name: str) -> PromptTemplate | None:
    """The profile of the bundle; None where there is none, or this machine doesn't have it."""
    try:
        return template_for(name) if name else None
    except RankingError:
        return None


def _ceiling(row: TopicRow, measure: str) -> float | None:
    """A perfect reranking of the deepest list that was measured; it is known of nDCG@10 alone."""
    if not row.ceiling or measure != "nDCG@10":
        return None
    return row.ceiling[max(row.ceiling, key=int)]


def _order(sort: str, measure: str) -> Callable[[TopicRow], tuple[float, str, str]]:
    """What topics are sorted by; those of which it isn't known come last, and of equal ones the name decides."""

    def by(row: TopicRow) -> float:
        value, first, most = row.values.get(measure, 0.0), row.first.get(measure), _ceiling(row, measure)
        gain = value - first if first is not None else None
        found = {
            "loss": gain, "gain": -gain if gain is not None else None, "first": first, "value": value,
            "room": value - most if most is not None else None, "name": 0.0,
        }[sort]  # fmt: skip
        return _UNKNOWN if found is None else found

    return lambda row: (by(row), row.set, row.topic)
