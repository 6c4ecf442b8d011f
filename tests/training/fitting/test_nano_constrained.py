"""Drawing answers under the grammar, and the probabilities of what was drawn."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from app.ranking.models.nano import cards
from app.ranking.models.nano.grammar import grammar
from app.ranking.models.nano.vocabulary import FIRST, IDS, PAD, WORDS, chat_text, encode
from training.fitting.nano_constrained import Drawing, draw, forbidden, log_chances, roll_out

PROMPT = encode(chat_text(cards.prompt_text("what is heat", [(9, 8, 7, 6, 5, 4), (0, 1, 2, 3, 4, 5)])))


def shares(drawing: Drawing, count: int = 4000) -> dict[int, float]:
    """How often each of three words is drawn, whose odds are 1 : 2 : 4 at temperature 1."""
    rng = random.Random(3)
    found = Counter(draw([0.0, math.log(2), math.log(4)], [7, 8, 9], drawing, rng) for _ in range(count))
    return {token: found[token] / count for token in (7, 8, 9)}


def test_words_are_drawn_by_their_scores() -> None:
    assert shares(Drawing()) == pytest.approx({7: 1 / 7, 8: 2 / 7, 9: 4 / 7}, abs=0.03)
    # At half the temperature the odds are squared.
    assert shares(Drawing(temperature=0.5)) == pytest.approx({7: 1 / 21, 8: 4 / 21, 9: 16 / 21}, abs=0.03)


def test_cuts_leave_the_likeliest() -> None:
    assert shares(Drawing(top_k=2)) == pytest.approx({7: 0.0, 8: 1 / 3, 9: 2 / 3}, abs=0.03)
    # 4/7 is less than 0.6, so that the second word is needed.
    assert shares(Drawing(top_p=0.6)) == pytest.approx({7: 0.0, 8: 1 / 3, 9: 2 / 3}, abs=0.03)
    assert shares(Drawing(top_p=0.5)) == {7: 0.0, 8: 0.0, 9: 1.0}
    # 0.9 of what top_k has left, 2/3, needs both.
    assert shares(Drawing(top_k=1, top_p=0.1)) == {7: 0.0, 8: 0.0, 9: 1.0}


@pytest.mark.model
def test_answers_follow_the_grammar_and_the_seed() -> None:
    from app.ranking.backends.nano import WEIGHTS, load_model

    network = load_model(WEIGHTS)
    hot = Drawing(temperature=3.0)
    found = roll_out(network, [PROMPT] * 3, 128, hot, "one")
    for answer in found:
        walk = grammar((1, 2))
        allowed = next(walk)
        for token in answer[:-1]:
            assert token in allowed
            allowed = walk.send(token)
        assert answer[-1] == IDS["<end>"]
    assert found == roll_out(network, [PROMPT] * 3, 128, hot, "one")
    assert found != roll_out(network, [PROMPT] * 3, 128, hot, "two")
    # Neighbours change nothing.
    assert found[:1] == roll_out(network, [PROMPT], 128, hot, "one")
    assert [len(answer) for answer in roll_out(network, [PROMPT], 5, hot, "one")] == [5]


@pytest.mark.model
def test_probabilities_are_those_among_the_allowed_words() -> None:
    """All scores alike: a word has 1 / allowed, a forced one 1; what a row doesn't say has no rule."""
    import torch

    answer = encode("<think> weigh first:words then:all [1] g40 +words -lead")[:7]
    short = encode("<think> weigh first:words")
    ids = torch.tensor([[*PROMPT, *answer], [*PROMPT, *short, *[IDS[PAD]] * (len(answer) - len(short))]])
    mask = (ids != IDS[PAD]).long()
    ruled = forbidden(ids, mask, len(answer), len(WORDS))
    assert ruled.shape == (2, 7, len(WORDS))
    assert [int((~ruled[0, place]).sum()) for place in range(7)] == [1, 1, 7, 7, 1, 50, 7]
    assert {WORDS[at] for at in (~ruled[0, 2]).nonzero().flatten().tolist()} == set(FIRST)
    assert not ruled[1, 3:].any()
    chosen, entropies = log_chances(torch.zeros(2, 7, len(WORDS)), ids[:, len(PROMPT) :], ruled, 0.7)
    assert chosen[0].exp().tolist() == pytest.approx([1, 1, 1 / 7, 1 / 7, 1, 1 / 50, 1 / 7])
    assert entropies[0].tolist() == pytest.approx([0, 0, math.log(7), math.log(7), 0, math.log(50), math.log(7)], abs=1e-5)


@pytest.mark.model
def test_temperature_divides_the_scores() -> None:
    import torch

    ids = torch.tensor([[*PROMPT, *encode("<think> weigh first:words")]])
    ruled = forbidden(ids, torch.ones_like(ids), 3, len(WORDS))
    logits = torch.zeros(1, 3, len(WORDS))
    logits[0, 2, IDS["first:words"]] = math.log(3.0)
    logits[0, 2, IDS["g49"]] = 50.0  # not allowed there
    warm, _ = log_chances(logits, ids[:, -3:], ruled, 1.0)
    cold, _ = log_chances(logits, ids[:, -3:], ruled, 0.5)
    assert warm[0, 2].exp().item() == pytest.approx(3 / 9)
    assert cold[0, 2].exp().item() == pytest.approx(9 / 15)
