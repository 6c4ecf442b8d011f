"""Listwise ranking: the teacher orders the list several times, from several shuffled orders. The gold answer is not known in here.

Several samples say how firm an order is, and the one that agrees most with the others trains: the paper asks once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.ranking.kemeny import disagreements
from app.ranking.values import Completion, Passage

from .asking import Question
from .lists import seed_of, shuffled
from .recipe import RankingTable
from .teaching import Teaching
from .values import Ready, Sample

STEP = "rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A query with its list, in the order in which it was built. `seed` is the item's."""

    query: str
    passages: tuple[Passage, ...]
    seed: int


def questions(ranking: RankingTable, listed: Listed, teaching: Teaching) -> list[Question]:
    """One call per sample: the first shows the list as it was built, others shuffled by seed.

    A further sample leaves those before it as they are. Raises TemplateError where the profile can't show these passages.
    """
    by_id = {passage.id: passage for passage in listed.passages}
    found: list[Question] = []
    for sample in range(ranking.samples):
        order = list(by_id) if sample == 0 or not ranking.shuffle else shuffled(by_id, listed.seed, f"rank:{sample}")
        prompt = teaching.template.render(listed.query, [by_id[id_] for id_ in order], teaching.tokenizer)
        seed = sample_seed(listed.seed, sample) if teaching.sampling.temperature > 0 else None
        sampling = replace(teaching.sampling, seed=seed)
        found.append(Question(step=STEP, prompt=prompt, sampling=sampling, sample=sample, shown=tuple(order)))
    return found


def sample_seed(seed: int, sample: int) -> int:
    """31 bits, as servers take them; distinct samples get distinct seeds but for a chance of about 5e-10 a pair."""
    return seed_of(seed, "rank", sample, bits=31)


def read_sample(question: Question, completion: Completion, teaching: Teaching, seed: int) -> Sample:
    """An answer by the profile's own strict grammar; where it says nothing the order is the one that was shown, and `outcome` says so."""
    parsed = teaching.template.parse(completion, len(question.shown))
    return Sample(
        sample=question.sample,
        seed=sample_seed(seed, question.sample),
        shown=question.shown,
        order=tuple(question.shown[position] for position in parsed.order),
        reasoning=completion.reasoning,
        outcome=parsed.outcome,
        problems=tuple(sorted(parsed.problems)),
        tokens_out=completion.tokens_out,
    )


def ready_sample(ready: Ready) -> Sample:
    """The ranking that a source brings along, as if it had been asked for."""
    return Sample(sample=0, seed=0, shown=ready.shown, order=ready.order, reasoning=ready.reasoning, outcome="clean")


def medoid(samples: Sequence[Sample]) -> int | None:
    """Index of the sample with the highest mean Kendall tau to the others, among the clean ones, or else among the repaired ones.

    None where neither is there; of equals the earlier one. With the number of passages fixed the fewest pairwise disagreements are the
    highest mean tau, so that is what is compared.
    """
    for outcome in ("clean", "repaired"):
        usable = [at for at, one in enumerate(samples) if one.outcome == outcome]
        if usable:
            orders = [_numbers(samples[at], samples[usable[0]]) for at in usable]
            return min(zip((disagreements(order, orders) for order in orders), usable, strict=True))[1]
    return None


def _numbers(sample: Sample, first: Sample) -> tuple[int, ...]:
    places = {id_: place for place, id_ in enumerate(first.order)}
    return tuple(places[id_] for id_ in sample.order)
