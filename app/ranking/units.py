"""A template for the unit that a strategy asks about: the model's own where it fits or can be read so, else the profile for that unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from .claims import claims
from .errors import TemplateError
from .prompts import builtin_profile
from .protocols import PromptTemplate, Tokenizer
from .sentences import Sentence, Terms, sentences
from .values import Claim, Completion, Parsed, Passage, Prompt, Unit

# The profile that asks about a unit where a model's own profile asks about another.
PROFILES: Mapping[Unit, str] = {"list": "studio", "passage": "pointwise", "best": "setwise"}


@runtime_checkable
class ReadAsUnits(Protocol):
    """A listwise template whose answers can stand for other units too: it grades every passage on a scale that windows share."""

    @property
    def also(self) -> frozenset[Unit]:
        """Units beyond its own."""
        ...


class AsUnit:
    """A listwise template read as another unit: the first of its order is the best, the grade of a list of one is its score.

    Itself a `protocols.PromptTemplate`; keeps the inner name, because prompts and traces are the same.
    """

    def __init__(self, inner: PromptTemplate, unit: Unit) -> None:
        if not (isinstance(inner, ReadAsUnits) and unit in inner.also):
            raise TemplateError(f"profile {inner.name!r} asks about a {inner.unit} and can't be read as one about a {unit}: choose another")
        self.name, self.unit, self.sampling, self.thinks = inner.name, unit, inner.sampling, inner.thinks
        self._inner = inner

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """The inner template's."""
        return self._inner.render(query, window, tokenizer)

    def begin(self, reasoning: str) -> str:
        """The inner template's."""
        return self._inner.begin(reasoning)

    def answer_tokens(self, size: int) -> int:
        """The inner template's."""
        return self._inner.answer_tokens(size)

    @property
    def typical(self) -> tuple[float, float]:
        """The inner template's, an answer alone where it does not say."""
        found: tuple[float, float] = getattr(self._inner, "typical", (0.0, float(self.answer_tokens(1))))
        return found

    def parse(self, completion: Completion, size: int) -> Parsed:
        """The inner template's order, reduced to what the unit says."""
        parsed = self._inner.parse(completion, size)
        if self.unit == "passage" or parsed.outcome not in ("clean", "repaired"):
            return parsed
        best = parsed.order[0]
        order = (best, *(position for position in range(size) if position != best))
        return Parsed(order=order, outcome=parsed.outcome, problems=parsed.problems, scores=parsed.scores)

    def provisional(self, partial: str, size: int) -> tuple[int, ...] | None:
        """The inner template's."""
        return self._inner.provisional(partial, size)

    def claims(self, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
        """The inner template's."""
        return claims(self._inner, reasoning, window)

    def sentences(self, reasoning: str, window: Sequence[Passage], terms: Terms) -> tuple[Sentence, ...]:
        """The inner template's."""
        return sentences(self._inner, reasoning, window, terms)


def template_for_unit(template: PromptTemplate, unit: Unit) -> PromptTemplate:
    """The template to ask about a unit with. Raises TemplateError where there is none."""
    if template.unit == unit:
        return template
    if isinstance(template, ReadAsUnits):
        return AsUnit(template, unit)
    return builtin_profile(PROFILES[unit])
