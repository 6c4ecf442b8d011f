"""Fusion by hand, and when a ranking is called harmful."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.ranking.errors import SettingsError
from app.ranking.fusion import Fusion, confident_head, fuse, harm_note
from app.ranking.values import Passage


def listed(*scores: float | None) -> list[Passage]:
    return [Passage(id=f"p{number}", text="x", score=score) for number, score in enumerate(scores, start=1)]


def ids(passages: tuple[Passage, ...]) -> str:
    return " ".join(passage.id for passage in passages)


def test_weights_lead_from_one_order_to_the_other() -> None:
    first = listed(3.0, 2.0, 1.0)
    model = [first[2], first[0], first[1]]
    assert ids(fuse(Fusion(weight=1.0), first, model)) == "p3 p1 p2"
    assert ids(fuse(Fusion(weight=0.0), first, model)) == "p1 p2 p3"
    # k = 1, weight 1/2, twice the sum: p1 1/3 + 1/2, p2 1/4 + 1/3, p3 1/2 + 1/4.
    assert ids(fuse(Fusion(weight=0.5, k=1), first, model)) == "p1 p3 p2"


def test_equal_sums_keep_the_models_order() -> None:
    first = listed(2.0, 1.0)
    assert ids(fuse(Fusion(weight=0.5), first, [first[1], first[0]])) == "p2 p1"


@pytest.mark.parametrize(("weight", "k"), [(-0.1, 60), (1.1, 60), (0.5, 0)])
def test_a_weight_outside_0_and_1_is_refused(weight: float, k: int) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        Fusion(weight=weight, k=k)


def test_a_confident_first_stage_turned_upside_down_is_said() -> None:
    first = listed(10.0, *([1.0] * 19))
    assert [passage.id for passage in confident_head(first)] == ["p1"]
    note = harm_note(first, first[1:] + first[:1])
    assert "sure of 1 of 20 passages" in note and "p1 to rank 20" in note
    assert harm_note(first, first) == ""
    assert harm_note(first, first[1:10] + first[:1] + first[10:]) == "", "rank 10 of 20 is not the lower half"


def test_without_scores_or_with_few_passages_nothing_is_claimed() -> None:
    assert confident_head(listed(9.0, 1.0, 1.0)) == []
    first = listed(10.0, *([1.0] * 19))
    assert confident_head([*first[:-1], replace(first[-1], score=None)]) == []
    assert confident_head(listed(*([10.0] * 6), *([1.0] * 94))) == [], "six at once is no certainty"
