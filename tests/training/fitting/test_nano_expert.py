"""Scores and chances of plans, by hand; and the model's own choice of a plan against what it writes."""

from __future__ import annotations

import math

import pytest

from app.ranking.errors import InputError
from app.ranking.models.nano import cards
from app.ranking.models.nano.vocabulary import WORDS
from training.baselines import PLANS
from training.config import load_recipe
from training.fitting.nano_expert import Tried, chances, choice, plan_shares, softened, tried
from training.fitting.nano_plans import believed, best, means, scores
from training.fitting.nano_rows import Lesson, Style, trace_row

# By meaning the first card is better, by words the second.
CARDS = ((0, 9, 0, 0, 0, 0), (8, 0, 0, 0, 0, 0))


def lesson(gains: tuple[int, ...]) -> Lesson:
    return Lesson(id="a", prompt=cards.prompt_text("what is heat", CARDS), cards=CARDS, gains=gains)


def score_of(found: Tried, first: str, then: str) -> float:
    return next(score for plan, score in zip(PLANS, found.scores, strict=True) if (plan.first, plan.then) == (first, then))


def test_plans_are_scored_by_their_ranking() -> None:
    """Only the second passage is wanted: rank 1 is worth 1, rank 2 is worth 1 / log2(3)."""
    found = tried(lesson((0, 1)), (0.5,) * 49, 1.0)
    assert len(found.scores) == 49
    assert score_of(found, "words", "all") == 1.0
    assert score_of(found, "meaning", "all") == pytest.approx(1 / math.log2(3))
    # Without a preference 9 beats 8.
    assert score_of(found, "all", "all") == pytest.approx(1 / math.log2(3))


def test_a_lists_scores_are_drawn_towards_those_of_all_lists() -> None:
    """Means .6, .4 and this list .1, .5: its level .3 says nothing, its departures from the means are -.3 and +.3."""
    assert believed((0.1, 0.5), (0.6, 0.4), 0.0) == pytest.approx((0.6, 0.4))
    assert believed((0.1, 0.5), (0.6, 0.4), 0.5) == pytest.approx((0.45, 0.55))
    assert believed((0.1, 0.5), (0.6, 0.4), 1.0) == pytest.approx((0.3, 0.7))
    assert means([(0.2, 0.4), (0.6, 0.0)]) == pytest.approx((0.4, 0.2))
    with pytest.raises(InputError, match="judged lists"):
        means([])


def test_the_best_plan_of_a_list_is_one_that_ranks_it_best() -> None:
    found = scores(CARDS, (0, 1))
    assert max(found) == 1.0 and found[PLANS.index(best(found))] == 1.0
    assert best(believed(found, (0.0,) * 48 + (1.0,), 0.0)) == PLANS[-1]


def test_chances_by_hand() -> None:
    # e^0 : e^-1 : e^-1, twice softness apart.
    soft = chances([1.0, 0.9, 0.9], 0.1)
    assert soft == pytest.approx([1 / (1 + 2 / math.e), 1 / (math.e + 2), 1 / (math.e + 2)])
    assert chances([0.5, 1.0, 1.0], 0.0) == [0.0, 0.5, 0.5]
    assert chances([0.0, 800.0], 0.001) == [0.0, 1.0]


def test_targets_of_the_plans_words_are_the_chances() -> None:
    """Of four plans that have a chance two begin with words; `words, meaning` was drawn, so that the second word is about those two."""
    shares = [0.0] * 49
    wanted = {("words", "words"): 0.1, ("words", "meaning"): 0.3, ("all", "lead"): 0.2, ("meaning", "all"): 0.4}
    for at, plan in enumerate(PLANS):
        shares[at] = wanted.get((plan.first, plan.then), 0.0)
    drawn = next(at for at, plan in enumerate(PLANS) if (plan.first, plan.then) == ("words", "meaning"))
    style = Style.of(load_recipe("smoke").start, 2.0)
    row = softened(trace_row(lesson((0, 1)).prompt, PLANS[drawn], style), shares, drawn)
    targets: dict[str, dict[str, float]] = {}
    for at, token, share in zip(row["soft_at"], row["soft_ids"], row["soft_shares"], strict=True):
        targets.setdefault(WORDS[row["input_ids"][at]], {})[WORDS[token]] = share
    first = {word: share for word, share in targets["first:words"].items() if share}
    then = {word: share for word, share in targets["then:meaning"].items() if share}
    assert first == pytest.approx({"first:words": 0.4, "first:meaning": 0.4, "first:all": 0.2})
    assert then == pytest.approx({"then:words": 0.25, "then:meaning": 0.75})
    # Grades stay as they were: the first card has 27 of 12 x 9, which is 12.25 of 49.
    assert sum(targets["g12"].values()) == pytest.approx(1.0)


@pytest.mark.model
def test_the_choice_is_what_the_model_writes() -> None:
    """Chances sum to one, and the likeliest first and second words are those that greedy decoding writes."""
    from transformers import Qwen3ForCausalLM

    from app.ranking.backends.nano import WEIGHTS, load_model
    from app.ranking.models.nano.cards import read_plan
    from app.ranking.models.nano.decoding import generate
    from app.ranking.models.nano.vocabulary import chat_text, decode, encode

    model = Qwen3ForCausalLM.from_pretrained(WEIGHTS)
    prompts = [lesson((0, 1)).prompt, cards.prompt_text("heat in small steps", [(9, 9, 9, 9, 0, 0)] * 6)]
    shares = plan_shares(model, prompts)
    assert [sum(chance) for chance in shares] == pytest.approx([1.0, 1.0])
    written = generate(load_model(WEIGHTS), [encode(chat_text(prompt)) for prompt in prompts])
    ranked = tuple(float(number) for number in range(49))
    for prompt, chance, ids in zip(prompts, shares, written, strict=True):
        read = read_plan(decode(ids))
        assert read is not None
        at = PLANS.index(read[0])
        one = Tried(lesson=Lesson(id="a", prompt=prompt, cards=CARDS, gains=(0, 1)), scores=ranked, believed=ranked)
        found = choice(model, [one])
        assert found["ndcg"] == at
        assert found["reward"] == pytest.approx(sum(share * score for share, score in zip(chance, ranked, strict=True)))
        assert 0 <= found["plan_entropy"] <= math.log(49)
