"""A small bundle as an evaluation would write it: two sets, six topics, twelve passages each, two calls a topic with their traces.

`made(folder)` writes one and opens it. The same arguments make the same bytes; another `luck` makes another order of most topics.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.ranking.evaluation import metrics
from app.ranking.evaluation.bundles.hashing import grades_hash, ids_hash
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import CallRow, Header, SetFiles, TopicRow
from app.ranking.evaluation.bundles.write import BundleWriter
from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.cards import BASIC, NONE, Plan, plan_words

SETS = {"biology": ("Biology", False, ("b1", "b2", "b3", "b4")), "law": ("Law", True, ("l1", "l2"))}
QUERIES = {
    "b1": "why do leaves turn red before they fall",
    "b2": "how does a cell know where its middle is",
    "b3": "do fish feel thirst in salt water",
    "b4": "what stops a scar from growing hair <b>again</b>",
    "l1": "may a landlord enter without notice",
    "l2": "is a verbal contract binding",
}
MEASURES = ("nDCG@10", "R@100", "RR@10")
PASSAGES, WINDOW, DEPTHS = 12, 8, (10, 20, 30, 40, 50, 75, 100)


def made(folder: Path, *, name: str = "reasoned", luck: int = 0, nano: bool = True, **changed: Any) -> Bundle:
    """A bundle in `folder`. `nano` writes traces in the embedded model's grammar, else in free text; `changed` are fields of the header."""
    with BundleWriter(folder, header(name, nano=nano, **changed)) as writer:
        for set_, (title, in_source, topics) in SETS.items():
            _write_set(writer, (set_, title, in_source), topics, (luck, nano))
    return Bundle.open(folder)


def header(name: str, *, nano: bool = True, **changed: Any) -> Header:
    """How the bundle says it was made."""
    fields: dict[str, Any] = {
        "name": name,
        "suite": "small",
        "made": {"date": "2026-11-01T12:00:00+00:00", "commit": "0" * 40, "python": "3.11.7", "packages": {"numpy": "2.3.5"}},
        "model": {"name": "nano" if nano else "free", "revision": "r1", "engine": {}},
        "profile": {"name": "nano" if nano else "reasonrank", "hash": "0123456789abcdef"},
        "strategy": {"name": "sliding", "size": WINDOW, "step": 4, "passes": 1},
        "thinking": {"mode": "profile"},
        "sampling": {"temperature": 0.0, "max_tokens": 3172},
        "depth": PASSAGES,
        "passage_tokens": 512,
        "seed": 0,
        "measures": MEASURES,
    }
    return Header(**{**fields, **changed})


def ids_of(topic: str) -> list[str]:
    """The candidates of a topic in first-stage order."""
    return [f"{topic}-p{number}" for number in range(1, PASSAGES + 1)]


def grades_of(topic: str) -> dict[str, int]:
    """Three relevant passages, somewhere in the list, and two judged as not relevant."""
    drawn = random.Random(f"grades {topic}").sample(ids_of(topic), 5)
    return dict(zip(drawn, (2, 1, 1, 0, 0), strict=True))


def _order(topic: str, luck: int) -> list[str]:
    """Better than the first stage, not perfect; another luck orders otherwise."""
    dice, grades = random.Random(f"order {topic} {luck}"), grades_of(topic)
    return sorted(ids_of(topic), key=lambda id_: -(grades.get(id_, 0) + 1.5 * dice.random()))


def _write_set(writer: BundleWriter, about: tuple[str, str, bool], topics: Sequence[str], how: tuple[int, bool]) -> None:
    set_, title, in_source = about
    luck, nano = how
    orders = {topic: _order(topic, luck) for topic in topics}
    ceilings = {topic: {str(depth): _ceiling(topic, depth) for depth in DEPTHS} for topic in topics}
    files = SetFiles(
        name=set_,
        title=title,
        in_source=in_source,
        qrels={topic: grades_of(topic) for topic in topics},
        first={topic: tuple((id_, float(PASSAGES - at)) for at, id_ in enumerate(ids_of(topic))) for topic in topics},
        run={topic: tuple((id_, float(PASSAGES - at)) for at, id_ in enumerate(ids)) for topic, ids in orders.items()},
        headroom={str(depth): sum(ceilings[topic][str(depth)] for topic in topics) / len(topics) for depth in DEPTHS},
        hashes={"qrels": "1" * 64, "run": "2" * 64, "topics": "3" * 64},
    )
    writer.add_set(files)
    for topic in topics:
        calls = [_call((set_, topic), number, orders[topic], nano) for number in (1, 2)]
        for call in calls:
            writer.add_call(call)
        writer.add_topic(_row((set_, topic), orders[topic], calls, ceilings[topic]))


