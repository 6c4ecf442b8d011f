"""A teacher that answers by rule, and thirty queries to ask it about; for the tests of the pipeline's steps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.ranking.errors import BackendError
from app.ranking.prompts import template_for
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Passage, Prompt, Sampling
from training.synthesis.recipe import Recipe, read_synthesis_recipe
from training.synthesis.teaching import Teaching, resolved
from training.synthesis.values import SourceItem

RECIPE = """
name = "rule"
seed = 3
[[source]]
kind = "thirty"
domain = "numbers"
corpus = "words"
retriever = "bm25"
k = 12
mining = ["helps", "misleads"]
[corpora.words]
kind = "jsonl"
path = "words.jsonl"
[mining.helps]
prompt = "qa-positive"
over = "linked"
samples = 3
window = 4
[mining.misleads]
prompt = "qa-hard"
over = "retrieved"
marks = "hard"
[list]
size = 8
[ranking]
template = "studio"
samples = 3
[teacher]
model = "rule"
"""
_LINE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)


def recipe(*changes: tuple[str, str]) -> Recipe:
    """The recipe above with texts replaced."""
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_synthesis_recipe(text, Path())


class RuleBackend:
    """Only what the steps use of a backend."""

    name, revision, can, tokenizer = "rule", "1", frozenset[str](), WordTokenizer()

    def stream(self, prompt: Prompt, sampling: Sampling) -> Any:
        """Never called: the caller below answers."""
        raise AssertionError

    async def aclose(self) -> None:
        """Nothing is held."""


def teaching(of: Recipe, **changes: Any) -> Teaching:
    """The rule as a teacher."""
    whole = resolved(of, None) if of.ranking.template else replace(of, ranking=replace(of.ranking, template="studio"))
    template = template_for(whole.ranking.template)
    sampling = replace(template.sampling, temperature=of.teacher.temperature, top_p=of.teacher.top_p)
    made = Teaching(
        name="rule", revision="1", recipe=whole, backend=RuleBackend(), template=template, sampling=sampling, price_in=1.0, price_out=2.0
    )
    return replace(made, **changes)


def items(count: int = 30) -> Iterator[SourceItem]:
    """Queries whose linked passages are good, fair or bad by their own word; the gold answer has a word of its own."""
    for number in range(count):
        words = ["good" if at % 5 == number % 5 else "bad" for at in range(6 + number % 7)]
        linked = tuple(Passage(id=f"l{number}-{at}", text=f"{word} linked {number} {at}, see [4] there") for at, word in enumerate(words))
        yield SourceItem(
            id=f"q{number}",
            source="thirty",
            domain="numbers",
            query=f"query {number} of [12] numbers {{answer}}",
            answer=f"GOLDANSWER{number} of the expert",
            passages=linked,
            linked=True,
            licence="CC0-1.0",
        )


@dataclass
class Words:
    """A search that finds the same twelve passages in a round that turns with the query's length; two repeat other texts."""

    found: list[tuple[str, int, str]] = field(default_factory=list)

    def candidates(self, query: str, k: int, retriever: str) -> list[Passage]:
        """Best first."""
        self.found.append((query, k, retriever))
        made = [
            Passage(id=f"r{at}", text=f"{'tricky' if at % 4 == 0 else 'plain'} retrieved {at}", score=float(k - at)) for at in range(10)
        ]
        made += [Passage(id="copy", text="Tricky  retrieved 0", score=0.5), Passage(id="leak", text=f"{query} is a query", score=0.4)]
        return made[:k]

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """Evidence that says which query it was measured against."""
        return [replace(passage, features={"asked": float(len(query))}) for passage in passages]


Rule = Callable[[str, str, Prompt, int], str]


def by_words(step: str, number: str, prompt: Prompt, sample: int) -> str:
    """Labels what says good or tricky, ranks good before tricky before the rest, longer texts first."""
    shown = [(int(place), text) for place, text in _LINE.findall(prompt.messages[-1].content)]
    if step == "mine":
        wanted = "tricky" if prompt.template == "mining/qa-hard" else "good"
        ids = [f"[{place}]" for place, text in shown if wanted in text]
        return " ".join(ids) or "None"
    order = sorted(shown, key=lambda one: (-("good" in one[1]), -("tricky" in one[1]), one[1]))
    return "<answer>" + " > ".join(f"[{place}]" for place, _ in order) + "</answer>"


@dataclass
class RuleCaller:
    """Answers by a rule, later ones first, and remembers what was asked."""

    rule: Rule = by_words
    asked: list[tuple[str, Prompt, Sampling, int]] = field(default_factory=list)

    async def ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Completion:
        """See `training.synthesis.calls.Caller`."""
        self.asked.append((step, prompt, sampling, sample))
        for _ in range(40 - len(self.asked) % 40):
            await asyncio.sleep(0)
        said = self.rule(step, str(len(self.asked)), prompt, sample)
        if said.startswith("ERROR"):
            raise BackendError(said)
        return Completion(answer=said, reasoning="because", tokens_in=100, tokens_out=10, counted=True)

    def prompts(self, step: str) -> list[tuple[Prompt, Sampling, int]]:
        """What was asked in a step."""
        return [(prompt, sampling, sample) for found, prompt, sampling, sample in self.asked if found == step]
