"""Was it worth to think: two bundles made by real rankers, compared by hand-worked numbers, and the verb on top."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import InputError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.suites.values import TestCollection
from app.ranking.evaluation.thought.worth import worth
from app.ranking.router import read_router
from app.ranking.values import Passage
from tests.ranking.thought.both_ways import collection, ranked


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    return ranked("reasoned", collection(), folder / "reasoned"), ranked("direct", collection(), folder / "direct")


def third_first(one: TestCollection) -> TestCollection:
    """The same with the third passage relevant throughout."""
    return replace(one, qrels={id_: {"p3": 1} for id_ in one.qrels})


def verb(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["thinking", *arguments])


def test_topic_by_topic_by_hand(pair: tuple[Bundle, Bundle]) -> None:
    found = worth(*pair)
    # The relevant passage is first (1) or third (1 / log2(4) = 0.5) of three: questions gain a half, the others lose a half.
    assert (found.measure, found.quality.n) == ("nDCG@10", 24) and found.quality.mean == pytest.approx(0.0)
    assert [topic.gain for topic in found.topics] == [pytest.approx(0.5)] * 12 + [pytest.approx(-0.5)] * 12
    assert {topic.query.split()[0] for topic in found.helped} == {"why"} and {topic.query.split()[0] for topic in found.hurt} == {"bread"}
    assert found.topics[0].features["asks"] == 1.0 and found.topics[-1].features["asks"] == 0.0
    assert found.tokens_per_point is None and "No point was gained" in found.text
    written, read, _, calls = found.costs
    # The thinker writes 7 words of trace and 5 for the answer, or 3 for a forced answer; it reads 7, or 10.
    assert (written.reasoned, written.direct, written.times) == (12.0, 3.0, 4.0)
    assert (written.more.mean, written.more.low, written.more.high) == (9.0, 9.0, 9.0)
    assert (read.more.mean, calls.more.mean) == (-3.0, 0.0)


def test_what_goes_with_the_gain_is_told_with_a_corrected_p(pair: tuple[Bundle, Bundle]) -> None:
    found = worth(*pair)
    by_name = {one.feature: one for one in found.goes}
    # Questions are exactly those that gain: both are two groups of twelve, and their ranks agree wholly.
    assert by_name["asks"].correlation == pytest.approx(1.0) and (by_name["asks"].helped, by_name["asks"].hurt) == (1.0, 0.0)
    assert all(one.p <= one.p_corrected <= 1.0 for one in found.goes)
    assert "best" not in by_name and "candidates" not in by_name, "what does not vary tells nothing"


def test_a_gain_has_its_price_in_tokens(tmp_path: Path) -> None:
    better = third_first(collection())
    found = worth(ranked("reasoned", better, tmp_path / "a"), ranked("direct", better, tmp_path / "b"))
    # A half on every topic is 50 points for 9 tokens.
    assert found.quality.mean == pytest.approx(0.5) and found.tokens_per_point == pytest.approx(9 / 50)
    assert found.hurt == () and found.goes == (), "where all gain alike nothing goes with the gain"


def test_texts_at_hand_give_more_features(pair: tuple[Bundle, Bundle]) -> None:
    listed = {key: [Passage(id="p1", text="why bread", score=1.0)] for key in pair[0].by_key}
    found = worth(*pair, passages=listed)
    assert "found" in found.topics[0].features and "found" not in worth(*pair).topics[0].features


def test_bundles_that_can_not_be_compared_are_refused(pair: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    fewer = ranked("direct", collection(22), tmp_path / "fewer")
    with pytest.raises(InputError, match="compare both on the same qrels"):
        worth(pair[0], fewer)
    other = ranked("direct", third_first(collection()), tmp_path / "other")
    with pytest.raises(InputError, match="12 topics have other judgements"):
        worth(pair[0], other)
    with pytest.raises(InputError, match="has no measure 'P@9'"):
        worth(*pair, measure="P@9")


def test_the_bundle_says_how_true_its_traces_are(pair: tuple[Bundle, Bundle]) -> None:
    """Of passages 3 and 1, which the trace tells apart, the reasoned answer has 3 first."""
    traces = pair[0].manifest["traces"]
    assert (traces["n"], traces["consistency"], traces["contradiction_rate"]) == (24, 1.0, 0.0)
    assert traces["spoken"] == pytest.approx(2 / 3)


def test_the_verb_fits_a_router_that_decides_as_was_measured(pair: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    folders, path = [str(bundle.folder) for bundle in pair], tmp_path / "router.json"
    done = verb(*folders, "--fit", str(path))
    assert done.exit_code == 0, done.output
    assert "The router pays" in done.output and "helped most (12 topics)" in done.output and "wrote router" in done.output
    router = read_router(path)
    assert router.decide("why 99", []).mode == "reasoned" and router.decide("bread 98", []).mode == "direct"
    assert router.about["n"] == 24 and router.about["reasoned"] == pair[0].id and router.about["check"]["pays"] is True
    again = verb(*folders, "--fit", str(path))
    assert again.exit_code == 2 and "is there already" in again.output
    said = json.loads(verb(*folders, "--router", str(path), "--json").output)
    assert said["routers"]["given"]["quality"]["routed"] == pytest.approx(1.0) and len(said["topics"]) == 24


def test_a_router_that_would_not_pay_is_not_written_unless_asked(tmp_path: Path) -> None:
    one = collection(24, known=False)
    folders = [str(ranked(mode, one, tmp_path / mode).folder) for mode in ("reasoned", "direct")]
    path = tmp_path / "router.json"
    done = verb(*folders, "--fit", str(path))
    assert done.exit_code == 1 and not path.exists() and "would not pay" in done.output and "should stay off" in done.output
    assert verb(*folders, "--fit", str(path), "--anyway").exit_code == 0
    assert read_router(path).about["check"]["pays"] is False


def test_a_folder_that_is_no_bundle_is_a_sentence(tmp_path: Path) -> None:
    done = verb(str(tmp_path), str(tmp_path))
    assert done.exit_code == 2 and "is no bundle" in done.output
