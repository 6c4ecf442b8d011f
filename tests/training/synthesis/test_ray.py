"""Items made by Ray's actors are the items made here. A cluster that loses a node: make proof ray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError
from app.ranking.values import Passage
from tests.chaos.synthesis_kills import Command
from training.synthesis.executors.ray_actors import Feed
from training.synthesis.executors.spool import Spool
from training.synthesis.values import Opinion, Ready, SourceItem, read_source, source_json

from .counting_server import CountingServer
from .world import CALLS, write_recipe, write_world

_RAY = '[executor]\nkind = "ray"\nactors = 2\nbatch = 2\n'


def found(number: int) -> SourceItem:
    return SourceItem(
        id=f"i{number}",
        source="demo",
        domain="d",
        query=f"query \u2028 {number}",
        passages=(Passage(id="a", text="line\nbreak", features={"words": 0.5}),),
        labels={"a": 1},
        opinions=(Opinion(person="p", order=(("a",),), grades={"a": 2}),),
        ready=Ready(shown=("a",), order=("a",)),
        notes=("n",),
    )


def test_shards_hold_every_item_once_and_in_order(tmp_path: Path) -> None:
    with Spool.filled(((number, found(number)) for number in range(7)), 3, Watch()) as spool:
        path = spool.path
        assert spool.shards == 3 and spool.error is None
        feed = Feed(str(spool.path), list(spool.offsets))
        shards = [feed.take(shard, "me")[0] for shard in range(3)]
    rows = [json.loads(line) for lines in shards for line in lines]
    assert [number for number, _ in rows] == list(range(7)) and [len(lines) for lines in shards] == [3, 3, 1]
    assert [read_source(data) for _, data in rows] == [found(number) for number in range(7)]
    assert not path.exists()


def test_a_source_that_breaks_off_keeps_what_came_before() -> None:
    def broken() -> Iterator[tuple[int, SourceItem]]:
        yield 0, found(0)
        raise InputError("line 2 is no JSON")

    with Spool.filled(broken(), 4, Watch()) as spool:
        assert spool.shards == 1 and str(spool.error) == "line 2 is no JSON"


def test_a_cancelled_spool_ends_at_once() -> None:
    with pytest.raises(Cancelled), Spool.filled(((n, found(n)) for n in range(9)), 2, Watch(cancelled=lambda: True)):
        pass


def test_the_second_taker_of_a_shard_learns_who_had_it(tmp_path: Path) -> None:
    with Spool.filled([(0, found(0)), (1, found(1))], 1, Watch()) as spool:
        feed = Feed(str(spool.path), list(spool.offsets))
        assert feed.take(0, "first")[1] == "" and feed.take(0, "first")[1] == ""
        assert feed.take(0, "second")[1] == "first"
        feed.done(0)
        assert feed.take(0, "third")[1] == ""
        feed.stop()
        assert feed.take(1, "third") == ([], "")


def test_a_source_item_comes_back_from_its_json() -> None:
    assert read_source(source_json(found(1))) == found(1)


@pytest.mark.process
def test_actors_make_the_same_dataset_and_ask_nothing_twice(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install -r requirements-ray.txt")
    with CountingServer(seconds=0.05) as server:
        write_world(tmp_path, server.address, 4)
        here = Command(tmp_path, "here")
        status, said = here.end()
        assert status == 0, said
        server.asked.clear()
        write_recipe(tmp_path, more=_RAY)
        there = Command(tmp_path, "ray")
        status, said = there.end()
        if "no Ray cluster can be joined or started" in said:
            pytest.skip("Ray gives a cluster 30 s to come up, and this machine was too busy for it")
        assert status == 0, said
        assert server.asked.total() == len(server.asked) == 8 * CALLS
    wanted = "SELECT id FROM dataset_versions"
    assert there.rows(wanted) == here.rows(wanted) != []
    assert there.rows("SELECT count(*), count(DISTINCT number) FROM synthesis_items") == [(8, 8)]
