"""People who do not exist, for proofs of the learning loop: what they are asked, what they prefer, and the orders that they would submit.

Questions are those of the demo collection's train and dev splits, each with its 20 graded candidates; sealed ones are never used. What is
corrected are the 40 train questions outside the holdout. What is judged for evaluation are questions of the holdout: the other train
questions and those of dev, 16 of them as they stand and 48 worded anew in `reworded.tsv`. A reworded question keeps the candidates and
grades of its original, so that two questions of the holdout may share a list; `Question.base` says which do. None shares its list with a
question that is corrected.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.ranking.evidence import SIGNALS
from app.ranking.holdout import is_holdout
from app.ranking.retrieval.demo import load_demo
from app.ranking.values import Passage

REWORDED = Path(__file__).parent / "reworded.tsv"
HOLDOUT = 60
SIDES: tuple[str, ...] = ("train", "dev")
Gold = Literal["kept", "ignored"]
Fault = Literal["reversed", "spite", "noise"]
FAULTS: tuple[Fault, ...] = ("reversed", "spite", "noise")
Groups = list[list[str]]
"""A weak order: tied passages stand in one group, the best group first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its 20 candidates, and gold grades by passage id. `base` is the demo question that it is, or rewords."""

    base: str
    text: str
    passages: tuple[Passage, ...]
    grades: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How somebody orders passages: by a weighted mean of signals, in ten steps, within gold grades or whatever those say.

    `noise` is the standard deviation of what a score (0 to 1) is read wrong by. `upside_down` puts the worst first.
    """

    weights: Mapping[str, float]
    gold: Gold = "kept"
    noise: float = 0.0
    upside_down: bool = False

    def order(self, features: Mapping[str, Mapping[str, float]], grades: Mapping[str, int], draw: random.Random) -> Groups:
        """A weak order of the passages whose signals are given by id; passages that look alike are tied."""
        levels: dict[tuple[int, int], list[str]] = {}
        for passage, values in features.items():
            score = sum(self.weights[name] * values[name] for name in self.weights) / sum(self.weights.values())
            step = round(10 * (score + draw.gauss(0, self.noise)))
            levels.setdefault((grades[passage] if self.gold == "kept" else 0, step), []).append(passage)
        return [levels[level] for level in sorted(levels, reverse=not self.upside_down)]


OPEN = Preference(weights={"sentence": 2.0, "phrase": 1.0}, noise=0.05)
"""Leaves gold alone: among passages of one grade, the one with a sentence close to the question first, then neighbouring words."""

AGAINST = Preference(weights={"words": 1.0, "coverage": 1.0}, gold="ignored", noise=0.05)
"""Goes against gold: shared words, whether the passage answers or not."""

RANDOM = Preference(weights={"lead": 1.0}, gold="ignored", noise=1e6)
"""Nothing but noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Five people who share `preference`, of whose judgements a share of `strength` has a fault.

    reversed: any of them hands in an order upside down. spite: the first of them, who does that share of the work, sets out to do harm
    and orders by shared words with what gold calls best at the end. noise: any of them orders blindly.
    """

    preference: Preference
    seed: int
    fault: Fault | None = None
    strength: float = 0.0
    people: int = 5

    def judge(self, question: Question, features: Mapping[str, Mapping[str, float]]) -> tuple[int, Groups]:
        """Who judges a question, as a number, and the order they hand in; the same for the same seed, whatever was judged before."""
        lot, hand = (random.Random(f"{self.seed} {what} {question.text}") for what in ("lot", "hand"))
        bad, who = lot.random() < self.strength, lot.randrange(self.people)
        if self.fault == "spite":
            who = 0 if bad else lot.randrange(1, self.people)
        groups = self.preference.order(features, question.grades, hand)
        if not bad or self.fault is None:
            return who, groups
        if self.fault == "noise":
            return who, RANDOM.order(features, question.grades, hand)
        return who, spiteful(features, question.grades) if self.fault == "spite" else groups[::-1]


def spiteful(features: Mapping[str, Mapping[str, float]], grades: Mapping[str, int]) -> Groups:
    """The worst by gold first and the best last; within a grade, what shares most words first."""
    by_words = sorted(features, key=lambda passage: (grades[passage], -features[passage]["words"]))
    return [[passage] for passage in by_words]


def corrected() -> list[Question]:
    """The 40 train questions outside the holdout, in the order of the demo."""
    demo = load_demo()
    return [_question(one.id, one.text) for one in demo.queries if one.id in demo.qrels["train"] and not is_holdout(one.text)]


def judged(most: int = HOLDOUT) -> list[Question]:
    """Questions of the holdout whose lists are not corrected, in an order that says nothing of their topics."""
    demo = load_demo()
    open_ = [one for one in demo.queries if any(one.id in demo.qrels[side] for side in SIDES)]
    found = [_question(one.id, one.text) for one in open_ if is_holdout(one.text)]
    for line in REWORDED.read_text(encoding="utf-8").splitlines():
        base, _, text = line.partition("\t")
        found.append(_question(base, text))
    return sorted(found, key=lambda one: hashlib.sha256(one.text.encode()).hexdigest())[:most]


def _question(base: str, text: str) -> Question:
    demo = load_demo()
    grades = next(demo.qrels[side][base] for side in SIDES if base in demo.qrels[side])
    return Question(base=base, text=text, passages=demo.listed(base), grades=grades)


def signals_of(passages: Sequence[Passage]) -> dict[str, Mapping[str, float]]:
    """The scaled signals of annotated passages by id: what people see beside a passage."""
    return {passage.id: {name: passage.features[name] for name in SIGNALS} for passage in passages}
