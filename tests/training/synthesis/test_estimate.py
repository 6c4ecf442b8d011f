"""What a dry run says, and that nothing of it is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.settings import Settings
from db.session import Database
from tests.databases import migrated
from tests.training.synthesis.counting_server import MINING, CountingServer
from tests.training.synthesis.world import CALLS, write_world
from training.jobs.context import Context
from training.synthesis.estimate import Estimate, Range, bootstrap, estimate, spread
from training.synthesis.recipe import BudgetTable, load_synthesis_recipe
from training.synthesis.run import synthesize
from training.synthesis.workshop import changed

ITEMS = 8


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer(seconds=0.01) as server:
        yield server


@pytest.fixture
def context(tmp_path: Path, server: CountingServer) -> Iterator[Context]:
    write_world(tmp_path, server.address, ITEMS // 2)
    models = tmp_path / "models.toml"
    models.write_text(models.read_text() + "price_in = 1000.0\nprice_out = 3000.0\ndaily_cap = 1000.0\n")
    database: Database = migrated(tmp_path / "var" / "studio.db")
    yield Context(settings=Settings(data_dir=tmp_path / "var", models=models), database=database)
    database.close()


def test_a_sample_is_asked_for_really_and_never_again(context: Context, server: CountingServer, tmp_path: Path) -> None:
    server.usage = (30, 10)
    recipe = load_synthesis_recipe(tmp_path / "world.toml")
    found = estimate(context, recipe, 3)
    assert (found.items, found.sample, server.asked.total()) == (ITEMS, 3, 3 * CALLS)
    whole = ITEMS * CALLS
    assert found.calls == Range(value=whole, low=whole, high=whole)
    assert found.tokens.value == whole * 40
    assert found.cost.value == pytest.approx(whole * (30 * 1000 + 10 * 3000) / 1e6)
    assert found.seconds is not None and found.seconds.value >= whole * 0.01 / 4

    assert estimate(context, recipe, 3).calls == found.calls and server.asked.total() == 3 * CALLS
    result = synthesize(context.settings, context.database, recipe, context)
    assert (result["new"], result["calls"]) == (ITEMS - 3, whole) and set(server.asked.values()) == {1}
    assert result["cost"] == pytest.approx(found.cost.value)


def test_without_a_call_the_prompts_are_the_real_ones(context: Context, server: CountingServer, tmp_path: Path) -> None:
    recipe = changed(load_synthesis_recipe(tmp_path / "world.toml"), budget=BudgetTable(tokens=500))
    found = estimate(context, recipe, 0)
    assert server.asked.total() == 0 and found.seconds is None
    assert found.calls == Range(value=ITEMS * CALLS, low=ITEMS * CALLS, high=ITEMS * CALLS)
    assert "would stop it after about 0 queries" in found.text and "No call was made" in found.text

    result = synthesize(context.settings, context.database, load_synthesis_recipe(tmp_path / "world.toml"), context)
    # Words of the prompts times 1.3 are what the estimate counts; the server counts words. The answers' length is the profile's 600 + 8 n,
    # cut at the recipe's 300 tokens.
    written = ITEMS * (24 + (CALLS - 1) * 300)
    assert found.tokens.value - written == pytest.approx(1.3 * result["tokens_in"], rel=0.01)
    assert server.of(MINING) == ITEMS


def test_a_budget_that_ends_the_sample_is_told(context: Context, server: CountingServer, tmp_path: Path) -> None:
    server.usage = (30, 10)
    recipe = changed(load_synthesis_recipe(tmp_path / "world.toml"), budget=BudgetTable(tokens=2300))
    found = estimate(context, recipe, ITEMS)
    assert 0 < found.sample < ITEMS and "smaller than asked for" in found.text
    assert server.tokens <= 2300


def test_nothing_to_estimate(context: Context, tmp_path: Path) -> None:
    for domain in ("first", "second"):
        (tmp_path / domain / "queries.jsonl").write_text("")
    with pytest.raises(InputError, match="no query"):
        estimate(context, load_synthesis_recipe(tmp_path / "world.toml"), 2)
    with pytest.raises(SettingsError, match="dry-run 5"):
        estimate(context, load_synthesis_recipe("demo"), 0)


def test_what_caps_would_do() -> None:
    one = Range(value=1000.0, low=900.0, high=1100.0)
    said = Estimate(items=200, sample=5, calls=one, tokens=one, cost=one, seconds=one, currency="EUR", budget=BudgetTable())
    assert "There is no cap" in said.text and "16.7 [15.0, 18.3] min" in said.text
    capped = Estimate(
        items=200, sample=5, calls=one, tokens=one, cost=one, seconds=None, currency="EUR", budget=BudgetTable(tokens=1100, cost=500.0)
    )
    assert "The cap of 1,100 tokens would be enough." in capped.text
    assert "The cap of 500 EUR would stop it after about 100 queries." in capped.text


@given(st.integers(1, 500), st.integers(1, 60), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_sample_has_one_query_of_each_part(items: int, sample: int, seed: int) -> None:
    found = sorted(spread(items, sample, seed))
    assert len(found) == min(items, sample) and found == sorted(spread(items, sample, seed))
    if sample < items:
        edges = [round(part * items / sample) for part in range(sample + 1)]
        assert all(low <= number < high for number, low, high in zip(found, edges, edges[1:], strict=False))


def test_a_bootstrap_interval_is_the_one_of_theory_for_many_values() -> None:
    # 0 and 1 alike: the mean of 400 has a standard error of 0.5 / 20 = 0.025, so 95 % lie within 1.96 of it.
    mean, low, high = bootstrap([0.0, 1.0] * 200, seed=1)
    assert mean == 0.5 and low == pytest.approx(0.5 - 0.049, abs=0.006) and high == pytest.approx(0.5 + 0.049, abs=0.006)
    assert bootstrap([2.0, 2.0], seed=1) == (2.0, 2.0, 2.0)
