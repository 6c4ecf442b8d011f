"""What a batch will cost, said before anything is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from app.cli.rank_model import Tariff, Way
from app.ranking.batch import Topic
from app.ranking.estimate import NO_COST, Estimate, estimate
from app.ranking.evidence import SIGNALS
from app.ranking.values import Passage


def predict(way: Way, topics: Sequence[Topic]) -> Estimate:
    """The cost of all topics. Renders prompts, asks no model, and embeds nothing: a card is as long whatever its evidence says."""
    total = NO_COST
    if way.ranker is not None:
        for topic in topics:
            shown = [_with_evidence(passage) for passage in topic.passages] if way.ranker.signals else topic.passages
            total = total.plus(estimate(way.ranker, topic.query, shown))
    return total


def predicted_line(predicted: Estimate, topics: int, price: Tariff | None) -> str:
    """A prediction in one line."""
    plan = predicted.plan
    said = [
        f"{topics} topic{'s' * (topics != 1)}: {_pair(plan.calls)} calls, at most {plan.depth[1]} after each other",
        f"{_pair(plan.passages_read)} passages read",
        f"about {_pair(predicted.tokens_in)} tokens in and {_pair(predicted.tokens_out)} out, at most {predicted.most_out:,}",
        "counted with the model's tokenizer" if predicted.exact else "estimated by words",
    ]
    if price is not None:
        least, typical = predicted.price(price)
        most = price.of(predicted.tokens_in[1], predicted.most_out)
        spent = f"{typical:,.4g}" if round(least, 4) == round(typical, 4) else f"{least:,.4g} to {typical:,.4g}"
        said.append(f"price about {spent} {price.currency}, at most {most:,.4g}: an estimate, without retries")
    return "; ".join(said)


def must_ask(price: Tariff | None, yes: bool) -> bool:
    """Whether somebody is there who should be asked before money is spent."""
    return price is not None and not yes and sys.stdin.isatty()


def _with_evidence(passage: Passage) -> Passage:
    return replace(passage, features={**dict.fromkeys(SIGNALS, 0.0), **passage.features})


def _pair(pair: tuple[int, int]) -> str:
    return f"{pair[0]:,}" if pair[0] == pair[1] else f"{pair[0]:,} to {pair[1]:,}"
