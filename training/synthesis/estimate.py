"""What a synthesis is going to take: from a sample of its queries that is really made, or from the sizes of its prompts alone.

The sample is drawn evenly from all over the sources, so that means over it hold for the whole; what they are worth says a bootstrap
interval (percentiles of resampled means; Efron and Tibshirani 1993, chapter 13). Items of the sample are kept: nothing is paid twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from app.ranking.errors import InputError, SettingsError
from app.ranking.values import Completion, Prompt, Sampling
from db.session import Database
from db.store import teacher_calls

from ..jobs.context import Context
from .calls import BudgetSpent
from .feed import Feed, Length, Numbered
from .recipe import BudgetTable, Recipe
from .run import Keeper, made, open_teaching, register
from .search import open_searches
from .steps import Synthesizer
from .stored import every
from .teaching import Teaching
from .values import Cost

_RESAMPLED, _LEVEL = 2000, 0.95
# Queries whose prompts are rendered where no call is made.
_RENDERED = 50
# Tokens of an answer to a mining prompt: a few bracketed numbers.
_LABELS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An estimate of a total with its 95 % interval."""

    value: float
    low: float
    high: float

    def said(self, digits: int = 0) -> str:
        """In words."""
        return f"{self.value:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Totals of a whole synthesis of `items` queries, by a sample of `sample` of them; `seconds` is None where no call was made."""

    items: int
    sample: int
    calls: Range
    tokens: Range
    cost: Range
    seconds: Range | None
    currency: str
    budget: BudgetTable
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, for a terminal."""
        whole = f"{self.items:,} queries, estimated by {self.sample} of them, 95 % intervals in brackets:"
        lines = [whole, f"  calls   {self.calls.said()}", f"  tokens  {self.tokens.said()}"]
        lines.append(f"  money   {self.cost.said(2)} {self.currency}")
        lines.append(f"  time    {_time(self.seconds)}" if self.seconds else "  time    unknown without a call")
        return "\n".join([*lines, *self._caps(), *self.notes])

    def _caps(self) -> list[str]:
        """What the budget would do."""
        caps = (("tokens", float(self.budget.tokens), self.tokens), (self.currency, self.budget.cost, self.cost))
        said = []
        for unit, cap, need in caps:
            if cap and need.value:
                share = min(1.0, cap / need.value)
                enough = "would be enough" if need.high <= cap else f"would stop it after about {int(share * self.items):,} queries"
                said.append(f"The cap of {cap:,g} {unit} {enough}.")
        return said or ["There is no cap: give --budget-tokens or --budget-cost to set one."]


def estimate(context: Context, recipe: Recipe, sample: int) -> Estimate:
    """Make `sample` queries with the teacher and say what all will take; 0 makes no call, and says what their prompts will.

    Raises what `run.synthesize` raises, BudgetSpent included, and InputError for sources without queries.
    """
    teaching = open_teaching(context.settings, recipe)
    feed = Feed(recipe=recipe, database=context.database)
    items = sum(1 for _ in feed.items())
    if not items:
        raise InputError(f"the sources of recipe {recipe.name!r} hold no query: there is nothing to estimate")
    numbers = spread(items, sample or _RENDERED, recipe.seed)
    wanted = [found for found in feed.items() if found[0] in numbers]
    costs, seconds, notes = _made(context, recipe, teaching, wanted) if sample else _rendered(context, teaching, wanted)
    total = _totals(items, recipe.seed)
    return Estimate(
        items=items,
        sample=len(costs),
        calls=total([float(one.calls) for one in costs]),
        tokens=total([float(one.tokens_in + one.tokens_out) for one in costs]),
        cost=total([one.cost for one in costs]),
        seconds=total(seconds) if seconds else None,
        currency=teaching.currency,
        budget=recipe.budget,
        notes=notes,
    )


def spread(items: int, sample: int, seed: int) -> set[int]:
    """`sample` numbers below `items`: one drawn from each of as many parts of equal length, so that no period of the sources matters."""
    if sample >= items:
        return set(range(items))
    draw = random.Random(seed)
    edges = [round(part * items / sample) for part in range(sample + 1)]
    return {draw.randrange(low, high) for low, high in zip(edges, edges[1:], strict=False)}


def bootstrap(values: Sequence[float], seed: int) -> tuple[float, float, float]:
    """(mean, low, high): the mean of some values and the percentile interval of resampled means."""
    draw, size = random.Random(seed), len(values)
    means = sorted(sum(draw.choices(values, k=size)) / size for _ in range(_RESAMPLED))
    cut = int((1 - _LEVEL) / 2 * _RESAMPLED)
    return sum(values) / size, means[cut], means[-1 - cut]


def _totals(items: int, seed: int) -> Callable[[Sequence[float]], Range]:
    def total(values: Sequence[float]) -> Range:
        mean, low, high = bootstrap(values, seed)
        return Range(value=mean * items, low=low * items, high=high * items)

    return total


def _time(seconds: Range) -> str:
    """In the largest unit that it fills twice."""
    unit, size = next((unit, size) for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0)) if seconds.value >= 2 * size or size == 1)
    return f"{Range(value=seconds.value / size, low=seconds.low / size, high=seconds.high / size).said(1)} {unit}"


Found = tuple[list[Cost], list[float], tuple[str, ...]]


def _made(context: Context, recipe: Recipe, teaching: Teaching, wanted: Sequence[Numbered]) -> Found:
    """Items of the sample, made and kept; what each took, and its share of the time at the recipe's concurrency."""
    synthesis_id = register(context.database, recipe, teaching, context)
    known = {one.item.number for one in every(context.database, synthesis_id) if one.state != "failed"}
    pending = [found for found in wanted if found[0] not in known]
    notes: tuple[str, ...] = ()
    with Keeper(context, synthesis_id, len(known), Length(Feed(recipe=recipe, database=context.database))) as keeper:
        try:
            for item in made(context.settings, recipe, synthesis_id, pending, context):
                keeper.add(item)
        except BudgetSpent as error:
            notes = (f"The sample is smaller than asked for: {error}.",)
    costs = _kept(context.database, synthesis_id, {number for number, _ in wanted})
    if not costs:
        raise BudgetSpent(notes[0] if notes else "no item of the sample could be made")
    with context.database.read() as session:
        each = teacher_calls.seconds(session, synthesis_id)
    slots = min(recipe.teacher.concurrency, int(getattr(teaching.backend, "slots", recipe.teacher.concurrency)))
    mean = sum(each) / len(each) if each else 0.0
    return costs, [one.calls * mean / slots for one in costs], notes


