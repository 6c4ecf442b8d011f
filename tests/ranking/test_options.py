"""Options from plain values and back, what a run will cost, and templates for the unit that a strategy asks about."""

from __future__ import annotations

import json

import pytest

from app.ranking.errors import RankingError, SettingsError, TemplateError
from app.ranking.estimate import NO_COST, Price, estimate
from app.ranking.fusion import Fusion
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.options import Options, strategy_args
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Consensus, Single, Sliding, TopDown
from app.ranking.thinking import Settle, Thinking
from app.ranking.units import AsUnit, template_for_unit
from app.ranking.values import Completion
from tests.conftest import passages
from tests.ranking.thinker import Thinker, list_of

WHOLE = {
    "strategy": {"name": "consensus", "strategy": {"name": "sliding", "size": 10, "step": 5, "passes": 1}, "k": 3, "seed": 0},
    "thinking": {"budget": 500, "settle": {"top": 5, "patience": 100}},
    "fusion": {"weight": 0.7, "k": 60},
}


def test_options_from_json_and_back() -> None:
    options = Options.of(json.loads(json.dumps(WHOLE)))
    assert options == Options(
        strategy=Consensus(strategy=Sliding(size=10, step=5), k=3),
        thinking=Thinking(budget=500, settle=Settle(top=5, patience=100)),
        fusion=Fusion(weight=0.7),
    )
    again = {"strategy": {"name": options.strategy.name, **strategy_args(options.strategy)}, **options.plain}
    assert json.loads(json.dumps(again)) == WHOLE
    assert Options.of({}) == Options() and Options().plain == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"colour": 1}, "options .* are unknown"),
        ({"thinking": {"loud": True}}, "thinking has no"),
        ({"thinking": {"budget": "9"}}, "budget is '9'"),
        ({"thinking": {"budget": True}}, "must be a int"),
        ({"thinking": {"settle": {"top": 0}}}, "at least 1"),
        ({"thinking": {"mode": "loud"}}, "use profile, reasoned, direct or auto"),
        ({"fusion": {"weight": 7}}, "between 0 and 1"),
        ({"fusion": {"weight": "much"}}, "must be a float"),
        ({"strategy": {"name": "magic"}}, "no strategy is called"),
        ({"strategy": "sliding"}, "strategy"),
        ({"thinking": [1]}, "thinking"),
    ],
)
def test_wrong_options_are_said(data: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Options.of(data)


def ranker(strategy: Sliding | TopDown | Single, **changes: object) -> Ranker:
    backend = Thinker("x", lambda _: list_of(1), lambda _: list_of(1))
    return Ranker(backend=backend, template=builtin_profile("studio"), strategy=strategy, **changes)  # type: ignore[arg-type]


def test_an_estimate_counts_prompts_by_what_is_really_shown() -> None:
    listed = passages(100)
    one = estimate(ranker(Single()), "why", listed[:20])
    prompt = builtin_profile("studio").render("why", listed[:20], ranker(Single()).backend.tokenizer)
    real = sum(ranker(Single()).backend.tokenizer.count(message.content) for message in prompt.messages)
    assert one.tokens_in[0] == one.tokens_in[1] and abs(one.tokens_in[0] - real) <= 2
    sliding = estimate(ranker(Sliding()), "why", listed)
    # Nine prompts of twenty passages each.
    assert sliding.tokens_in[0] == pytest.approx(9 * one.tokens_in[0], rel=0.02)
    # The profile's typical trace: 600 tokens a call and 8 a passage.
    assert sliding.tokens_out == (9 * 600 + 180 * 8,) * 2 and sliding.most_out == 9 * 4096 and not sliding.exact


def test_ranges_direct_answers_budgets_and_prices() -> None:
    listed = passages(100)
    found = estimate(ranker(TopDown()), "why", listed)
    assert found.tokens_in[0] < found.tokens_in[1] and found.plan == TopDown().cost(100)
    direct = estimate(ranker(Sliding(), thinking=Thinking(mode="direct")), "why", listed)
    assert direct.tokens_out[1] < 9 * 300
    budget = estimate(ranker(Sliding(), thinking=Thinking(budget=100)), "why", listed)
    assert budget.tokens_out == (9 * 100 + 180 * 8,) * 2
    assert found.price(Price(tokens_in=1.0, tokens_out=2.0))[0] == pytest.approx((found.tokens_in[0] + 2 * found.tokens_out[0]) / 1e6)
    both = NO_COST.plus(found).plus(found)
    assert both.plan.calls == (12, 14) and both.plan.depth == (2, 3) and both.tokens_in[1] == 2 * found.tokens_in[1]
    assert json.loads(json.dumps(both.plain))["calls"] == [12, 14]
    assert estimate(ranker(Sliding()), "why", []).plan.calls == (0, 0)


def test_the_embedded_models_estimate_is_exact() -> None:
    backend = Thinker("x", lambda _: "")
    backend.tokenizer = __import__("app.ranking.models.nano.vocabulary", fromlist=["NanoTokenizer"]).NanoTokenizer()
    found = estimate(Ranker(backend=backend, template=NanoTemplate(), strategy=Sliding()), "why", passages(20))
    assert found.exact and found.tokens_out == (108, 108), "8 words around and 5 a card"


def test_a_listwise_profile_gives_way_to_the_one_for_the_unit() -> None:
    assert template_for_unit(builtin_profile("reasonrank"), "list").name == "reasonrank"
    assert template_for_unit(builtin_profile("reasonrank"), "best").name == "setwise"
    assert template_for_unit(builtin_profile("reasonrank"), "passage").name == "pointwise"
    nano = template_for_unit(NanoTemplate(), "best")
    assert isinstance(nano, AsUnit) and (nano.name, nano.unit) == ("nano", "best")
    with pytest.raises(TemplateError, match="can't be read as one about a best"):
        AsUnit(builtin_profile("studio"), "best")


def test_a_list_read_as_a_best_keeps_the_incoming_order_behind_it() -> None:
    trace = "weigh first:all then:meaning [1] g10 +words -none [2] g40 +none -meaning [3] g20 +words -none"
    answer = Completion(reasoning=trace, answer="<answer> [2] >[3] >[1] </answer>")
    assert template_for_unit(NanoTemplate(), "best").parse(answer, 3).order == (1, 0, 2)
    one = Completion(reasoning="weigh first:all then:meaning [1] g33 +words -none", answer="<answer> [1] </answer>")
    assert template_for_unit(NanoTemplate(), "passage").parse(one, 1).scores == (33.0,)
    broken = template_for_unit(NanoTemplate(), "best").parse(Completion(answer="<answer> [2] </answer>"), 3)
    assert (broken.outcome, broken.order) == ("no_answer", (0, 1, 2))


def test_every_error_of_options_is_one_that_pages_show() -> None:
    assert issubclass(SettingsError, RankingError) and issubclass(TemplateError, RankingError)
