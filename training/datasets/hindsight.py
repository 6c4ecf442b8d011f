"""Hindsight plan labelling: the plan of the embedded model that would have led to a wanted ranking, and the true trace of that plan.

The model ranks by a plan out of 7 x 7 over six digits per passage. Given a list with labels or an order (a correction, a larger teacher's
answer), the plan whose ranking agrees best is what it should have written. Where no plan agrees well enough, the cards can't express the
wanted order: teaching it would teach the model to write grades that its cards contradict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.evaluation.metrics import ndcg
from app.ranking.models.nano.cards import Digits, Plan, best_order, faithfulness, grade, write_answer, write_reasoning
from app.ranking.models.nano.grammar import grammar
from app.ranking.models.nano.plans import usual_plan
from app.ranking.models.nano.vocabulary import END, IDS, THINK, THOUGHT, encode
from training.baselines import PLANS

_TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A plan with the order that its grades lead to (0-based positions, best first) and its agreement with what was wanted, 0..1."""

    plan: Plan
    order: tuple[int, ...]
    agreement: float


def explain(cards: Sequence[Digits], gains: Sequence[int]) -> Explained:
    """The plan whose ranking of the cards has the highest NDCG@10 by `gains`, one per card (0 for not wanted).

    Equally good plans: the one nearest to the usual plan of the list, so that nothing is said to be special that isn't.
    """
    usual = usual_plan(cards)
    wanted = {str(at): gain for at, gain in enumerate(gains)}
    found = (_tried(plan, cards, wanted) for plan in sorted(PLANS, key=lambda plan: _distance(plan, usual)))
    return max(found, key=lambda one: one.agreement)


def gains_of(example: Mapping[str, Any]) -> list[int]:
    """What is wanted of the passages of an example, in shown order: its grades, or gains made of its order where no grade is above 0.

    Of an order the first of n passages gets n (10 at most), and so on down to 1 for the tenth; the others get 0. An NDCG@10 of 1 then
    means that the first ten are the wanted ten, in the wanted order.
    """
    shown = [one["id"] for one in example["passages"]]
    grades = example["grades"]
    if any(value > 0 for value in grades.values()):
        return [max(0, grades.get(one, 0)) for one in shown]
    first = min(_TOP, len(shown))
    place = {one: first - rank for rank, one in enumerate(example["order"])}
    return [max(0, place[one]) for one in shown]


def true_trace(trace: str, order: Sequence[int], cards: Sequence[Digits]) -> bool:
    """Whether a trace and its order (0-based, best first) are what the model may write, word for word, and exactly true to the cards."""
    if not trace or not follows_grammar(trace, order, len(cards)):
        return False
    truth = faithfulness(trace, order, cards)
    return truth.complete and truth.grade_error == 0 and truth.reason_error == 0 and truth.order_agreement == 1


def follows_grammar(trace: str, order: Sequence[int], size: int) -> bool:
    """Whether trace and answer are a sentence of the embedded model's grammar for cards 1..size."""
    walk = grammar(range(1, size + 1))
    allowed = next(walk)
    for token in encode(f"{THINK} {trace} {THOUGHT} {write_answer(order)}"):
        if token not in allowed:
            return False
        allowed = walk.send(token)
    return allowed == (IDS[END],)


def trace_of(plan: Plan, cards: Sequence[Digits]) -> str:
    """The exact trace of a plan: what belongs between the think tags."""
    return write_reasoning(plan, cards)


def _tried(plan: Plan, cards: Sequence[Digits], wanted: Mapping[str, int]) -> Explained:
    order = best_order([grade(plan, digits) for digits in cards])
    return Explained(plan=plan, order=order, agreement=ndcg([str(at) for at in order], wanted, _TOP))


def _distance(plan: Plan, usual: Plan) -> int:
    """How far a plan is from the usual one: its first signal, which weighs four, counts twice as much as its second, which weighs two."""
    return 2 * (plan.first != usual.first) + (plan.then != usual.then)
