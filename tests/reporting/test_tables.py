"""What tables and sentences of a report are made of, against numbers worked by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from app.cli.evaluate import command
from app.ranking.errors import InputError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import CallRow, Header, SetFiles, TopicRow
from app.ranking.evaluation.bundles.write import BundleWriter
from app.reporting import facts, repeats, results, room, telling, text
from app.reporting.against import sentence, to_bundle, to_first_stage
from app.reporting.shown import Shown, extent, lettered, primary
from tests.ranking.bundles.made import made
from tests.reporting.bundles import of_run_file, troubled

MINUS, THIN, DASH = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}", "\N{EN DASH}"
Values = dict[str, dict[str, tuple[float, float | None]]]  # set -> topic -> (value, first stage)


def small(folder: Path, values: Values, *, headroom: dict[str, float] | None = None, **header: Any) -> Bundle:
    """A bundle of one measure from its values; sets named with an x at the end are in source."""
    with BundleWriter(folder, Header(**{"name": folder.name, **header})) as writer:
        for name, topics in values.items():
            started = {topic: (("a", 1.0),) for topic, (_, first) in topics.items() if first is not None}
            files = SetFiles(
                name=name, title=name.title(), in_source=name.endswith("x"), qrels={topic: {"a": 1} for topic in topics}, first=started,
                run={topic: (("a", 1.0),) for topic in topics}, headroom=headroom or {},
            )  # fmt: skip
            writer.add_set(files)
            for topic, (value, first) in topics.items():
                start = {} if first is None else {"nDCG@10": first}
                writer.add_topic(TopicRow(set=name, topic=topic, values={"nDCG@10": value}, first=start, domain=name))
    return Bundle.open(folder)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Shown, ...]:
    first = small(tmp_path / "one", {"s": {"1": (0.5, 0.25), "2": (0.75, 0.25)}, "x": {"3": (1.0, 0.5)}})
    second = small(tmp_path / "two", {"s": {"1": (0.25, 0.25), "2": (0.75, 0.25)}, "x": {"3": (0.5, 0.5)}})
    return lettered([first, second])


def test_numbers_as_they_are_written() -> None:
    assert (text.signed(0.12344), text.signed(-0.5, 2), text.signed(-0.00001), text.signed(None)) == (
        "+0.1234",
        f"{MINUS}0.50",
        "0.0000",
        DASH,
    )
    assert (text.number(-1.0, 1), text.whole(1384), text.percent(0.755, 1)) == (f"{MINUS}1.0", f"1{THIN}384", f"75.5{THIN}%")
    assert (text.chance(0.00002), text.chance(0.0312), text.chance(1.0)) == ("< .0001", ".0312", "1")
    assert (
        text.printable("a\x00b\ud800c\ufffe\n") == "a\ufffdb\ufffdc\ufffd\n"
        and text.short("a \n b" + "c" * 9, 6) == "a bcc\N{HORIZONTAL ELLIPSIS}"
    )
    assert (text.plural(1, "query", "queries"), text.plural(2, "query", "queries")) == ("1 query", "2 queries")


def test_sets_and_averages_by_hand(two: tuple[Shown, ...]) -> None:
    s, x = results.by_set(two, "nDCG@10")
    assert (s.head, s.n, s.first.value, s.note) == ("S", "2", "0.2500", "unseen") and x.note == "in source"
    assert [(one.value, one.change) for one in s.cells] == [("0.6250", "+0.3750"), ("0.5000", "+0.2500")]
    lines = {line.head: line for line in results.over_all(two, "nDCG@10")}
    # Topics: (.5 + .75 + 1) / 3; sets: (.625 + 1) / 2. Of one set both are the same, told once.
    assert [lines[f"All sets, mean over {way}"].cells[0].value for way in ("topics", "sets")] == ["0.7500", "0.8125"]
    assert [lines[f"All sets, mean over {way}"].cells[0].change for way in ("topics", "sets")] == ["+0.4167", "+0.4375"]
    assert list(lines)[2:] == ["In-source sets, mean over topics", "Unseen sets, mean over topics"]
    assert lines["Unseen sets, mean over topics"].cells[1].value == "0.5000"
    grid = results.by_domain(two, "nDCG@10")
    assert grid is not None and grid.rows == (("S", 2), ("X", 1)) and grid.values == ((0.375, 0.25), (0.5, 0.0))
    assert extent(two) == "3 topics of 2 sets" and primary(two) == "nDCG@10"


def test_other_first_stages_are_told(tmp_path: Path, two: tuple[Shown, ...]) -> None:
    other = small(tmp_path / "other", {"s": {"1": (0.5, 0.5), "2": (0.75, 0.5)}})
    (told,) = results.other_starts(lettered([two[0].bundle, other]), "nDCG@10")
    assert "different first stages, or other topics (A 0.2500, B 0.5000)" in told and results.other_starts(two, "nDCG@10") == ()


def test_bundles_of_unequal_size_say_so(tmp_path: Path) -> None:
    less = small(tmp_path / "less", {"s": {"1": (0.5, 0.25)}}, headroom={"10": 0.5})
    more = small(tmp_path / "more", {"s": {str(at): (0.5, 0.75) for at in range(1, 4)}}, headroom={"10": 0.8})
    shown = lettered([less, more])
    (line,) = results.by_set(shown, "nDCG@10")
    assert line.n == "1 to 3" and line.first.value == "0.7500" and [cell.change for cell in line.cells] == ["+0.2500", f"{MINUS}0.2500"]
    (curve,) = room.curves(shown)
    assert (curve.n, curve.ceiling, curve.first) == (3, {10: 0.8}, 0.75)


def test_differences_by_hand(two: tuple[Shown, ...]) -> None:
    a, b = to_first_stage(two, "nDCG@10")
    # .25, .5 and .5; all 8 flips of signs: 2 have a sum as far from 0. Two comparisons with one first stage: Holm.
    assert a.found.mean == pytest.approx(1.25 / 3) and (a.found.p, a.found.p_corrected, a.found.family) == (0.25, 0.5, 2)
    assert a.gains[("s", "2")] == 0.5 and b.found.wins == 1 and not a.told
    (pair,) = to_bundle(two, "nDCG@10")
    assert (
        pair.found.mean == pytest.approx(-0.25) and pair.other == "A" and (pair.found.wins, pair.found.ties, pair.found.losses) == (0, 1, 2)
    )
    said = sentence(pair)
    assert (
        said.startswith(f"B (two) can't be told apart from A: {MINUS}0.2500 nDCG@10 (95 % interval [")
        and "n = 3 topics, p = .5000)" in said
    )


def test_a_difference_that_is_told_and_one_that_is_none(tmp_path: Path) -> None:
    better = small(tmp_path / "better", {"s": {str(at): (0.5 + at / 100, 0.25) for at in range(12)}})
    (pair,) = to_first_stage(lettered([better]), "nDCG@10")
    # All twelve up: 2 of 4,096 flips.
    assert (
        pair.told
        and sentence(pair).startswith("A (better) ranks better than the first stage: +0.3050 nDCG@10")
        and "p = .0005" in sentence(pair)
    )
    equal = small(tmp_path / "equal", {"s": {"1": (0.5, 0.5), "2": (0.1, 0.1)}})
    (pair,) = to_first_stage(lettered([equal]), "nDCG@10")
    assert sentence(pair) == "A (equal) and the first stage are equal on all 2 topics."


def test_topics_that_only_one_has_are_left_out_and_counted(tmp_path: Path) -> None:
    one, other = (small(tmp_path / name, {"s": {topic: (0.5, None) for topic in topics}}) for name, topics in (("a", "123"), ("b", "234")))
    (pair,) = to_bundle(lettered([one, other]), "nDCG@10")
    assert pair.found.n == 2 and pair.left_out == 2 and to_first_stage(lettered([one]), "nDCG@10") == ()


def test_headroom_by_hand(tmp_path: Path) -> None:
    values: Values = {"s": {"1": (0.5, 0.3)}}
    shown = lettered([small(tmp_path / "deep", values, headroom={"10": 0.5, "20": 0.6, "100": 0.7}, depth=20)])
    (found,) = room.rooms(shown)
    # Of 1, .4 is not among the 20; .1 is misplaced; of .3 to gain .2 were gained.
    assert (found.depth, found.perfect) == (20, 0.6) and found.unfound == pytest.approx(0.4) and found.unranked == pytest.approx(0.1)
    assert found.gained == pytest.approx(2 / 3) and found.advice == f"retrieval, 80{THIN}%"
    assert room.verdict([found], "A").endswith("(means over 1 set): retrieval is what to mend first.")
    (curve,) = room.curves(shown)
    assert curve.ceiling == {10: 0.5, 20: 0.6, 100: 0.7} and curve.first == 0.3 and curve.ranked == {"A deep": 0.5}
    (whole,) = room.rooms(lettered([small(tmp_path / "whole", values, headroom={"10": 0.5, "100": 1.0})]))
    assert whole.depth == 100 and whole.advice == f"reranking, 100{THIN}%"
    (between,) = room.rooms(lettered([small(tmp_path / "between", values, headroom={"10": 0.4, "20": 0.9}, depth=12)]))
    assert between.depth == 20 and room.rooms(lettered([small(tmp_path / "none", values)])) == ()
    (perfect,) = room.rooms(lettered([small(tmp_path / "perfect", {"s": {"1": (1.0, 1.0)}}, headroom={"10": 1.0})]))
    assert perfect.gained is None and perfect.advice == "nothing left to mend" and "nothing left to mend" in room.verdict([perfect], "A")


def test_the_command_that_makes_a_bundle_again_is_one_that_is_understood(tmp_path: Path) -> None:
    thinking = {"mode": "reasoned", "budget": 100, "settle": {"top": 10, "patience": 50}, "audit": False}
    about: dict[str, Any] = {
        "model": {"name": "my model"},
        "thinking": thinking,
        "fusion": {"weight": 0.5},
        "limit": 3,
        "strategy": {"name": "sliding", "size": 20},
    }
    (shown,) = lettered([made(tmp_path / "a b", nano=False, **about)])
    again, *scored = facts.reproduce(shown)
    flags = [word for line in (again, *scored) for word in shlex.split(line) if word.startswith("--")]
    known = {f"--{name.replace('_', '-')}" for name in command.__signature__.parameters}  # type: ignore[attr-defined]
    assert set(flags) <= known and "--model 'my model'" in again and "--set size=20" in again and "--settle-after 50" in again
    assert "--limit 3" in again and "--budget 100" in again and "--fuse 0.5" in again and "--profile reasonrank" in again
    assert (
        scored[0] == "python -m app evaluate --run 'a b/runs/biology.run' --qrels 'a b/qrels/biology.qrels' --metrics nDCG@10,R@100,RR@10"
    )


def test_what_a_ranking_took_is_told_per_topic(tmp_path: Path) -> None:
    (used,) = facts.usage(lettered([made(tmp_path / "a")]))
    # Twelve calls of six topics: 501 and 502 tokens read, 90 written each, 1.75 and 2 seconds.
    assert (used.calls, used.per_topic["calls"], used.per_topic["written"], used.per_topic["seconds"]) == (12, "2.0", "180", "3.75")
    assert used.per_topic["read"] == f"1{THIN}003" and used.outcomes == "11 clean, 1 truncated"
    (none,) = facts.usage(lettered([of_run_file(tmp_path / "run")]))
    assert none.per_topic["calls"] == none.outcomes == none.clean == DASH


def test_facts_are_what_is_known(tmp_path: Path) -> None:
    rows = {row.head: row.cells for row in facts.facts(lettered([made(tmp_path / "a"), of_run_file(tmp_path / "run")]))}
    assert (
        rows["Strategy"][0] == "sliding, size 8, step 4, passes 1"
        and rows["Limits"][0] == "12 candidates a topic, passages cut after 512 tokens"
    )
    assert rows["Model"][0] == "nano" and rows["Suite"] == ("small", DASH)
    assert "Fusion with the first stage" not in rows


def test_every_measure_is_defined(tmp_path: Path) -> None:
    told = dict(facts.definitions(lettered([made(tmp_path / "a")])))
    assert list(told) == ["nDCG@10", "R@100", "RR@10"] and "among the first 100" in told["R@100"] and "{" not in "".join(told.values())


def test_the_topics_that_tell_most(tmp_path: Path) -> None:
    gains = {("s", str(at)): value for at, value in enumerate((0.0, 0.5, -0.1, 0.5, 0.25, -0.75, 0.125, 0.0625, 0.03))}
    best, worst = telling.ends(gains)
    assert [key[1] for key in best] == ["1", "3", "4", "6", "7"] and [key[1] for key in worst] == ["5", "2"]
    shown = lettered([made(tmp_path / "a")])
    (told,) = telling.telling(to_first_stage(shown, "nDCG@10"), shown, "nDCG@10")
    topic = told.best[0]
    assert len(told.best) == 5 and told.worst == () and len(topic.calls) == 2 and topic.better
    assert topic.calls[0].words and topic.calls[0].words[0] != topic.calls[0].trace and "[1]" in topic.calls[0].trace
    assert topic.before[0].passage == f"{topic.topic}-p1" and topic.before[0].moved == ""
    moved = {place.passage: place.moved for place in topic.after}
    assert any(value.startswith("from ") for value in moved.values()) and topic.beside == "First stage"


def test_a_bundle_is_shown_beside_the_one_it_is_compared_with(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b", luck=1)
    shown = lettered([first, second])
    (told,) = telling.telling(to_bundle(shown, "nDCG@10"), shown, "nDCG@10")
    topic = (*told.best, *told.worst)[0]
    orders = [[id_ for id_, _ in one.run(topic.set)[topic.topic]][:10] for one in (first, second)]
    assert topic.beside == "Order of A" and [[place.passage for place in side] for side in (topic.before, topic.after)] == orders


def test_troubles_are_named(tmp_path: Path) -> None:
    found = {one.what: one for one in telling.troubles(lettered([troubled(tmp_path / "t")]))}
    assert [one.n for one in found.values()] == [1, 1]
    assert found["missing from the run, counted 0"].named == ("s gone",) and found["failed, counted with the incoming order"].named == (
        "s bad",
    )


def test_repeats_are_found_by_what_they_have_in_common(tmp_path: Path) -> None:
    strategies: list[dict[str, Any]] = [{"name": "sliding", "seed": 1}, {"name": "sliding", "seed": 2}, {"name": "single"}]
    shown = lettered([made(tmp_path / str(at), luck=at, strategy=one, seed=at) for at, one in enumerate(strategies)])
    (found,) = repeats.repeated(shown, "nDCG@10")
    assert found.letters == ("A", "B") and found.label == "A and B" and len(found.found.topics) == 6
    assert found.found.spread is not None and found.found.means.keys() == {"A", "B"}


def test_rank_intervals_of_a_consensus(tmp_path: Path) -> None:
    header = Header(name="c", model={"name": "m"}, strategy={"name": "consensus", "k": 3})
    orders = [("a", "b", "c"), ("a", "c", "b"), ("b", "a", "c")]
    with BundleWriter(tmp_path / "c", header) as writer:
        writer.add_set(SetFiles(name="s", qrels={"q": {"a": 1}}, run={"q": (("a", 1.0),)}))
        for number, order in enumerate(orders, start=1):
            writer.add_call(CallRow(set="s", topic="q", number=number, shown=("a", "b", "c"), order=order))
        writer.add_call(CallRow(set="s", topic="q", number=4, shown=("a", "b", "c"), order=("c", "b", "a"), outcome="error"))
        writer.add_topic(TopicRow(set="s", topic="q", values={"nDCG@10": 1.0}))
    (shown,) = lettered([Bundle.open(tmp_path / "c")])
    found = repeats.intervals(shown)
    assert found is not None and (found.best, found.worst) == ((1.0, 1.0, 2.0), (2.0, 3.0, 3.0)) and found.found.orders == (3, 3)
    assert repeats.intervals(lettered([made(tmp_path / "a")])[0]) is None


def test_what_makes_no_report_is_refused(tmp_path: Path) -> None:
    one = made(tmp_path / "a")
    with pytest.raises(InputError, match="1 to 25 bundles, 0 were given"):
        lettered([])
    with pytest.raises(InputError, match="26 were given"):
        lettered([one] * 26)
    with pytest.raises(InputError, match="no measure in common"):
        lettered([one, small(tmp_path / "b", {}, measures=("P@5",))])
