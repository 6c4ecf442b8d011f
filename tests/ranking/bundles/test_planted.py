"""Ten planted differences, six of them in files of which no setting speaks: the cause that is named first is the planted one.

Beside what is planted everything that changes nothing may differ: date, code revision and packages do, in every case.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.evaluation.bundles.compare import compare
from app.ranking.evaluation.bundles.settings import differing

from .plants import CAUSES, IN_DATA, PLANTS, planted
from .world import Settings, World

SEEDS = (1, 2)
ELSEWHERE = {"date": "2026-12-24", "commit": "another", "python": "3.13", "packages": {"numpy": "9"}}


@pytest.mark.parametrize("number", SEEDS)
def test_the_planted_cause_is_named_first(tmp_path: Path, number: int) -> None:
    named = {}
    for cause in CAUSES:
        (tmp_path / cause).mkdir()
        both = planted(cause, tmp_path / cause, number)
        found = compare(both.first, both.second, samples=100)
        assert any(row.change for row in found.rows) or found.change, f"planting {cause} has moved nothing: it proves nothing"
        named[cause] = found.causes[0].name if found.causes else ""
        assert sum(one.share for one in found.causes) == pytest.approx(1.0)
        assert sum(one.effect for one in found.causes) == pytest.approx(found.change)
        if cause in IN_DATA:
            # Not in the settings: what they say is the same, but for hashes of what the files hold.
            spoken = {name for name, _, _ in differing(both.first, both.second)}
            assert not {name for name in spoken if not name.startswith(("hashes.", "profile.hash", "made."))}
    right = [cause for cause in CAUSES if named[cause] == cause]
    assert len(CAUSES) == 10
    assert len(right) >= 9, named


# Each planted cause with one that is found in another way.
PAIRS = [(one, other) for one, other in itertools.combinations(PLANTS, 2) if {one, other} != {"prompt", "template"}]


@pytest.mark.parametrize(("one", "other"), random.Random(7).sample(PAIRS, 9) + [("truncation", "template"), ("prompt", "truncation")])
def test_two_causes_at_once_are_both_named(tmp_path: Path, one: str, other: str) -> None:
    world, dice = World(tmp_path / "world", 5), random.Random(5)
    first = world.evaluated(tmp_path / "first")
    plain, settings = Settings(), Settings(made=ELSEWHERE)
    for cause in (one, other):
        planted_ = PLANTS[cause](world, dice)
        changed = {
            name: getattr(planted_, name) for name in Settings.__dataclass_fields__ if getattr(planted_, name) != getattr(plain, name)
        }
        settings = replace(settings, **changed)
    found = compare(first, world.evaluated(tmp_path / "second", settings), samples=100)
    shares = {cause.name: cause.share for cause in found.causes}
    assert {one, other} <= set(shares), shares
    assert set(shares) <= {one, other}, shares
    assert min(shares.values()) > 0.02
    assert sum(shares.values()) == pytest.approx(1.0)
    assert sum(cause.effect for cause in found.causes) == pytest.approx(found.change)


def test_nothing_differs(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 3)
    found = compare(world.evaluated(tmp_path / "first"), world.evaluated(tmp_path / "second"), samples=100)
    assert found.same
    assert found.causes == () and found.differs == () and found.change == 0.0
    assert found.difference is not None and found.difference.wins == found.difference.losses == 0


def test_a_setting_that_changes_nothing_is_said_to(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 3)
    first = world.evaluated(tmp_path / "first", Settings(passage_tokens=100))
    second = world.evaluated(tmp_path / "second", Settings(passage_tokens=200, made=ELSEWHERE))
    found = compare(first, second, samples=100)
    assert found.causes == ()
    assert not found.same
    assert {name for name, _, _ in found.differs} == {"passage_tokens", "made.commit", "made.python"}