def _kept(database: Database, synthesis_id: str, numbers: Collection[int]) -> list[Cost]:
    return [one.item.cost for one in every(database, synthesis_id) if one.item.number in numbers]


def _rendered(context: Context, teaching: Teaching, wanted: Sequence[Numbered]) -> Found:
    """What the prompts of the sample would take, with answers of the length that the profile calls typical."""
    if teaching.embedded:
        raise SettingsError("the embedded teacher costs nothing and is at hand: give --dry-run 5 to try it")
    pretender = _Pretender(teaching)
    searches = open_searches(teaching.recipe, context.settings.data_dir, context.watch)
    synthesizer = Synthesizer(teaching.recipe, searches, pretender, teaching)

    async def walk() -> list[Cost]:
        costs = []
        for number, found in wanted:
            pretender.cost = Cost()
            await synthesizer.item(number, found)
            costs.append(pretender.cost)
        return costs

    note = "No call was made: prompts are as they will be, answers as long as the profile says is typical, and every list has a positive."
    return asyncio.run(walk()), [], (note,)


class _Pretender:
    """A `Caller` that asks nobody: it adds up what was to be asked, and finds the first passage relevant."""

    def __init__(self, teaching: Teaching) -> None:
        self._teaching, self.cost = teaching, Cost()

    async def ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Completion:
        """See `Caller`."""
        teaching = self._teaching
        read = sum(teaching.tokenizer.count(message.content) for message in prompt.messages)
        ranks = prompt.template == teaching.template.name
        per_call, per_passage = getattr(teaching.template, "typical", (0.0, 6.0)) if ranks else (_LABELS, 0.0)
        written = min(sampling.max_tokens, round(per_call + per_passage * prompt.size))
        answer = " > ".join(f"[{number}]" for number in range(1, prompt.size + 1)) if ranks else "[1]"
        graded = not ranks and "]=" in prompt.messages[-1].content
        completion = Completion(answer=f"{answer}=3" if graded else answer, tokens_in=read, tokens_out=written)
        more = teaching.cost([completion])
        before = self.cost
        self.cost = replace(
            before,
            calls=before.calls + 1,
            tokens_in=before.tokens_in + read,
            tokens_out=before.tokens_out + written,
            cost=before.cost + more.cost,
        )
        return completion
