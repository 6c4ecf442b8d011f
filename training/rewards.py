"""Rewards of a listwise answer for GRPO, part by part: the ReasonRank paper's, and the studio's.

Both read an answer by the one parser that inference uses. `paper` is what the released code computes (arXiv 2508.07050, section 3.3, with
p = 1 in RBO), but pays nothing for what that code lets through: ids that were not shown, other separators, words in the answer.
`studio` differs in what docs/method.md argues for. Rewards are pure; a view that has nothing to say gives None and adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.metrics import ndcg, recall
from app.ranking.evaluation.thought.trace_quality import Trace, consistency
from app.ranking.parsing import CLOSE_THINK, OPEN_ANSWER, OPEN_THINK, parse_answer
from app.ranking.prompts import builtin_profile
from app.ranking.protocols import PromptTemplate
from app.ranking.values import Completion, Parsed, Target

# What is wrong with the frame of an answer, as against with the list in it.
TAG_PROBLEMS = frozenset({"no_tags", "unclosed_think", "unclosed_answer", "two_answers", "text_around"})
_CUT = 10
# Persistence of the studio's RBO: the first ten ranks have about 86 % of the weight.
_P = 0.9
# Words of a trace beyond which length costs, and at which it costs all it can.
_LONG, _TOO_LONG = 1_500, 3_000


class RewardView(Protocol):
    """One way of looking at an answer. `shown` are ids in the order of the prompt; None means nothing to say."""

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """A number, mostly from 0 to 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewarded:
    """The reward of one answer. `parts` are the views' own scores before their weights, empty where the answer is no ranking."""

    total: float
    outcome: str
    problems: tuple[str, ...] = ()
    parts: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Weighted views. `broken` is paid for a broken frame, `no_list` for any other answer that is not clean."""

    name: str
    views: Mapping[str, tuple[float, RewardView]]
    broken: float
    no_list: float

    def __call__(self, text: str, shown: Sequence[str], target: Target) -> Rewarded:
        """The reward of an answer as the model wrote it, think and answer tags and all.

        Raises InputError where `shown` names a passage twice or none, or where nothing says what is relevant.
        """
        _check(shown, target)
        completion, parsed = read(text, len(shown))
        problems = tuple(sorted(parsed.problems))
        if parsed.outcome != "clean":
            total = self.broken if parsed.problems & TAG_PROBLEMS else self.no_list
            return Rewarded(total=total, outcome=parsed.outcome, problems=problems)
        parts = {name: view.score(completion, parsed, shown, target) for name, (_, view) in self.views.items()}
        total = sum(weight * (parts[name] or 0.0) for name, (weight, _) in self.views.items())
        return Rewarded(total=total, outcome="clean", parts=parts)


def read(text: str, size: int) -> tuple[Completion, Parsed]:
    """A completion that carries its tags, and what it says: `<think> trace </think> <answer> list </answer>` and nothing around it."""
    body = text.strip()
    if not body.startswith(OPEN_THINK):
        problem = "text_around" if OPEN_THINK in body else "no_tags"
        return Completion(answer=body), _unread(size, problem)
    reasoning, closed, answer = body[len(OPEN_THINK) :].partition(CLOSE_THINK)
    if not closed:
        return Completion(answer="", reasoning=reasoning), _unread(size, "unclosed_think")
    if OPEN_ANSWER in reasoning:
        return Completion(answer=answer, reasoning=reasoning), _unread(size, "two_answers")
    completion = Completion(answer=answer, reasoning=reasoning)
    return completion, parse_answer(completion, size, tags=True)


def _unread(size: int, problem: str) -> Parsed:
    return Parsed(order=tuple(range(size)), outcome="no_answer", problems=frozenset({problem}))


def _check(shown: Sequence[str], target: Target) -> None:
    if not shown or len(set(shown)) != len(shown):
        raise InputError("shown must name each passage of the prompt once: an order can't be told otherwise")
    if not target.teacher_order and not any(grade > 0 for grade in target.grades.values()):
        raise InputError("neither a relevant passage nor a teacher's order is given: there is nothing to reward")


def _ids(parsed: Parsed, shown: Sequence[str]) -> list[str]:
    return [shown[position] for position in parsed.order]


@dataclass(frozen=True, slots=True)
class Ndcg:
    """NDCG@10 of the answer; `graded` keeps grades as gains, else a passage is relevant or not. The ideal is over the list."""

    graded: bool = False

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """None without a relevant passage."""
        grades = {one: target.grades.get(one, 0) for one in shown}
        gains = grades if self.graded else {one: int(grade > 0) for one, grade in grades.items()}
        return ndcg(_ids(parsed, shown), gains, _CUT) if any(gain > 0 for gain in gains.values()) else None


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of the relevant passages among the first ten: what survives a step of a sliding window of 20 by 10."""

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """None without a relevant passage."""
        grades = {one: target.grades.get(one, 0) for one in shown}
        return recall(_ids(parsed, shown), grades, _CUT) if any(grade > 0 for grade in grades.values()) else None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Mean of the overlap of the first d of answer and teacher over depths d = 1..n, weighted p^(d-1).

    p = 1 is what the released code computes and calls RBO; `rescaled` sets a random order to 0 and the teacher's to 1. A list that is
    shown whole has no unseen rest, so nothing is extrapolated.
    """

    p: float = 1.0
    rescaled: bool = False

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """None without a teacher's order of the passages shown."""
        known = set(shown)
        wanted = [one for one in target.teacher_order if one in known]
        if not wanted:
            return None
        mine, n = _ids(parsed, shown), len(wanted)
        weights = [self.p**depth for depth in range(n)]
        agreed = [len(set(mine[:depth]) & set(wanted[:depth])) / depth for depth in range(1, n + 1)]
        value = sum(w * a for w, a in zip(weights, agreed, strict=True)) / sum(weights)
        if not self.rescaled:
            return value
        # Of d passages drawn out of the m shown, d * d / m are expected among the teacher's first d.
        chance = sum(w * depth / len(shown) for depth, w in enumerate(weights, start=1)) / sum(weights)
        return (value - chance) / (1 - chance) if chance < 1 else None


