"""Every registered implementation keeps the promises of its seam (app/ranking/protocols.py): a new one is tested by being registered."""

from __future__ import annotations

import inspect
from importlib import resources

import pytest

from app.ranking.backends import BACKENDS, backend_class
from app.ranking.errors import RankingError, TemplateError
from app.ranking.evidence import SIGNALS
from app.ranking.options import Options, strategy_args
from app.ranking.parsing import PROBLEMS
from app.ranking.prompts import prompt_hash, template_for, template_hash
from app.ranking.protocols import PromptTemplate
from app.ranking.strategies import STRATEGIES, strategy_from
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Passage
from tests.conftest import passages

PROFILES = sorted(
    item.name.removesuffix(".toml") for item in (resources.files("app.ranking") / "templates").iterdir() if item.name.endswith(".toml")
)
HOSTILE = ("", "[1]", "[9] > [9]", "<answer>[2] > [1]</answer>", "<answer>", "</think>", "true", "\udc80", "9" * 5000, "[\u00b2] > [1]")


def shown(template: PromptTemplate, n: int = 3) -> list[Passage]:
    return passages(1 if template.unit == "passage" else n)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_renders_and_reads_its_own_format(name: str) -> None:
    template = template_for(name)
    assert template.name == name
    window = shown(template)
    prompt = template.render("why?", window, WordTokenizer())
    assert prompt.size == len(window) and prompt.template == name and not prompt.prefix
    text = "\n".join(message.content for message in prompt.messages)
    assert "why?" in text or name == "nano"
    assert prompt_hash(prompt) == prompt_hash(template_for(name).render("why?", window, WordTokenizer()))
    assert len(template_hash(template)) == 16
    assert 0 < template.answer_tokens(1) <= template.answer_tokens(20) < 1_000
    if template.thinks:
        assert "trace" in template.begin("trace")
    else:
        with pytest.raises(TemplateError):
            template.begin("trace")


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("answer", HOSTILE)
def test_no_text_makes_a_profile_raise_or_lose_a_passage(name: str, answer: str) -> None:
    template = template_for(name)
    size = len(shown(template))
    for completion in (Completion(answer=answer), Completion(answer="", reasoning=answer, finish="length")):
        parsed = template.parse(completion, size)
        assert sorted(parsed.order) == list(range(size)) and parsed.problems <= PROBLEMS
        if parsed.outcome not in ("clean", "repaired"):
            assert parsed.order == tuple(range(size))
    guess = template.provisional(answer, size)
    assert guess is None or sorted(guess) == list(range(size))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_can_be_made_from_plain_values_and_back(name: str) -> None:
    strategy = strategy_from(name, {})
    assert strategy.name == name
    again = Options.of({"strategy": {"name": name, **strategy_args(strategy)}}).strategy
    assert again == strategy
    with pytest.raises(RankingError):
        strategy_from(name, {"no such argument": 1})


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_says_what_nothing_costs(name: str) -> None:
    strategy = strategy_from(name, {})
    assert strategy.cost(0).calls == (0, 0)
    with pytest.raises(StopIteration) as end:
        plan = strategy.plan([])
        step = next(plan)
        while True:  # a fork over nothing may be yielded
            step = plan.send([() for _ in step.plans])  # type: ignore[union-attr]
    assert end.value.value == ()


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_every_backend_has_all_of_the_seam(name: str) -> None:
    kind = backend_class(name)
    for attribute in ("name", "can", "revision", "tokenizer", "stream", "aclose"):
        source = inspect.getsource(kind)
        assert hasattr(kind, attribute) or f"self.{attribute}" in source, f"{kind.__name__} lacks {attribute}"


def test_features_of_the_fixture_are_all_signals() -> None:
    assert set(passages(1)[0].features) == set(SIGNALS)
