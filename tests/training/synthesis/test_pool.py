"""Candidates without duplicates, and whose labels count."""

from __future__ import annotations

from app.ranking.values import Passage
from training.synthesis.pool import human_labels, make_pool
from training.synthesis.values import Opinion, Ready, SourceItem

LONG = "the answer that is long enough to be recognised inside another text, because it has well over eighty characters"


def item(**changes: object) -> SourceItem:
    given = (Passage(id="a", text="Alpha text"), Passage(id="b", text="beta"), Passage(id="c", text="ALPHA \n text"))
    return SourceItem(**{"id": "q", "source": "s", "domain": "d", "query": "query", "passages": given, **changes})  # type: ignore[arg-type]


def test_duplicates_by_id_and_by_text_are_dropped_and_the_first_stays() -> None:
    retrieved = [Passage(id="b", text="another b"), Passage(id="r1", text="Beta", score=2.0), Passage(id="r2", text="fresh", score=1.0)]
    pool = make_pool(item(linked=True), retrieved)
    assert [passage.id for passage in pool.passages] == ["a", "b", "r2"]
    assert pool.origins == {"a": "linked", "b": "linked", "r2": "retrieved"}
    assert pool.same == {"c": "a", "r1": "b"}
    assert [passage.id for passage in pool.of("linked")] == ["a", "b"]
    assert make_pool(item(), []).origins["a"] == "given"


def test_a_title_is_part_of_the_text() -> None:
    pool = make_pool(item(passages=(Passage(id="a", title="T", text="x"), Passage(id="b", text="x"), Passage(id="c", text="t\nX"))), [])
    assert [passage.id for passage in pool.passages] == ["a", "b"]


def test_the_gold_answer_is_retrieved_by_nobody_but_a_source_may_bring_it() -> None:
    retrieved = [
        Passage(id="r1", text=LONG.upper()),
        Passage(id="r2", text=f"before {LONG} after"),
        Passage(id="r3", text="it is long"),
    ]
    assert [p.id for p in make_pool(item(answer=LONG, passages=()), retrieved).passages] == ["r3"]
    short = make_pool(item(answer="Long", passages=()), [*retrieved[2:], Passage(id="r4", text="long")])
    assert [p.id for p in short.passages] == ["r3"]
    brought = make_pool(item(answer=LONG, passages=(Passage(id="own", text=LONG),)), [])
    assert [p.id for p in brought.passages] == ["own"]


def test_passages_of_a_ranking_that_the_source_brings_all_stay() -> None:
    ready = Ready(shown=("a", "b", "c"), order=("c", "b", "a"))
    assert [p.id for p in make_pool(item(ready=ready), []).passages] == ["a", "b", "c"]


def test_labels_of_the_source_count_first_then_peoples_lower_median() -> None:
    assert human_labels(item(), make_pool(item(), [])) is None
    given = item(labels={"a": 0, "c": 2, "elsewhere": 3})
    found = human_labels(given, make_pool(given, []))
    assert found is not None and (dict(found.grades), found.by) == ({"a": 2}, "source")
    opinions = (
        Opinion(person="x", grades={"a": 3, "b": 0}),
        Opinion(person="y", grades={"a": 2}),
        Opinion(person="z", order=(("b",), ("a",)), not_relevant=("c",)),
        Opinion(person="w", order=(("b",), ("a",))),
    )
    told = item(opinions=opinions, passages=(Passage(id="a", text="1"), Passage(id="b", text="2"), Passage(id="c", text="3")))
    median = human_labels(told, make_pool(told, []))
    assert median is not None and (dict(median.grades), median.by) == ({"a": 2, "b": 0, "c": 0}, "people")
    both = item(opinions=opinions, labels={"b": 1})
    decided = human_labels(both, make_pool(both, []))
    assert decided is not None and (dict(decided.grades), decided.by) == ({"b": 1}, "people")
    only_order = item(opinions=opinions[3:])
    assert human_labels(only_order, make_pool(only_order, [])) is None
