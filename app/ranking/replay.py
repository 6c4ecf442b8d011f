"""Published runs again from their recorded raw answers, without a model: whether an order follows from what was said.

The windows are those of the sliding strategy; each recorded answer is read by the strict parser or, by name, by the lenient digit scan that
most published code uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import InputError, SettingsError
from .parsing import parse_answer, parse_lenient
from .strategies import Sliding
from .values import Completion, Parsed, Passage, Round

Parser = Callable[[str, int], Parsed]

PARSERS: Mapping[str, Parser] = {
    "strict": lambda text, size: parse_answer(Completion(answer=text), size, tags="<answer>" in text),
    "lenient": parse_lenient,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One topic of a recorded run: its candidates in first-stage order, and the raw answer to each of its windows in the order asked."""

    topic: str
    ids: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Replay:
    """Orders by topic, and how often each outcome and each problem came, counted over windows."""

    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


def read_recorded(candidates: Any, responses: Any, strategy: Sliding) -> list[Recorded]:
    """Topics of two JSON values: `[{"qid", "docids": [...]}, ...]`, and all raw answers in one list, topic after topic.

    Raises InputError naming the topic or the number that is wrong; nothing is guessed where the counts differ.
    """
    if not isinstance(candidates, list) or not all(isinstance(row, dict) and {"qid", "docids"} <= set(row) for row in candidates):
        raise InputError("the candidates must be a JSON list of objects with qid and docids")
    if not isinstance(responses, list) or not all(isinstance(text, str) for text in responses):
        raise InputError("the responses must be a JSON list of texts, one per window")
    out: list[Recorded] = []
    at = 0
    for row in candidates:
        topic, ids = str(row["qid"]), tuple(str(one) for one in row["docids"])
        if len(set(ids)) < len(ids):
            raise InputError(f"topic {topic!r} lists a passage twice: ids must be unique in a list")
        wanted = strategy.cost(len(ids)).calls[0]
        answers = tuple(responses[at : at + wanted])
        if len(answers) < wanted:
            raise InputError(
                f"topic {topic!r} needs {wanted} answers and {len(answers)} are left of {len(responses)}: check window and step"
            )
        at += wanted
        out.append(Recorded(topic=topic, ids=ids, answers=answers))
    if at < len(responses):
        raise InputError(f"{len(responses)} answers were given and the windows of {len(out)} topics take {at}: check window and step")
    return out


def replay(topics: Sequence[Recorded], strategy: Sliding, parser: str) -> Replay:
    """Walk the strategy over every topic with its recorded answers. Raises SettingsError for a parser that is not there."""
    if parser not in PARSERS:
        raise SettingsError(f"no parser is called {parser!r}: there are {', '.join(PARSERS)}")
    out = Replay()
    for topic in topics:
        plan = strategy.plan([Passage(id=id_, text="") for id_ in topic.ids])
        answers, sent = iter(topic.answers), None
        while True:
            try:
                step = plan.send(sent)
            except StopIteration as end:
                out.orders[topic.topic] = tuple(passage.id for passage in end.value)
                break
            assert isinstance(step, Round)  # a sliding window forks nothing
            sent = [PARSERS[parser](next(answers), len(window.passages)) for window in step.windows]
            out.outcomes.update(parsed.outcome for parsed in sent)
            out.problems.update(problem for parsed in sent for problem in parsed.problems)
    return out
