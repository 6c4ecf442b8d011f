"""Baselines fitted on labels, on lists whose answer is known."""

from __future__ import annotations

import pytest

from app.ranking.errors import InputError
from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.cards import Plan
from app.ranking.values import Passage
from training.baselines import PLANS, Labelled, best_plan, fit_linear, plan_order


def passage(id_: str, **signals: float) -> Passage:
    return Passage(id=id_, text="", features={**dict.fromkeys(SIGNALS, 0.0), **signals})


def by_meaning() -> Labelled:
    """Meaning says who is better, words say the opposite; the third is not graded."""
    passages = (passage("a", words=0.95, meaning=0.1), passage("b", words=0.1, meaning=0.95), passage("c", words=0.5, meaning=0.5))
    return Labelled(passages=passages, grades={"a": 0, "b": 2})


def test_the_linear_ranker_finds_the_signal_that_tells_grades_apart() -> None:
    found = fit_linear([by_meaning()] * 20)
    words, meaning = found.weights[:2]
    # Both signals differ by 0.85, so both get the same weight with opposite signs; the rest says nothing.
    assert meaning == pytest.approx(-words) and meaning > 1
    assert found.weights[2:] == pytest.approx((0.0,) * 4, abs=1e-9)
    assert found.order(by_meaning().passages) == ["b", "c", "a"]


def test_the_linear_ranker_solves_its_own_equation() -> None:
    """One pair, one signal, difference d: the penalised likelihood has its optimum where w = C n d / (1 + e^(w d)), n = 2 rows."""
    import math

    listed = Labelled(passages=(passage("a", lead=0.5), passage("b")), grades={"a": 1, "b": 0})
    weight = fit_linear([listed], strength=3.0).weights[5]
    assert weight == pytest.approx(3.0 * 2 * 0.5 / (1 + math.exp(weight * 0.5)), rel=1e-3)


def test_every_list_counts_alike() -> None:
    """One list with many pairs for words, two with one pair each for meaning: meaning has the greater weight."""
    many = Labelled(
        passages=tuple(passage(f"w{at}", words=float(at < 4), meaning=float(at >= 4)) for at in range(8)),
        grades={f"w{at}": int(at < 4) for at in range(8)},
    )
    one = Labelled(passages=(passage("a", meaning=1.0), passage("b", words=1.0)), grades={"a": 1, "b": 0})
    words, meaning = fit_linear([many, one, one]).weights[:2]
    assert meaning > words


def test_equal_sums_keep_their_order() -> None:
    found = fit_linear([by_meaning()])
    assert found.order([passage("x", lead=0.2), passage("y", lead=0.7)]) == ["x", "y"]


def test_labels_that_tell_nothing_apart_are_refused() -> None:
    with pytest.raises(InputError, match="nothing to learn"):
        fit_linear([Labelled(passages=by_meaning().passages, grades={"a": 1, "b": 1})])
    with pytest.raises(InputError, match="no list"):
        best_plan([])


def test_the_best_plan_ranks_best() -> None:
    """Under words first `a` is ahead, under the plain sum both tie and `a` stays ahead; the first plan that helps is the best."""
    found = best_plan([by_meaning()])
    assert plan_order(found, by_meaning().passages)[0] == "b"
    assert found == next(plan for plan in PLANS if plan_order(plan, by_meaning().passages)[0] == "b")
    assert plan_order(Plan(first="words"), by_meaning().passages)[0] == "a"
    assert len(PLANS) == len({(plan.first, plan.then) for plan in PLANS}) == 49
