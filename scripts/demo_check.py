"""Checks of the demo collection that a test runs, and a reading list: `python -m scripts.demo_check [--scores]`.

Every check returns sentences about what is wrong, none if all is well. `zeros` draws pairs graded 0 for a person to read, `--scores` adds
what BM25, MiniLM and their fusion make of the candidates.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from app.ranking.cache import Cache
from app.ranking.evaluation.agreement import cohen_kappa
from app.ranking.evaluation.metrics import as_run, per_topic
from app.ranking.evaluation.significance import Interval, bootstrap
from app.ranking.evidence import by_evidence
from app.ranking.retrieval.demo import VECTORS, Demo, load_demo
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.retrieval.hybrid import fuse
from app.ranking.retrieval.index import SearchIndex
from app.ranking.values import Passage

SPLIT_SIZES = {"train": 48, "dev": 24, "sealed": 48}
_TELLING = re.compile(
    r"\b(relevant|irrelevant|gold (answer|passage|label)|distractors?|near[ -]?miss|positive example|hard negatives?|grade \d)\b",
    re.IGNORECASE,
)
_OPAQUE = re.compile(r"[a-z]?[0-9a-f]{6,32}")
# Mean correlation of place and grade over all queries that chance makes less than once in ten thousand: 4 / sqrt(19 * 120).
_CORRELATION = 0.085
_SHINGLE = 5
_NEAR_DUPLICATE = 0.2
_LEAST_KAPPA = 0.4


def problems(demo: Demo) -> list[str]:
    """All that is wrong with the collection."""
    return [f"{check.__name__.strip('_')}: {text}" for check in CHECKS for text in check(demo)]


def _passages(demo: Demo) -> Iterator[str]:
    if len(demo.collection) < 360:
        yield f"{len(demo.collection)} passages, at least 360 are needed"
    for passage in demo.collection.passages:
        words = len(passage.text.split())
        if not 60 <= words <= 150:
            yield f"{passage.id} has {words} words, 60-150 are wanted"
    injected = sum(bool(data.get("injected")) for data in demo.passages.values())
    if injected < 3:
        yield f"{injected} passages carry injected instructions, at least 3 are needed"


def _topics(demo: Demo) -> Iterator[str]:
    topics = {str(data.get("topic")) for data in demo.passages.values()}
    if len(topics) != 6 or "None" in topics:
        yield f"topics are {sorted(topics)}, six are needed"
    for query in demo.queries:
        if query.metadata.get("topic") not in topics:
            yield f"query {query.id} has the unknown topic {query.metadata.get('topic')!r}"
        if not query.metadata.get("answer"):
            yield f"query {query.id} has no gold answer"


def _candidates(demo: Demo) -> Iterator[str]:
    if len(demo.queries) < 120:
        yield f"{len(demo.queries)} queries, at least 120 are needed"
    if set(demo.candidates) != {query.id for query in demo.queries}:
        yield "queries and lists of candidates differ"
    for query, listed in demo.candidates.items():
        if len(listed) != 20 or len(set(listed)) != 20:
            yield f"query {query} has {len(listed)} candidates, {len(set(listed))} different: 20 are needed"
        if not set(listed) <= set(demo.collection.by_id):
            yield f"query {query} lists passages that do not exist"


def _grades(demo: Demo) -> Iterator[str]:
    for query, grades in demo.grades.items():
        if set(grades) != set(demo.candidates.get(query, ())):
            yield f"query {query}: graded passages are not its candidates"
        count = Counter(grades.values())
        near = count[1] + count[2]
        if not (1 <= count[3] <= 3 and 4 <= near <= 6 and set(count) <= {0, 1, 2, 3}):
            yield f"query {query} has {count[3]} passages of grade 3 and {near} of 1-2: 1-3 and 4-6 are wanted"
        for passage, grade in grades.items():
            if grade and not demo.rationales.get((query, passage), "").strip():
                yield f"query {query}: passage {passage} of grade {grade} has no rationale"


def _splits(demo: Demo) -> Iterator[str]:
    sizes = {split: len(grades) for split, grades in demo.qrels.items()}
    if sizes != SPLIT_SIZES:
        yield f"splits are {sizes}, wanted are {SPLIT_SIZES}"
    if sum(sizes.values()) != len(demo.grades):
        yield "a query is in two splits"
    where: dict[str, Counter[str]] = {}
    for query in demo.queries:
        split = query.metadata.get("split", "")
        where.setdefault(query.metadata.get("topic", ""), Counter())[split] += 1
        if query.id not in demo.qrels.get(split, {}):
            yield f"query {query.id} says split {split!r} but is not in those qrels"
    if not any(set(splits) == {"sealed"} for splits in where.values()):
        yield "no topic is sealed as a whole"
    if sum("sealed" in splits for splits in where.values()) < 2:
        yield "only one topic has sealed queries"


def _duplicates(demo: Demo) -> Iterator[str]:
    texts = {passage.id: passage.text for passage in demo.collection.passages}
    for kind, items in (("passages", texts), ("queries", {query.id: query.text for query in demo.queries})):
        for first, second, share in _near_duplicates(items):
            yield f"{kind} {first} and {second} share {100 * share:.0f} % of their runs of {_SHINGLE} words"


def _near_duplicates(texts: Mapping[str, str]) -> Iterator[tuple[str, str, float]]:
    """Pairs with more than _NEAR_DUPLICATE of common word runs (of the shorter text), equal texts included."""
    holders: dict[tuple[str, ...], list[str]] = {}
    runs = {}
    for id_, text in texts.items():
        words = re.findall(r"\w+", text.lower())
        runs[id_] = {tuple(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))}
        for run in runs[id_]:
            holders.setdefault(run, []).append(id_)
    common = Counter(pair for ids in holders.values() for pair in combinations(ids, 2))
    for (first, second), count in common.items():
        share = count / min(len(runs[first]), len(runs[second]))
        if share > _NEAR_DUPLICATE:
            yield first, second, share


def _leaks(demo: Demo) -> Iterator[str]:
    """Whether anything but the text tells the grade: titles, the form of ids, the places of ids, files and lists, the length."""
    for passage in demo.collection.passages:
        if _TELLING.search(passage.title):
            yield f"title {passage.title!r} of {passage.id} speaks of labels"
        if not _OPAQUE.fullmatch(passage.id):
            yield f"passage id {passage.id!r} is not opaque"
    for query in demo.queries:
        if not _OPAQUE.fullmatch(query.id):
            yield f"query id {query.id!r} is not opaque"
    place = {passage.id: float(number) for number, passage in enumerate(demo.collection.passages)}
    by_id = {id_: float(number) for number, id_ in enumerate(sorted(place))}
    tells = {
        "place in the corpus": mean_correlation(demo, lambda _, id_: place[id_]),
        "id": mean_correlation(demo, lambda _, id_: by_id[id_]),
        "place in the list of candidates": mean_correlation(demo, lambda query, id_: float(demo.candidates[query].index(id_))),
    }
    for name, found in tells.items():
        if abs(found) > _CORRELATION:
            yield f"{name} correlates with the grade: {found:+.3f}"


def _second(demo: Demo) -> Iterator[str]:
    if len(demo.second) < 40:
        yield f"{len(demo.second)} queries are labelled twice, at least 40 are needed"
    if not set(demo.second) <= set(demo.grades):
        yield "second labels speak of queries that do not exist"
    elif any(set(grades) != set(demo.grades[query]) for query, grades in demo.second.items()):
        yield "second labels do not cover the candidates of their queries"
    elif demo.second and second_kappa(demo) < _LEAST_KAPPA:
        yield f"the two passes agree too little: quadratic kappa {second_kappa(demo):.3f}"


CHECKS: tuple[Callable[[Demo], Iterator[str]], ...] = (_passages, _topics, _candidates, _grades, _splits, _duplicates, _leaks, _second)


def second_kappa(demo: Demo) -> float:
    """Quadratic weighted kappa of the two passes over all pairs that both graded."""
    pairs = [(demo.grades[query][id_], grade) for query, grades in demo.second.items() for id_, grade in grades.items()]
    return cohen_kappa([first for first, _ in pairs], [second for _, second in pairs], "quadratic")


def mean_correlation(demo: Demo, value: Callable[[str, str], float]) -> float:
    """Mean over queries of the correlation (Pearson, of ranks) between `value(query, passage)` and the grade."""
    found = []
    for query, grades in demo.grades.items():
        ids = [id_ for id_ in grades if id_ in demo.collection.by_id and id_ in demo.candidates.get(query, ())]
        if len(set(grades.values())) > 1 and len(ids) > 1:
            found.append(_pearson(_ranks([value(query, id_) for id_ in ids]), _ranks([float(grades[id_]) for id_ in ids])))
    return sum(found) / len(found) if found else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0, equal values sharing their mean rank."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def _pearson(first: Sequence[float], second: Sequence[float]) -> float:
    a, b = sum(first) / len(first), sum(second) / len(second)
    spread = (sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second)) ** 0.5
    return sum((x - a) * (y - b) for x, y in zip(first, second, strict=True)) / spread if spread else 0.0


def zeros(demo: Demo, n: int = 30, seed: int = 0) -> list[tuple[str, str]]:
    """A seeded sample of (query, passage) pairs graded 0, to be read by a person looking for missed positives."""
    pairs = sorted((query, id_) for query, grades in demo.grades.items() for id_, grade in grades.items() if grade == 0)
    return random.Random(seed).sample(pairs, min(n, len(pairs)))


def scores(demo: Demo) -> dict[str, Interval]:
    """NDCG@10 of the 20 candidates by first-stage rankers and by the untrained evidence sum; loads the embedding model."""
    index = _index(demo)
    orders: dict[str, dict[str, list[str]]] = {}
    for query in demo.queries:
        listed = index.signals.annotate(query.text, demo.listed(query.id))
        words, meaning = _by_feature(listed, "bm25"), _by_feature(listed, "cosine")
        ranked = {"bm25": words, "minilm": meaning, "rrf": fuse([words, meaning], len(listed)), "signals": by_evidence(listed)}
        for name, passages in ranked.items():
            orders.setdefault(name, {})[query.id] = [passage.id for passage in passages]
    return {name: bootstrap(list(per_topic("nDCG@10", demo.grades, as_run(order)).values())) for name, order in orders.items()}


def _by_feature(passages: Sequence[Passage], name: str) -> list[Passage]:
    return sorted(passages, key=lambda passage: (-passage.features[name], passage.id))


def _index(demo: Demo) -> SearchIndex:
    with TemporaryDirectory() as folder:
        return SearchIndex.open(demo.collection, Cache(Path(folder)), default_embedder(), committed=VECTORS)


def report(demo: Demo) -> Iterator[str]:
    """What is to be known of the collection, in lines."""
    yield f"{len(demo.collection)} passages, {len(demo.queries)} queries, splits { ({split: len(q) for split, q in demo.qrels.items()}) }"
    yield f"grades {dict(sorted(Counter(grade for grades in demo.grades.values() for grade in grades.values()).items()))}"
    words = mean_correlation(demo, lambda _, id_: float(len(demo.collection.by_id[id_].text)))
    yield f"mean rank correlation of length and grade {words:+.3f}"
    if demo.second:
        yield f"second labels: {len(demo.second)} queries, quadratic kappa {second_kappa(demo):.3f}"
    for text in problems(demo):
        yield f"WRONG {text}"
    yield "Pairs graded 0, to be read:"
    texts = {query.id: query.text for query in demo.queries}
    for query, id_ in zeros(demo):
        passage = demo.collection.by_id[id_]
        yield f"- {query} | {texts[query]}\n  {id_} | {passage.title}: {passage.text}"


if __name__ == "__main__":
    loaded = load_demo()
    for line in report(loaded):
        sys.stdout.write(line + "\n")
    if "--scores" in sys.argv:
        for ranker, interval in scores(loaded).items():
            sys.stdout.write(f"NDCG@10 of the candidates, {ranker}: {interval}\n")
