"""What a ranking will cost, before anything is paid: calls, depth, passages read, tokens, price.

Calls, depth and passages follow from the strategy alone. Tokens read are measured on a rendered window of the real passages; tokens
written follow from what a profile typically writes, bounded by its limit. Retries and forced answers come on top and are counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from .protocols import PromptTemplate, Tokenizer
from .ranker import Ranker
from .thinking import Thinking
from .values import Passage, PlanCost, Prompt

_SAMPLE = 20  # passages rendered to learn how long one is


@runtime_checkable
class TellsTypical(Protocol):
    """A template that knows how much a model writes for it: tokens per call and, beyond that, per passage shown."""

    @property
    def typical(self) -> tuple[float, float]:
        """(tokens per call, tokens per passage)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price per million tokens read and written, in any one currency."""

    tokens_in: float = 0.0
    tokens_out: float = 0.0

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """Price of some tokens."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A prediction. Pairs are least and most, equal where the plan is exact. `tokens_out` is typical, `most_out` the limit of all calls.

    `exact` says whether tokens were counted with the model's own tokenizer.
    """

    plan: PlanCost
    tokens_in: tuple[int, int] = (0, 0)
    tokens_out: tuple[int, int] = (0, 0)
    most_out: int = 0
    exact: bool = False

    def price(self, price: Price) -> tuple[float, float]:
        """Least and most at typical lengths."""
        return price.of(self.tokens_in[0], self.tokens_out[0]), price.of(self.tokens_in[1], self.tokens_out[1])

    def plus(self, other: Estimate) -> Estimate:
        """Both together, one after the other in cost but side by side in depth: the estimate of a batch."""
        mine, theirs = self.plan, other.plan
        plan = PlanCost(
            calls=_add(mine.calls, theirs.calls),
            depth=(max(mine.depth[0], theirs.depth[0]), max(mine.depth[1], theirs.depth[1])),
            passages_read=_add(mine.passages_read, theirs.passages_read),
        )
        return Estimate(
            plan=plan,
            tokens_in=_add(self.tokens_in, other.tokens_in),
            tokens_out=_add(self.tokens_out, other.tokens_out),
            most_out=self.most_out + other.most_out,
            exact=self.exact and other.exact,
        )

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "calls": list(self.plan.calls),
            "depth": list(self.plan.depth),
            "passages_read": list(self.plan.passages_read),
            "tokens_in": list(self.tokens_in),
            "tokens_out": list(self.tokens_out),
            "most_out": self.most_out,
            "exact": self.exact,
        }


NO_COST = Estimate(plan=PlanCost(calls=(0, 0), depth=(0, 0), passages_read=(0, 0)), exact=True)


def estimate(ranker: Ranker, query: str, passages: Sequence[Passage]) -> Estimate:
    """Predict a run over these passages. Renders two prompts and asks no model. Raises TemplateError where a prompt can't be made."""
    plan = ranker.strategy.cost(len(passages))
    if not passages:
        return Estimate(plan=plan, exact=True)
    tokenizer = ranker.backend.tokenizer
    per_call, per_passage = _prompt_tokens(ranker.template, query, passages, tokenizer)
    out_call, out_passage = _written(ranker, ranker.thinking.of(query, passages)[0])
    limit = ranker.effective_sampling.max_tokens
    return Estimate(
        plan=plan,
        tokens_in=_weighted(plan, per_call, per_passage),
        tokens_out=_weighted(plan, out_call, out_passage, limit),
        most_out=plan.calls[1] * limit,
        exact=tokenizer.exact,
    )


def _weighted(plan: PlanCost, per_call: float, per_passage: float, limit: float = float("inf")) -> tuple[int, int]:
    pairs = zip(plan.calls, plan.passages_read, strict=True)
    least, most = (round(min(calls * limit, calls * per_call + read * per_passage)) for calls, read in pairs)
    return least, most


def _prompt_tokens(template: PromptTemplate, query: str, passages: Sequence[Passage], tokenizer: Tokenizer) -> tuple[float, float]:
    """Tokens of a prompt without passages, and of each passage in it, by rendering one passage and a sample of them."""
    sample = passages[: 1 if template.unit == "passage" else _SAMPLE]
    one = _tokens(template.render(query, sample[:1], tokenizer), tokenizer)
    if len(sample) == 1:
        return float(one), 0.0
    each = (_tokens(template.render(query, sample, tokenizer), tokenizer) - one) / (len(sample) - 1)
    return one - each, each


def _tokens(prompt: Prompt, tokenizer: Tokenizer) -> int:
    return sum(tokenizer.count(message.content) for message in prompt.messages) + tokenizer.count(prompt.prefix)


def _written(ranker: Ranker, thinking: Thinking) -> tuple[float, float]:
    """Typical tokens written per call and per passage: the answer alone for a direct one, else as the profile says."""
    template = ranker.template
    if thinking.mode == "direct" or not isinstance(template, TellsTypical):
        one, two = template.answer_tokens(1), template.answer_tokens(2)
        return one - (two - one), two - one
    per_call, per_passage = template.typical
    budget = thinking.budget
    return (min(per_call, float(budget)), per_passage) if budget else (per_call, per_passage)


def _add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]