@dataclass(frozen=True, slots=True)
class Faithful:
    """Share of the pairs of passages that the trace tells apart which the answer has the same way round.

    A trace tells two apart where it praises one and speaks against the other, or grades both differently: see
    `app.ranking.evaluation.thought.trace_quality`. `template` reads it.
    """

    template: PromptTemplate

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """None where the trace tells no two passages apart."""
        trace = Trace(template=self.template, reasoning=completion.reasoning, shown=tuple(shown), order=tuple(_ids(parsed, shown)))
        return consistency(trace.claims, trace.order)[0]


@dataclass(frozen=True, slots=True)
class Brevity:
    """1 for a trace of up to 1,500 words, falling to 0 at 3,000; an answer of the usual 3,172 tokens holds no more."""

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """Always a number."""
        words = len(completion.reasoning.split())
        return min(1.0, max(0.0, (_TOO_LONG - words) / (_TOO_LONG - _LONG)))


def paper() -> Reward:
    """NDCG@10 + 0.2 Recall@10 + 0.1 overlap, from 0 to 1.3; -1 for a broken frame, 0 for a list that is not exactly right."""
    views: dict[str, tuple[float, RewardView]] = {"ndcg": (1.0, Ndcg()), "recall": (0.2, Recall()), "rbo": (0.1, Overlap())}
    return Reward(name="paper", views=views, broken=-1.0, no_list=0.0)


def studio(template: PromptTemplate | None = None) -> Reward:
    """The studio's: see docs/method.md. `template` reads the trace, the profile `studio` by default.

    The weight of recall is above 0.503, from which on two relevant passages at ranks 9 and 10 are worth more than at 1 and 11. The
    lowest a clean answer can get is the rescaled overlap's lowest, above -0.1 x 1; an answer that is none gets less.
    """
    views: dict[str, tuple[float, RewardView]] = {
        "ndcg": (1.0, Ndcg(graded=True)),
        "recall": (0.6, Recall()),
        "rbo": (0.1, Overlap(p=_P, rescaled=True)),
        "faithful": (0.3, Faithful(template or builtin_profile("studio"))),
        "brevity": (0.05, Brevity()),
    }
    return Reward(name="studio", views=views, broken=-1.0, no_list=-0.5)


REWARDS: Mapping[str, Callable[[], Reward]] = {"paper": paper, "studio": studio}
"""Rewards by name."""


def reward(name: str) -> Reward:
    """A reward by name. Raises SettingsError listing the names there are."""
    if name not in REWARDS:
        raise SettingsError(f"no reward is called {name!r}: there are {', '.join(REWARDS)}")
    return REWARDS[name]()
