"""The prompt profile of the embedded model: shows a window as evidence cards and reads its trace and answer back."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InputError, TemplateError
from ...evidence import digits
from ...parsing import parse_answer
from ...protocols import Tokenizer
from ...sentences import Sentence, Terms
from ...values import Claim, Completion, Message, Parsed, Passage, Prompt, Sampling, Unit
from . import cards, sentences
from .grammar import longest
from .vocabulary import ANSWER, THINK, THOUGHT


class NanoTemplate:
    """Implements `app.ranking.protocols.PromptTemplate` and `app.ranking.claims.ReadsOwnTrace`."""

    name = "nano"
    unit: Unit = "list"
    also: frozenset[Unit] = frozenset({"best", "passage"})  # grades share one scale over windows of a list: see `units`
    sampling = Sampling(temperature=0.0, max_tokens=longest(cards.MAX_CARDS))
    thinks = True
    reads_evidence = True
    typical = (float(longest(0)), float(longest(1) - longest(0)))

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """The window as evidence cards. Raises TemplateError for passages without signals, an empty window or over 40 passages."""
        if not 1 <= len(window) <= cards.MAX_CARDS:
            raise TemplateError(f"the embedded model reads 1 to {cards.MAX_CARDS} passages, got {len(window)}: use a sliding window")
        try:
            content = cards.prompt_text(query, [digits(passage) for passage in window])
        except InputError as error:
            raise TemplateError(f"no evidence card can be made: {error}") from error
        return Prompt(messages=(Message(role="user", content=content),), template=self.name, size=len(window))

    def begin(self, reasoning: str) -> str:
        """An answer after a trace, which may end anywhere. Raises TemplateError for none: the order follows from the trace."""
        if not reasoning.strip():
            raise TemplateError("the embedded model's order follows from its trace: it has no direct answer")
        return f"{THINK} {reasoning.strip()} {THOUGHT} {ANSWER}"

    def answer_tokens(self, size: int) -> int:
        """Every id once, the tags and the end."""
        return size + longest(0)

    def parse(self, completion: Completion, size: int) -> Parsed:
        """The order of the answer, by the strict grammar; `scores` are the trace's own grades where every passage has one."""
        parsed = parse_answer(completion, size, tags=True)
        grades = {verdict.number: float(verdict.grade) for verdict in cards.read_verdicts(completion.reasoning, size)}
        if len(grades) < size:
            return parsed
        scores = tuple(grades[number] for number in range(1, size + 1))
        return Parsed(order=parsed.order, outcome=parsed.outcome, problems=parsed.problems, scores=scores)

    def provisional(self, partial: str, size: int) -> tuple[int, ...] | None:
        """Positions by the grades written so far, those without one after them in incoming order; None before the first grade."""
        grades = {verdict.number - 1: verdict.grade for verdict in cards.read_verdicts(partial, size)}
        if not grades:
            return None
        return cards.best_order([grades.get(position, -1) for position in range(size)])

    def claims(self, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
        """What a whole or begun trace says: see `cards.claims`."""
        return cards.claims(reasoning, window)

    def sentences(self, reasoning: str, window: Sequence[Passage], terms: Terms) -> tuple[Sentence, ...]:
        """The trace in words for people: see `sentences.sentences`."""
        return sentences.sentences(reasoning, window, terms)
