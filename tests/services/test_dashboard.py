"""The dashboard: its numbers by hand, and from each bar to its items."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.ranking.errors import Forbidden, InputError, NotFound
from app.ranking.retrieval.demo import load_demo
from app.services import buckets, charts, consent
from app.services.actors import LOCAL, VISITOR
from app.services.comparisons import OTHER, topic_of
from app.services.dashboard import Dashboard, Wanted
from app.services.disagreements import Disagreements
from tests.databases import migrated
from tests.services.panel_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    database = migrated(tmp_path / "studio.db")
    return World(database)


def get(world: World, **wanted: Any) -> dict[str, Any]:
    return asyncio.run(Dashboard(world.database).get(LOCAL, Wanted(**wanted)))


def follow(world: World, address: str) -> dict[str, Any]:
    """What a bar's address leads to."""
    parts = urlsplit(address)
    assert parts.path == "/api/v1/dashboard/items"
    return asyncio.run(Dashboard(world.database).items(LOCAL, Wanted(**dict(parse_qsl(parts.query)))))


def small(world: World) -> tuple[str, str]:
    """Two topics, two models: nano agrees with everybody but once, other never."""
    ann, bob = world.person("Ann Secret"), world.person("Bob Secret")
    world.task("yeast?", "abcd", topic="bread")
    world.task("stars?", "abcd", topic="sky", holdout=True)
    tokens = world.run("yeast?", "abcd"), world.run("stars?", "abcd")
    world.run("yeast?", "dcba", model="other", revision="")
    world.judge(ann, "yeast?", "a b c d")
    world.judge(bob, "yeast?", "a b d c", model_visible="nano")
    world.judge(ann, "stars?", "b a c | d")
    return tokens


def test_cells_by_topic_and_model(world: World) -> None:
    small(world)
    told = get(world)
    assert told["models"] == ["nano 11111111", "other"] and told["topics"] == ["bread", "sky"]
    assert told["totals"] == {"judgements": 3, "people": 2, "lists": 2, "comparisons": 5, "holdout": 1, "visible": 1}
    cells = {(cell["topic"], cell["model"]): cell for cell in told["cells"]}
    nano = cells["bread", "nano 11111111"]
    # Ann the same (0), Bob one of six pairs apart: tau-b 4/6, (1 - 4/6) / 2 = 1/6.
    assert nano["tau"]["value"] == pytest.approx(1 / 12) and (nano["n"], nano["lists"], nano["visible"]) == (2, 1, 1)
    assert nano["top1"] == {"share": 1.0, "n": 2} and nano["up"]["share"] == 0.0 and nano["rbo"]["value"] < 0.2
    other = cells["bread", "other"]
    assert other["tau"]["value"] == pytest.approx((1 + 5 / 6) / 2) and other["top1"]["share"] == 0.0
    # Ann: a from the model's 4 to 1, d from 1 to 4; Bob: a from 4 to 1, d from 1 to 3 only.
    assert (other["up"], other["down"]) == ({"share": 2 / 8, "n": 8}, {"share": 1 / 8, "n": 8})
    assert cells["sky", "nano 11111111"]["holdout"] == 1
    whole = {cell["model"]: cell for cell in told["overall"]}
    # Over lists: bread 1/12, sky one of six pairs apart.
    assert whole["nano 11111111"]["tau"]["value"] == pytest.approx((1 / 12 + 1 / 6) / 2) and whole["nano 11111111"]["topic"] is None
    assert "Secret" not in str(told)


def test_each_bar_leads_to_what_it_counts(world: World) -> None:
    small(world)
    told = get(world, project=world.project)
    for cell in [*told["overall"], *told["cells"]]:
        assert follow(world, cell["items"])["n"] == cell["n"]
        for bar in cell["bins"]:
            assert follow(world, bar["items"])["n"] == bar["n"]
    for day in told["days"]:
        assert follow(world, day["items"])["n"] == day["n"]
    for row in told["contested"]:
        found = follow(world, row["items"])
        assert found["n"] == row["n"] and {item["model"] for item in found["items"]} == {row["model"]}
    for count in told["flow"]["counts"]:
        assert 1 <= follow(world, count["items"])["n"] <= count["n"]
    for band in told["moves"]["bands"]:
        for way in ("up", "same", "down"):
            assert bool(follow(world, band[way]["items"])["n"]) == bool(band[way]["n"])
    assert sum(count["n"] for count in told["flow"]["counts"]) == 5 * 4 == sum(band["n"] for band in told["moves"]["bands"])