def _row(key: tuple[str, str], order: Sequence[str], calls: Sequence[CallRow], ceiling: Mapping[str, float]) -> TopicRow:
    set_, topic = key
    outcomes = {outcome: sum(call.outcome == outcome for call in calls) for outcome in sorted({call.outcome for call in calls})}
    return TopicRow(
        set=set_,
        topic=topic,
        query=QUERIES[topic],
        domain=set_,
        values=_values(order, topic),
        first=_values(ids_of(topic), topic),
        ceiling=ceiling,
        candidates=PASSAGES,
        candidates_hash=ids_hash(ids_of(topic)),
        texts_hash=ids_hash([topic]),
        texts_words=PASSAGES * 40,
        qrels_hash=grades_hash(grades_of(topic)),
        relevant=3,
        order_hash=ids_hash(order),
        outcome="truncated" if "truncated" in outcomes else "clean",
        outcomes=outcomes,
        calls=len(calls),
        requests=len(calls),
        depth=len(calls),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        seconds=sum(call.seconds for call in calls),
    )


def _call(key: tuple[str, str], number: int, order: Sequence[str], nano: bool) -> CallRow:
    set_, topic = key
    shown = tuple(ids_of(topic)[PASSAGES - WINDOW :] if number == 1 else ids_of(topic)[:WINDOW])
    best = tuple(id_ for id_ in order if id_ in shown)
    cut = topic == "l2" and number == 2  # one trace that ran into its limit
    reasoning = _nano_trace(shown, best) if nano else _free_trace(shown, best)
    return CallRow(
        set=set_,
        topic=topic,
        number=number,
        depth=number,
        shown=shown,
        prompt_hash=f"{number:x}{topic}".ljust(64, "0"),
        prompt_words=120 + 40 * len(shown),
        texts_hash=ids_hash(shown),
        text_words=40 * len(shown),
        outcome="truncated" if cut else "clean",
        problems=("cut",) if cut else (),
        finish="length" if cut else "stop",
        tokens_in=500 + number,
        tokens_out=90 if nano else 240,
        seconds=1.5 + number / 4,
        order=shown if cut else best,
        reasoning=reasoning[: len(reasoning) // 2] if cut else reasoning,
        answer="" if cut else "<answer> " + " > ".join(f"[{shown.index(id_) + 1}]" for id_ in best) + " </answer>",
    )


def _nano_trace(shown: Sequence[str], best: Sequence[str]) -> str:
    said = [*plan_words(Plan(first=SIGNALS[0], then=SIGNALS[1]))]
    for number, id_ in enumerate(shown, start=1):
        grade = 45 - 5 * best.index(id_)
        said += [f"[{number}]", f"g{grade:02d}", f"+{SIGNALS[number % 4]}", f"-{BASIC[number % 4] if grade < 25 else NONE}"]
    return " ".join(said)


def _free_trace(shown: Sequence[str], best: Sequence[str]) -> str:
    first, second, last = (shown.index(best[at]) + 1 for at in (0, 1, -1))
    return (
        f"The question asks for a cause. Passage [{first}] answers it directly. Passage [{second}] is helpful and gives evidence.\n"
        f"Passage [{last}] is irrelevant to the question."
    )


def _values(order: Sequence[str], topic: str) -> dict[str, float]:
    return {name: metrics.measure(name)(order, grades_of(topic)) for name in MEASURES}


def _ceiling(topic: str, depth: int) -> float:
    shown = ids_of(topic)[:depth]
    return metrics.ndcg(sorted(shown, key=lambda id_: -grades_of(topic).get(id_, 0)), grades_of(topic))
