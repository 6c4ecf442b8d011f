"""Expert iteration on the plan: the embedded model is taught the plans that would have ranked best, each with its true trace.

All 49 plans of a list are tried against what is wanted of it, and the model learns to choose as softmax(score / softness) does (Anthony et
al. 2017, with an expert that searches everything). What follows the plan is arithmetic, so that what is rewarded can't be had by writing
what is not so. A list's best plan is mostly luck: small softness follows it, large softness lets lists agree on what helps most of them.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.ranking.errors import SettingsError
from app.ranking.models.nano.vocabulary import FIRST, IDS, PAD, THEN, THINK, chat_text, encode
from training.baselines import PLANS
from training.config import Rl

from .nano_plans import Scores, believed, means_of, scores
from .nano_rows import Lesson, Row, Style, batches, lessons, shuffled, trace_row
from .nano_sft import Tuning, load, save, tune
from .values import Fit, Fitted

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

_WATCHED = 16  # lists on which the choice of the plan is followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A list with the score of every plan on it, and what is believed of them after the other lists were seen."""

    lesson: Lesson
    scores: Scores
    believed: Scores


def tried(lesson: Lesson, shared: Scores, own: float) -> Tried:
    """Score all plans on a list; `shared` are their means over all lists, `own` the share of the list's departure that counts."""
    found = scores(lesson.cards, lesson.gains)
    return Tried(lesson=lesson, scores=found, believed=believed(found, shared, own))


def chances(scores: Sequence[float], softness: float) -> list[float]:
    """softmax(score / softness); with a softness of 0 the best share all chance."""
    best = max(scores)
    raw = [math.exp((score - best) / softness) if softness > 0 else float(score == best) for score in scores]
    return [value / sum(raw) for value in raw]


def expert(fit: Fit) -> Fitted:
    """Learn the best plans of the version's stage `rl`. Raises InputError without a usable list, Cancelled."""
    began = time.perf_counter()
    how = fit.recipe.rl
    if how is None:
        raise SettingsError(f"recipe {fit.recipe.name!r} has no [rl]: leave the step out, or take a recipe that has it")
    style = Style.of(fit.recipe.start, how.plan_weight)
    found, refused = lessons(fit.version, style)
    shared = means_of(fit.version)
    scored = [tried(lesson, shared, how.own) for lesson in found]
    rng = random.Random(f"expert {fit.seed}")
    made = batches(_drawn(scored, how, rng, style), how.steps, how.prompts * how.group, how.replay, rng, style)
    model = load(fit)
    watched = scored[:_WATCHED]
    tuning = Tuning(
        stage="rl", steps=how.steps, batch=how.prompts * how.group + how.replay, rate=how.rate, warmup=how.warmup, schedule=how.schedule,
        weight_decay=how.weight_decay, more=lambda: choice(model, watched),
    )  # fmt: skip
    before = choice(model, watched)
    tune(fit, model, made, tuning)
    save(model, fit.out)
    facts = {"kind": "expert", "before": before, "after": choice(model, watched), "best": _best(watched)}
    return Fitted(rows=len(found), refused=refused, steps=how.steps, seconds=time.perf_counter() - began, facts=facts)


def _drawn(scored: Sequence[Tried], how: Rl, rng: random.Random, style: Style) -> Iterator[Row]:
    """Rows without end: each list in turn, `group` plans of it drawn anew each time."""
    shares = {one.lesson.id: chances(one.believed, how.softness) for one in scored}
    for one in shuffled(scored, rng):
        for at in rng.choices(range(len(PLANS)), shares[one.lesson.id], k=how.group):
            yield softened(trace_row(one.lesson.prompt, PLANS[at], style), shares[one.lesson.id], at)


def softened(row: Row, shares: Sequence[float], drawn: int) -> Row:
    """The row of the plan number `drawn` with the chances themselves as targets of the plan's words: the first word by what each signal
    has over all plans, the second by what plans that begin with the drawn one have. The same on average as learning what was drawn.
    """
    width = len(THEN)
    first = [sum(shares[at : at + width]) for at in range(0, len(shares), width)]
    start = drawn - drawn % width
    then = [share / first[drawn // width] for share in shares[start : start + width]]
    at = row["input_ids"].index(IDS["weigh"]) + 1
    for place, words, chance in ((at, FIRST, first), (at + 1, THEN, then)):
        row["soft_at"] += [place] * len(words)
        row["soft_ids"] += [IDS[word] for word in words]
        row["soft_shares"] += chance
    return row


def _best(scored: Sequence[Tried]) -> float:
    return sum(max(one.scores) for one in scored) / len(scored)


def choice(model: Qwen3ForCausalLM, scored: Sequence[Tried]) -> Mapping[str, float]:
    """How the model chooses on lists: `reward`, the expected score of a plan drawn from it; `ndcg`, the score of its first choice; and
    `plan_entropy` of its choice, in nats. Means over the lists, exact over all 49 plans.
    """
    shares = plan_shares(model, [one.lesson.prompt for one in scored])
    rewards, greedy, entropies = [], [], []
    for one, chance in zip(scored, shares, strict=True):
        rewards.append(sum(share * score for share, score in zip(chance, one.scores, strict=True)))
        greedy.append(one.scores[_first_choice(chance)])
        entropies.append(-sum(share * math.log(share) for share in chance if share > 0))
    count = len(scored)
    return {"reward": sum(rewards) / count, "ndcg": sum(greedy) / count, "plan_entropy": sum(entropies) / count}


def _first_choice(chance: Sequence[float]) -> int:
    """The plan that greedy decoding writes: the likeliest first word, then the likeliest second word after it."""
    width = len(THEN)
    starts = [sum(chance[at : at + width]) for at in range(0, len(chance), width)]
    first = starts.index(max(starts)) * width
    return max(range(first, first + width), key=chance.__getitem__)


def plan_shares(model: Qwen3ForCausalLM, prompts: Sequence[str]) -> list[list[float]]:
    """Chance of every plan for each prompt, in the order of PLANS, under the grammar."""
    import torch

    begun = [[*encode(chat_text(prompt)), IDS[THINK], IDS["weigh"]] for prompt in prompts]
    first = _next_words(model, begun, FIRST)
    both = [[*ids, IDS[word]] for ids in begun for word in FIRST]
    then = _next_words(model, both, THEN).reshape(len(prompts), len(FIRST), len(THEN))
    found: list[list[float]] = torch.reshape(first[:, :, None] * then, (len(prompts), -1)).tolist()
    return found


def _next_words(model: Qwen3ForCausalLM, sequences: Sequence[Sequence[int]], words: Sequence[str]) -> Any:
    """Chances (B, words) of the next token among `words`."""
    import torch

    lengths = torch.tensor([len(ids) for ids in sequences])
    ids = torch.full((len(sequences), int(lengths.max())), IDS[PAD])
    for row, one in enumerate(sequences):
        ids[row, : len(one)] = torch.as_tensor(one)
    mask = (torch.arange(ids.shape[1])[None, :] < lengths[:, None]).long()
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    model.train(training)
    last = logits[torch.arange(len(sequences)), lengths - 1]
    return torch.softmax(last[:, [IDS[word] for word in words]].double(), dim=-1)