def test_items_name_the_task_and_the_run_and_the_most_opposed_first(world: World) -> None:
    token, _ = small(world)
    dashboard = Dashboard(world.database)
    told = asyncio.run(dashboard.items(LOCAL, Wanted(topic="bread"), 3))
    assert (told["n"], told["left_out"], told["what"]) == (4, 1, "topic bread")
    assert [item["disagreement"] for item in told["items"]] == [pytest.approx(value) for value in (1.0, 5 / 6, 1 / 6)]
    assert told["items"][-1]["run"] == token and told["items"][0]["task"] == world.tasks["yeast?"]
    for bucket in ("nonsense", "bin:10", "bin:x", "first:0:sideways", "first:9:up", "flow:1", "passage:x", "day:x"):
        with pytest.raises(InputError, match="bucket"):
            asyncio.run(dashboard.items(LOCAL, Wanted(bucket=bucket)))


def test_one_model_alone(world: World) -> None:
    small(world)
    told = get(world, model="other")
    assert [cell["model"] for cell in told["cells"]] == ["other"] and told["totals"]["comparisons"] == 2
    assert told["models"] == ["nano 11111111", "other"]  # all that can be chosen


def test_an_empty_studio_has_an_empty_dashboard(world: World) -> None:
    told = get(world)
    assert told["cells"] == told["overall"] == told["days"] == told["contested"] == [] and told["totals"]["comparisons"] == 0
    with pytest.raises(NotFound):
        get(world, project="no such")


def test_the_answer_follows_what_is_judged_ranked_and_objected_to(world: World) -> None:
    token, _ = small(world)
    dashboard = Dashboard(world.database)
    first = asyncio.run(dashboard.get(LOCAL, Wanted()))
    assert asyncio.run(dashboard.get(LOCAL, Wanted()))["computed"] == first["computed"]
    draft = {"idempotency_key": "k", "consent_version": consent.current().version}
    asyncio.run(Disagreements(world.database).object(VISITOR, token, draft))
    second = asyncio.run(dashboard.get(LOCAL, Wanted()))
    (row,) = [row for row in second["objections"] if row["model"] == "nano 11111111"]
    assert (row["runs"], row["new"], row["accepted"]) == (2, 1, 0)
    assert [cell["objections"]["new"] for cell in second["cells"]] == [1, 0, 0]
    world.judge(world.person("Cy"), "stars?", "d c b a")
    assert asyncio.run(dashboard.get(LOCAL, Wanted()))["totals"]["comparisons"] == 6


def score(model: str, mean: float, n: int) -> dict[str, Any]:
    return {"model": model, "n": n, "tau": {"value": mean}, "objections": {"accepted": 0}}


def test_fragility_is_the_number_of_objections_that_change_a_place() -> None:
    first, second = charts.with_fragility([score("one", 0.2, 10), score("two", 0.3, 10)])
    # (10 * 0.2 + k) / (10 + k) > 0.3 from k = 2 on: 3 / 11 = 0.27, 4 / 12 = 0.33.
    assert first["fragility"]["flips"] == 2 and "behind two" in first["fragility"]["sentence"]
    # (3 + k) / (10 + k) > 0.5 from k = 5 on.
    assert second["fragility"]["flips"] == 5 and "chance" in second["fragility"]["sentence"]
    (worse,) = charts.with_fragility([score("one", 0.6, 10)])
    assert worse["fragility"]["flips"] is None
    tied, _ = charts.with_fragility([score("one", 0.2, 10), score("two", 0.2, 10)])
    assert tied["fragility"]["flips"] == 1
    for mean, limit, n in ((0.1, 0.4, 7), (0.25, 0.5, 4), (0.0, 0.9, 3)):
        (found, _) = charts.with_fragility([score("one", mean, n), score("two", limit, n)])
        k = found["fragility"]["flips"]
        assert (n * mean + k) / (n + k) > limit >= (n * mean + k - 1) / (n + k - 1)


def test_topics_come_from_the_task_or_the_demo() -> None:
    query = load_demo().queries[0]
    assert topic_of("", query.text.upper()) == query.metadata["topic"]
    assert topic_of("mine", query.text) == "mine" and topic_of("", "A question of nobody") == OTHER


def test_ranks_fall_into_bands() -> None:
    assert [buckets.band_of(rank, buckets.FLOW_BANDS) for rank in (1, 1.5, 2, 3.5, 4, 10.5, 11, 21, 500)] == [0, 0, 1, 1, 2, 3, 4, 5, 5]
    assert [buckets.bin_of(value) for value in (0.0, 0.1, 0.95, 1.0)] == [0, 1, 9, 9]


def test_only_researchers_see_it(world: World) -> None:
    for call in (Dashboard(world.database).get(VISITOR, Wanted()), Dashboard(world.database).items(VISITOR, Wanted())):
        with pytest.raises(Forbidden):
            asyncio.run(call)
