"""What came out: counts of a batch as they grow, its report, and the ranking of one query as a table."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from app.cli.rank_model import Tariff
from app.cli.rank_trace import ranked_or_kept
from app.ranking.batch import Ranked
from app.ranking.estimate import Estimate
from app.ranking.response_cache import Counts
from app.ranking.values import SEVERITY, Ranking

# Reasons why topics could not be ranked: more than this many are in the traces only.
_MOST_REASONS = 3
_WIDTH = 120  # of a table that is not written to a terminal


@dataclass(slots=True)
class Tally:
    """Counts over the topics that have ended. Requests and tokens are those of this process: stored answers count nothing."""

    topics: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    forced: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    cached: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = True
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, ranked: Ranked) -> None:
        """Count a topic that has ended."""
        ranking = ranked_or_kept(ranked)
        self.topics += 1
        self.outcomes[ranking.outcome] += 1
        self.requests += ranking.requests
        self.reasons.update([ranked.error] if ranked.error else [])
        for call in ranking.calls:
            done = call.completion
            self.calls += 1
            self.problems.update(call.parsed.problems)
            self.reasons.update([call.error] if call.error else [])
            self.forced.update([done.forced.reason] if done.forced else [])
            if done.cached:
                self.cached += 1
                continue
            self.tokens_in += done.tokens_in
            self.tokens_out += done.tokens_out
            self.counted = self.counted and (done.counted or bool(call.error))

    @property
    def beyond(self) -> int:
        """Requests beyond the plan: retries and forced answers."""
        return self.requests - (self.calls - self.cached)

    @property
    def by_outcome(self) -> dict[str, int]:
        """Topics by outcome, harmless ones first."""
        return {outcome: self.outcomes[outcome] for outcome in SEVERITY if self.outcomes[outcome]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A batch that has ended. `counts` is None where no file of answers was kept."""

    tally: Tally
    predicted: Estimate
    counts: Counts | None
    price: Tariff | None
    seconds: float

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        tally, counts = self.tally, self.counts
        return {
            "topics": tally.topics,
            "outcomes": tally.by_outcome,
            "problems": dict(tally.problems.most_common()),
            "planned": self.predicted.plain,
            "calls": tally.calls,
            "requests": tally.requests,
            "beyond_plan": tally.beyond,
            "forced": dict(tally.forced.most_common()),
            "cache": {**asdict(counts), "repeated_ever": counts.repeated_ever} if counts else None,
            "tokens_in": tally.tokens_in,
            "tokens_out": tally.tokens_out,
            "counted": tally.counted,
            "price": self.price.of(tally.tokens_in, tally.tokens_out) if self.price else None,
            "currency": self.price.currency if self.price else None,
            "seconds": round(self.seconds, 2),
            "reasons": dict(tally.reasons.most_common()),
        }

    @property
    def lines(self) -> list[str]:
        """For people."""
        tally, counts = self.tally, self.counts
        least, most = self.predicted.plan.calls
        planned = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        said = [
            f"topics     {tally.topics:,}: {_counted(tally.by_outcome)}",
            f"problems   {_counted(dict(tally.problems.most_common()))}",
            f"calls      {tally.calls:,}, planned {planned}; {tally.requests:,} requests sent, {tally.beyond:,} of them beyond the plan "
            f"(retries, forced answers: {_counted(dict(tally.forced.most_common()))})",
        ]
        if counts is not None:
            said.append(
                f"answers    {counts.hits:,} from the file of answers, {counts.misses:,} asked, {counts.repeated:,} of them again, because "
                f"they were in flight when an earlier process was killed ({counts.repeated_ever:,} over all processes)"
            )
        said.append(f"tokens     {tokens(tally)}")
        if self.price is not None:
            said.append(f"price      {self.price.of(tally.tokens_in, tally.tokens_out):,.4g} {self.price.currency}")
        said.append(f"seconds    {self.seconds:,.1f}")
        reasons = tally.reasons.most_common()
        said += [f"error      {number:,} x {visible(reason)}" for reason, number in reasons[:_MOST_REASONS]]
        return said + [f"error      and {len(reasons) - _MOST_REASONS} other reasons: see the traces"] * (len(reasons) > _MOST_REASONS)


def tokens(tally: Tally) -> str:
    """Tokens of a process in words."""
    how = "counted" if tally.counted else "estimated where the server did not count"
    return f"{tally.tokens_in:,} read and {tally.tokens_out:,} written ({how})"


def facts_line(ranking: Ranking, tally: Tally) -> str:
    """One line about a ranking that was just made."""
    beyond = f"{tally.beyond} requests beyond the plan" if tally.beyond else "no request beyond the plan"
    cached = [f"{tally.cached} answers from the cache"] if tally.cached else []
    calls = f"{len(ranking.calls)} call{'s' * (len(ranking.calls) != 1)} in a depth of {ranking.depth}"
    return " · ".join([ranking.outcome, calls, f"tokens {tokens(tally)}", beyond, *cached, f"{ranking.seconds:.1f} s"])


def one_plain(ranked: Ranked, tally: Tally) -> dict[str, Any]:
    """The ranking of one query for JSON."""
    ranking = ranked_or_kept(ranked)
    first = {passage.id: rank for rank, passage in enumerate(ranked.topic.passages, start=1)}
    return {
        "query": ranking.query,
        "outcome": ranking.outcome,
        "error": ranked.error,
        "passages": [
            {"rank": rank, "id": passage.id, "first_stage_rank": first[passage.id], "title": passage.title, "text": passage.text}
            for rank, passage in enumerate(ranking.passages, start=1)
        ],
        "intervals": {id_: list(interval) for id_, interval in ranking.intervals.items()},
        "calls": len(ranking.calls),
        "depth": ranking.depth,
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "counted": tally.counted,
        "requests": tally.requests,
        "beyond_plan": tally.beyond,
        "cached": tally.cached,
        "seconds": round(ranking.seconds, 3),
        "notes": list(ranking.notes),
        "reasons": dict(tally.reasons.most_common()),
    }


def print_table(ranked: Ranked) -> None:
    """Rank, id, first-stage rank and the start of the text, to standard output."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    table = Table(box=None, pad_edge=False)
    for name, right in (("rank", True), ("id", False), ("first", True)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    table.add_column("text", no_wrap=True, overflow="ellipsis", ratio=1)
    first = {passage.id: rank for rank, passage in enumerate(ranked.topic.passages, start=1)}
    for rank, passage in enumerate(ranked_or_kept(ranked).passages, start=1):
        shown = visible(f"{passage.title}: {passage.text[:300]}" if passage.title else passage.text[:300])
        table.add_row(str(rank), Text(visible(passage.id)), str(first[passage.id]), Text(shown))
    console.print(table)


def visible(text: str) -> str:
    """Text of strangers on one line of a terminal: without line ends, and without characters that could steer it."""
    return "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"
