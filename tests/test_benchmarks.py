"""The benchmarks themselves: a small, fixed slice of each, so that their figures mean what they say."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.backends.nano import NanoBackend
from app.ranking.cache import Cache
from app.ranking.evidence import SIGNALS
from app.ranking.prompts import builtin_profile
from app.ranking.protocols import Strategy
from app.ranking.ranker import Ranker
from app.ranking.retrieval.demo import load_demo
from app.ranking.retrieval.index import SearchIndex
from app.ranking.strategies import Consensus, Pointwise, Setwise, Single, Sliding, TopDown, Tournament, TwoLevel
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion
from benchmarks import picture, quality, results, slots, strategies

QUICK = slots.Service(slots=4, seconds=0.04, pieces=2)


@pytest.fixture(scope="module")
def server() -> Iterator[slots.Slots]:
    """A quick slot server with four slots."""
    with slots.serving(QUICK) as running:
        yield running


# Calls and depth by hand: two_level 40 = 2 groups + final; top_down 40 = head + 2 groups of 19 and 1 (+ final); tournament 40 = 4 groups of
# 10, then 20, 10 and 5 passages in one group each; setwise 40 = one window a level and place where nothing sinks.
@pytest.mark.parametrize(
    ("strategy", "n", "calls", "depth", "found"),
    [
        (Single(), 40, (1, 1), (1, 1), 1.0),
        (Sliding(), 40, (3, 3), (3, 3), 1.0),
        (TwoLevel(), 40, (3, 3), (2, 2), 1.0),
        (TopDown(), 40, (3, 4), (2, 3), 1.0),
        (Tournament(), 40, (7, 7), (4, 4), 0.8),
        (Setwise(size=20, top=2), 40, (4, 7), (3, 5), 0.2),
        (Pointwise(), 12, (12, 12), (1, 1), 1.0),
        (Consensus(strategy=TwoLevel(), k=2), 40, (6, 6), (2, 2), 1.0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_server_ranks_rightly_for_every_unit(
    server: slots.Slots, strategy: Strategy, n: int, calls: tuple[int, int], depth: tuple[int, int], found: float
) -> None:
    run = asyncio.run(strategies.wall(server, QUICK, strategy, seed=1, n=n))
    assert run.outcome == "clean"
    assert run.found >= found  # a model that is always right gives the true top 10, as far as the strategy looks
    assert calls[0] <= run.calls <= calls[1]
    assert depth[0] <= run.depth <= depth[1]
    # No schedule is faster than the bound: a wall below it would mean that the server gave more slots than it says.
    assert run.bound * 0.99 < run.seconds


def test_many_queries_fill_all_slots_and_never_more(server: slots.Slots) -> None:
    ranker = strategies.slot_ranker(server, Sliding(), profile="direct")
    server.reset()
    found = asyncio.run(strategies.pipelined(ranker, strategies.topics(6, 30), at_once=6))
    stats = server.stats()
    assert [ranking.outcome for ranking in found] == ["clean"] * 6
    assert (stats["calls"], stats["peak"]) == (12, 4)
    assert 0.0 < stats["overall"] <= stats["share"] <= 1.0 and stats["span"] <= stats["whole"]


def test_batches_with_barriers_ask_the_same_calls(server: slots.Slots) -> None:
    server.reset()
    asyncio.run(strategies.barriers(server.backend(), builtin_profile("direct"), strategies.topics(2, 40)))
    assert server.stats()["calls"] == 2 * 3


@pytest.mark.parametrize(("calls", "depth", "seconds"), [(1, 1, 2.0), (9, 9, 18.0), (52, 5, 10.0), (130, 5, 14.0), (100, 1, 10.0)])
def test_the_bound_is_the_chain_or_all_calls_on_all_slots(calls: int, depth: int, seconds: float) -> None:
    assert strategies.bound(slots.Service(), calls, depth) == seconds


def test_the_ledger_counts_slot_seconds_between_full_loads() -> None:
    ledger = slots.Ledger(slots=2)
    for step, now in [(1, 0.0), (1, 1.0), (-1, 3.0), (1, 4.0), (-1, 5.0), (-1, 9.0)]:
        ledger.note(step, now)
    # Full in [1, 3) and [4, 5); in between one of two: 2 * 2 + 1 + 2 = 7 of 8 slot-seconds. With the second before and the four after: 12
    # of 18.
    assert ledger.plain == {"calls": 3, "peak": 2, "share": 7 / 8, "span": 4.0, "overall": 12 / 18, "whole": 9.0}


def test_a_server_that_was_never_full_has_no_share() -> None:
    ledger = slots.Ledger(slots=2)
    ledger.note(1, 0.0)
    ledger.note(-1, 1.0)
    assert (ledger.plain["share"], ledger.plain["span"], ledger.plain["peak"]) == (0.0, 0.0, 1)
    assert slots.Ledger(slots=2).plain["whole"] == 0.0


def test_the_same_call_takes_as_long_in_both_schedules() -> None:
    service = slots.Service(seconds=0.1, spread=0.5, seed=1)
    times = [service.of(f"prompt {number}") for number in range(400)]
    assert times == [service.of(f"prompt {number}") for number in range(400)]
    assert min(times) >= 0.1 and max(times) <= 0.6 + 1e-9
    # Mean of min(1, X / 3) with X exponential is (1 - exp(-3)) / 3 = 0.3167.
    assert sum(times) / 400 == pytest.approx(0.1 + 0.5 * 0.3167, abs=0.03)
    assert slots.Service(seconds=2.0).of("anything") == 2.0


def test_bookkeeping_stays_far_below_a_call() -> None:
    ranker = Ranker(backend=strategies.Instant(), template=strategies.OneLine(builtin_profile("direct")), strategy=Sliding())
    times = [seconds for _ in range(20) for seconds in asyncio.run(strategies.window_times(ranker, slots.listed(0)))]
    assert len(times) == 20 * 9
    assert sorted(times)[len(times) // 2] < 0.001


@pytest.mark.parametrize(("share", "value"), [(0.95, 19), (0.5, 10), (1.0, 20)])
def test_a_share_of_values(share: float, value: int) -> None:
    assert strategies.at_share(list(range(20, 0, -1)), share) == value


def test_memory_is_read_at_every_mark() -> None:
    ranker = Ranker(backend=strategies.Instant(), template=strategies.OneLine(builtin_profile("direct")), strategy=Sliding())
    found = asyncio.run(strategies.grown(ranker, (90, 180)))
    assert len(found) == 2
    assert found[0] > 10 and found[1] - found[0] < 20


def test_lists_are_the_same_for_a_seed_and_their_top_is_known() -> None:
    passages = slots.listed(5, 30)
    assert passages == slots.listed(5, 30) != slots.listed(6, 30)
    worth = {passage.id: float(passage.text.split()[1]) for passage in passages}
    assert slots.true_top(passages, 3) == sorted(worth, key=lambda id_: -worth[id_])[:3]
    assert sorted(worth, key=lambda id_: -worth[id_]) != [passage.id for passage in passages]


@pytest.mark.parametrize("pieces", [1, 3, 20])
def test_pieces_are_the_whole_text(pieces: int) -> None:
    assert "".join(slots.cut("[1] > [2]", pieces)) == "[1] > [2]"
    assert len(slots.cut("", pieces)) == pieces


@pytest.mark.parametrize("profile", ["studio", "direct", "setwise", "pointwise"])
def test_what_the_server_says_is_clean_for_its_profile(profile: str) -> None:
    template = builtin_profile(profile)
    window = slots.listed(7, 1 if profile == "pointwise" else 4)
    prompt = template.render("q", window, WordTokenizer())
    trace, answer, logprobs = slots.answer_to([{"role": m.role, "content": m.content} for m in prompt.messages])
    assert bool(trace) == template.thinks
    parsed = template.parse(Completion(answer=answer, reasoning=trace, logprobs=tuple(logprobs)), len(window))
    assert parsed.outcome == "clean"
    assert window[parsed.order[0]].id == slots.true_top(window, 1)[0]
    if profile == "pointwise":
        assert parsed.scores == pytest.approx((float(window[0].text.split()[1]),))


def test_results_are_kept_and_skipped_by_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now = tmp_path / "new" / "cells.jsonl", {"commit": "aaa"}
    monkeypatch.setattr(results, "version", lambda: now["commit"])
    first = results.Results("walls", path)
    row = first.add("single", {"n": 3})
    assert row["commit"] == "aaa" and json.loads(path.read_text(encoding="utf-8")) == row
    assert "single" in results.Results("walls", path)
    assert "single" not in results.Results("busy", path)
    assert "single" not in results.Results("walls", path, again=True)
    now["commit"] = "bbb"
    assert "single" not in results.Results("walls", path)


def test_a_version_is_a_commit_and_tells_edits() -> None:
    said = results.version()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=results.ROOT, capture_output=True, text=True, check=False).stdout.strip()
    if not head:
        pytest.skip("this is no git checkout: there is no commit to tell")
    commit, _, edits = said.partition("+")
    assert len(commit) == 12 and head.startswith(commit)
    assert edits == "" or len(edits) == 6


@pytest.fixture(scope="module")
def words_only(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    """The demo without an embedding model, which would take a second to load."""
    return SearchIndex.open(load_demo().collection, Cache(tmp_path_factory.mktemp("cache")), None)


@pytest.mark.parametrize(("name", "size"), [("demo-20", 20), ("demo-100", 100)])
def test_lists_are_annotated_scored_and_never_sealed(words_only: SearchIndex, name: str, size: int) -> None:
    lists = quality.lists(name, words_only, most=6)
    sealed = set(load_demo().qrels["sealed"])
    assert len(lists.topics) == 6 and not sealed & {topic.id for topic in lists.topics}
    assert list(lists.grades) == [topic.id for topic in lists.topics]
    for topic in lists.topics:
        scores = [passage.score for passage in topic.passages if passage.score is not None]
        assert len(scores) == len(topic.passages) <= size and scores == sorted(scores, reverse=True)
        assert all(set(SIGNALS) <= set(passage.features) for passage in topic.passages)


def test_all_reported_questions_are_those_of_train_and_dev(words_only: SearchIndex) -> None:
    demo = load_demo()
    assert set(quality.lists("demo-20", words_only).grades) == set(demo.qrels["train"]) | set(demo.qrels["dev"])


def test_quality_is_ndcg_over_questions_with_its_interval() -> None:
    lists = quality.Lists(name="demo-20", topics=(), grades={"a": {"x": 1, "y": 0}, "b": {"x": 0, "y": 1}})
    row = quality.quality({"a": ["x", "y"], "b": ["x", "y"]}, lists)
    # 1 for a; for b the only relevant one is second: 1 / log2(3) = 0.63093.
    assert row["values"] == {"a": 1.0, "b": 0.63093}
    assert row["ndcg10"] == pytest.approx(0.815465, abs=1e-5) and row["n"] == 2
    assert row["low"] <= row["ndcg10"] <= row["high"]


@pytest.fixture(scope="module")
def small(words_only: SearchIndex) -> tuple[quality.Lists, NanoBackend]:
    """Three questions and the embedded model."""
    return quality.lists("demo-20", words_only, most=3), NanoBackend()


@pytest.mark.parametrize("strategy", [Sliding(), TwoLevel(size=10), Setwise(size=10, top=2), Pointwise()], ids=lambda one: one.name)
def test_the_embedded_model_serves_every_unit(small: tuple[quality.Lists, NanoBackend], strategy: Strategy) -> None:
    lists, backend = small
    found = asyncio.run(quality.rankings(quality.ranker_of(backend, strategy), lists))
    assert list(found) == list(lists.grades)
    least, most = strategy.cost(20).calls
    for topic in lists.topics:
        assert sorted(found[topic.id].ids) == sorted(passage.id for passage in topic.passages)
        assert least <= len(found[topic.id].calls) <= most
    assert quality.spent(found)["repaired"] == 0


def test_early_exit_saves_tokens_and_patience_beyond_the_trace_changes_nothing(small: tuple[quality.Lists, NanoBackend]) -> None:
    lists, backend = small
    whole = asyncio.run(quality.rankings(quality.ranker_of(backend, Sliding()), lists))
    written = quality.spent(whole)["tokens_out"]
    hasty, patient = (quality._exit(backend, lists, patience, written) for patience in (5, 1000))
    assert hasty["exits"] == 1.0 and 0.1 < hasty["saved"] < 0.9 and hasty["tokens_out"] < written
    assert (patient["exits"], patient["saved"], patient["same_top"], patient["tokens_out"]) == (0.0, 0.0, 1.0, written)
    assert patient["values"] == quality.quality(quality.ids(whole), lists)["values"]


def test_fusion_weights_end_at_both_orders(
    small: tuple[quality.Lists, NanoBackend], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lists, backend = small
    kept = results.Results("quality fusion", tmp_path / "cells.jsonl")
    quality.fusion(kept, backend, lists)
    first = quality.quality({topic.id: [passage.id for passage in topic.passages] for topic in lists.topics}, lists)
    model = quality.quality(quality.ids(asyncio.run(quality.rankings(quality.ranker_of(backend, Sliding()), lists))), lists)
    assert kept.cells["demo-20 weight 0"]["values"] == first["values"]
    assert kept.cells["demo-20 weight 1"]["values"] == model["values"]
    assert kept.cells["demo-20 weight 1"]["model"] == f"nano {backend.revision}"
    before = capsys.readouterr().out
    quality.fusion(results.Results("quality fusion", tmp_path / "cells.jsonl"), backend, lists)
    assert capsys.readouterr().out == before
    assert len((tmp_path / "cells.jsonl").read_text(encoding="utf-8").splitlines()) == len(quality.WEIGHTS)


def test_a_first_look_is_not_kept() -> None:
    with pytest.raises(SystemExit):
        quality.arguments(["--most", "3", "--out", "x.jsonl"])


def test_the_picture_shows_every_row() -> None:
    row = {"n": 9, "ndcg10": 0.5, "low": 0.4, "high": 0.6}
    rows = {"first < stage": row, **{f"s{depth}": {**row, "depth": float(depth), "calls": 9.0} for depth in (1, 1, 2, 9)}}
    root = ElementTree.fromstring(picture.picture(rows))
    said = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "first < stage 0.500" in said and sum("9 calls" in text for text in said) == 3
    places = sorted(float(dot.attrib["cx"]) for dot in root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(places) == 3 and min(b - a for a, b in zip(places, places[1:], strict=False)) >= 16


@given(st.lists(st.floats(0, 500), max_size=12))
def test_dots_are_moved_apart_and_keep_their_order(places: list[float]) -> None:
    moved = picture._apart(places)
    pairs = sorted(zip(places, moved, strict=True))
    assert all(after >= before for before, after in pairs)
    assert all(b[1] - a[1] >= 16 - 1e-6 for a, b in zip(pairs, pairs[1:], strict=False))
