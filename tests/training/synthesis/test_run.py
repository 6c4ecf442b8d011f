"""The whole pipeline against a server that counts: every call once, whatever changes and wherever it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import Conflict, InputError
from app.settings import Settings
from db.models import now
from db.models_loop import DatasetVersion, Job, Synthesis
from db.session import Database
from db.store import syntheses
from tests.databases import migrated
from tests.training.synthesis.counting_server import MINING, RANKING, CountingServer
from tests.training.synthesis.world import CALLS, SAMPLES, write_recipe, write_world
from training.jobs.context import Context
from training.synthesis.calls import BudgetSpent
from training.synthesis.executors.local import LocalExecutor
from training.synthesis.feed import Feed
from training.synthesis.recipe import BudgetTable, ExecutorTable, load_synthesis_recipe
from training.synthesis.run import Wishes, synthesize
from training.synthesis.values import Item, SourceItem
from training.synthesis.workshop import changed

QUERIES = 3
ITEMS = 2 * QUERIES


@dataclass
class Bench:
    """A world, its server and its database; `run` is a synthesis from its beginning to its end."""

    folder: Path
    server: CountingServer
    database: Database
    url: str = ""
    events: list[tuple[str, Any]] = field(default_factory=list)

    def run(self, wishes: Wishes = Wishes(), budget: BudgetTable | None = None, watch: Watch = Watch()) -> dict[str, Any]:  # noqa: B008
        recipe = changed(load_synthesis_recipe(self.folder / "world.toml"), budget=budget)
        settings = Settings(data_dir=self.folder / "var", database_url=self.url, models=self.folder / "models.toml")
        context = Context(settings=settings, database=self.database, watch=watch, heard=lambda kind, data: self.events.append((kind, data)))
        return synthesize(settings, self.database, recipe, context, wishes)

    def synthesis(self, result: dict[str, Any]) -> Synthesis:
        with self.database.read() as session:
            return syntheses.get(session, result["synthesis"])


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer(seconds=0.01) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, server: CountingServer) -> Iterator[Bench]:
    write_world(tmp_path, server.address, QUERIES)
    database = migrated(tmp_path / "var" / "studio.db")
    yield Bench(tmp_path, server, database)
    database.close()


def test_every_call_once_on_both_databases(tmp_path: Path, server: CountingServer, database: Database) -> None:
    write_world(tmp_path, server.address, QUERIES)
    bench = Bench(tmp_path, server, database, url=database._writer.url.render_as_string(hide_password=False))
    result = bench.run()
    assert set(server.asked.values()) == {1}
    assert (server.of(MINING), server.of(RANKING)) == (ITEMS, ITEMS * SAMPLES)
    assert (result["items"], result["new"], result["stopped"]) == ({"made": ITEMS, "empty": 0, "failed": 0}, ITEMS, "")
    assert (result["calls"], result["repeats"], result["held_tokens"]) == (ITEMS * CALLS, 0, 0)
    assert result["tokens_in"] + result["tokens_out"] == server.tokens
    with database.read() as session:
        version = session.get_one(DatasetVersion, result["dataset"])
        assert version.synthesis_id == result["synthesis"]
    report = bench.synthesis(result).report
    assert report is not None and (report["before"], report["after"]) == (ITEMS, ITEMS)
    told = [data for kind, data in bench.events if kind == "item"]
    assert sorted(one["number"] for one in told) == list(range(ITEMS))
    assert {one["state"] for one in told} == {"made"} and {one["consistency"] for one in told} == {1.0}

    again = bench.run()
    assert set(server.asked.values()) == {1} and (again["new"], again["dataset"]) == (0, result["dataset"])


def test_another_listwise_prompt_asks_for_no_label_again(bench: Bench) -> None:
    first = bench.run()
    write_recipe(bench.folder, template="rankgpt")
    second = bench.run()
    assert second["synthesis"] != first["synthesis"] and second["dataset"] != first["dataset"]
    assert (bench.server.of(MINING), bench.server.of(RANKING)) == (ITEMS, 2 * ITEMS * SAMPLES)
    assert set(bench.server.asked.values()) == {1} and second["calls"] == ITEMS * SAMPLES


def test_more_samples_ask_only_for_those(bench: Bench) -> None:
    bench.run()
    write_recipe(bench.folder, samples=SAMPLES + 2)
    assert bench.run()["calls"] == 2 * ITEMS
    assert set(bench.server.asked.values()) == {1}


def test_the_budget_is_never_passed_and_a_larger_one_goes_on(bench: Bench) -> None:
    bench.server.usage = (40, 60)  # tokens of every call
    worst = 300 + 1700  # what a call can take at most: its limit, and a token per byte of its prompt
    cap = 9 * 100 + worst
    result = bench.run(budget=BudgetTable(tokens=cap))
    assert f"of {cap:,} tokens" in result["stopped"] and result["dataset"] is None
    assert 0 < bench.server.tokens == result["tokens_in"] + result["tokens_out"] <= cap
    assert 9 <= result["calls"] < ITEMS * CALLS and result["held_tokens"] == 0
    made = result["items"]["made"]
    assert made < ITEMS  # how many of the items under way were whole by then depends on whose calls came first

    whole = bench.run(budget=BudgetTable(tokens=1_000_000))
    assert set(bench.server.asked.values()) == {1} and whole["stopped"] == "" and whole["items"]["made"] == ITEMS
    assert whole["new"] == ITEMS - made and whole["dataset"]


def test_a_dataset_of_what_there_is_where_it_is_asked_for(bench: Bench) -> None:
    bench.server.usage = (40, 60)
    result = bench.run(Wishes(build=True), BudgetTable(tokens=900 + 2000))
    report = bench.synthesis(result).report
    assert result["stopped"] and result["dataset"] and report is not None and report["before"] == result["items"]["made"] < ITEMS


def test_a_limit_takes_from_all_sources_in_turn_and_the_rest_later(bench: Bench) -> None:
    assert bench.run(Wishes(limit=3))["domains"] == {"first": {"made": 2}, "second": {"made": 1}}
    assert bench.run()["new"] == ITEMS - 3 and set(bench.server.asked.values()) == {1}


def test_a_malformed_source_ends_with_its_sentence_and_keeps_what_was_made(bench: Bench) -> None:
    path = bench.folder / "second" / "queries.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{no json", lines[1], lines[2]]) + "\n")
    with pytest.raises(InputError, match="queries.jsonl"):
        bench.run()
    path.write_text("\n".join(lines) + "\n")
    result = bench.run()
    assert 0 < result["new"] < ITEMS and result["items"]["made"] == ITEMS and set(bench.server.asked.values()) == {1}


def test_cancelled_in_the_middle_and_begun_again(bench: Bench) -> None:
    cancelled = threading.Event()
    bench.server.seconds = 0.05

    class Impatient(list[tuple[str, Any]]):
        def append(self, event: tuple[str, Any]) -> None:
            super().append(event)
            cancelled.set()

    bench.events = Impatient()
    with pytest.raises(Cancelled):
        bench.run(watch=Watch(cancelled=cancelled.is_set))
    asked = bench.server.asked.total()
    assert 0 < asked < ITEMS * CALLS
    result = bench.run()
    # What was cut off was asked for again, and nothing else; a call may be cut off before it reaches the server.
    assert bench.server.asked.total() - ITEMS * CALLS <= result["repeats"] <= 4
    assert len(bench.server.asked) == ITEMS * CALLS
    assert result["items"]["made"] == ITEMS


def test_a_synthesis_that_another_job_works_on_is_refused(bench: Bench) -> None:
    result = bench.run(Wishes(limit=1))
    with bench.database.write() as session:
        job = Job(kind="synthesize", idempotency_key="k", state="running", lease_until=now().replace(year=2999))
        session.add(job)
        session.flush()
        syntheses.claim(session, result["synthesis"], job.id)
    with pytest.raises(Conflict, match="works on synthesis 'world'"):
        bench.run()


def test_items_that_failed_are_made_again(bench: Bench) -> None:
    broken = bench.folder / "models.toml"
    good = broken.read_text()
    broken.write_text(good.replace('model = "teacher"\naddress', 'model = "broken"\naddress'))
    bench.server.refusing = {"broken"}
    first = bench.run(Wishes(limit=2))
    assert first["items"] == {"made": 0, "empty": 0, "failed": 2} and first["calls"] == 0 and first["held_tokens"] == 0
    bench.server.refusing = set()
    second = bench.run(Wishes(limit=2))
    assert second["synthesis"] == first["synthesis"] and second["items"] == {"made": 2, "empty": 0, "failed": 0}
    assert second["repeats"] == 0


def test_numbers_depend_on_the_sources_alone(bench: Bench) -> None:
    recipe = load_synthesis_recipe(bench.folder / "world.toml")
    whole = [(number, found.id) for number, found in Feed(recipe=recipe, database=bench.database).items()]
    assert whole[:3] == [(0, "first-0"), (1, "second-0"), (2, "first-1")] and len(whole) == ITEMS
    some = Feed(recipe=recipe, database=bench.database, limit=4).items(without={0, 3})
    assert [(number, found.id) for number, found in some] == [whole[1], whole[2]]


# The local executor, with a maker that says what it is told.


@dataclass
class Maker:
    """Makes items when it is let; `spent` are numbers for which the budget does not reach."""

    concurrency: int = 2
    spent: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    let: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    async def item(self, number: int, found: SourceItem) -> Item:
        self.begun.append(number)
        while not self.let.is_set():
            await asyncio.sleep(0.01)
        if number in self.spent:
            raise BudgetSpent("no more")
        if number in self.broken:
            raise ZeroDivisionError
        self.ended.append(number)
        return Item(number=number, source_id=found.id, source="s", domain="", query=found.query)

    async def aclose(self) -> None:
        self.closed = True

    def run(self, items: Iterator[tuple[int, SourceItem]], watch: Watch = Watch()) -> Iterator[Item]:  # noqa: B008
        return LocalExecutor(ExecutorTable(), lambda order, watch: self).run(None, items, watch)


def source(count: int, pulled: list[int] | None = None, end: Callable[[], None] = lambda: None) -> Iterator[tuple[int, SourceItem]]:
    for number in range(count):
        if pulled is not None:
            pulled.append(number)
        yield number, SourceItem(id=str(number), source="s", domain="", query="q")
    end()


def until(true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came to that")


def test_more_items_than_calls_are_under_way_and_no_more_than_there_is_room_for() -> None:
    maker, pulled = Maker(concurrency=2), list[int]()
    items = maker.run(source(100, pulled))

    def let_them() -> None:
        until(lambda: len(maker.begun) == 8)
        maker.let.set()

    threading.Thread(target=let_them).start()
    first = next(items)
    until(lambda: len(maker.ended) >= 8)
    # One was fetched, so one more had room; what is made and not fetched takes its room still.
    until(lambda: len(pulled) == 9)
    threading.Event().wait(0.1)
    assert len(pulled) == 9
    assert sorted([first.number, *(item.number for item in items)]) == list(range(100)) and maker.closed


def test_a_spent_budget_lets_others_end() -> None:
    maker = Maker(spent=frozenset({1, 2}))
    maker.let.set()
    made = []
    with pytest.raises(BudgetSpent, match="no more"):
        for item in maker.run(source(1000)):
            made.append(item.number)
    assert 0 in made and not {1, 2} & set(made) and len(made) < 999 and maker.closed
    assert sorted(made) == sorted(maker.ended)


def test_an_error_of_the_source_comes_after_what_was_begun() -> None:
    def end() -> None:
        raise InputError("line 7 is malformed")

    maker, made = Maker(), list[int]()
    maker.let.set()
    with pytest.raises(InputError, match="line 7"):
        for item in maker.run(source(5, end=end)):
            made.append(item.number)
    assert sorted(made) == [0, 1, 2, 3, 4]


def test_a_defect_is_raised_as_it_is() -> None:
    maker = Maker(broken=frozenset({0}))
    maker.let.set()
    with pytest.raises(ZeroDivisionError):
        list(maker.run(source(3)))
    assert maker.closed


def test_cancelled_or_left_alone_it_stops() -> None:
    maker, closed = Maker(), list[bool]()

    def items() -> Iterator[tuple[int, SourceItem]]:
        try:
            yield from source(100)
        finally:
            closed.append(True)

    with pytest.raises(Cancelled):
        list(maker.run(items(), replace(Watch(), cancelled=lambda: len(maker.begun) > 3)))
    assert maker.closed and not maker.ended and closed == [True]

    left = Maker()
    left.let.set()
    running = left.run(source(100))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert left.closed and len(left.begun) < 100
