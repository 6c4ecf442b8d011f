"""Rows for trainers, made of a version for one model: its own prompt profile, its own format of traces and answers, its own limit.

Nothing is cut to fit. What can't be a row is refused, counted and named; it stays in the version for models that can take it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.ranking.errors import SettingsError, TemplateError
from app.ranking.evidence import digits
from app.ranking.models.nano.cards import write_answer
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.parsing import CLOSE_ANSWER, CLOSE_THINK, OPEN_ANSWER, OPEN_THINK
from app.ranking.prompts import ProfileTemplate, template_for
from app.ranking.protocols import PromptTemplate, Tokenizer
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Passage

from .hindsight import explain, gains_of, trace_of, true_trace
from .values import STAGES
from .version import Texts, Version

log = logging.getLogger(__name__)

EXPLAINED = 0.7
"""Least NDCG@10 of a plan's ranking that counts as explaining a list to the embedded model: see docs/experiments.md."""

Row = dict[str, Any]
_NAMED = 5  # ids in a sentence


@dataclass(slots=True)
class Refused:
    """What could not be a row: ids of examples by reason."""

    by_reason: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, example: str) -> None:
        """Count one."""
        self.by_reason.setdefault(reason, []).append(example)

    @property
    def sentences(self) -> list[str]:
        """One sentence per reason, with the number and the first ids."""
        return [
            f"{len(ids)} {'example' if len(ids) == 1 else 'examples'} left out: {reason} ({', '.join(ids[:_NAMED])}"
            f"{', ...' if len(ids) > _NAMED else ''})"
            for reason, ids in self.by_reason.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How rows are made. `max_tokens` bounds prompt and completion together (0: no bound), counted by `tokenizer`.

    `explained` is the least agreement of a plan that may explain a list to the embedded model, 0..1. `refused` collects what is left out.
    """

    max_tokens: int = 0
    tokenizer: Tokenizer = field(default_factory=WordTokenizer)
    explained: float = EXPLAINED
    refused: Refused = field(default_factory=Refused)


class _Unfit(Exception):
    """Why an example can't be a row."""


def rows(version: Version, template: PromptTemplate | str, stage: str, how: Rendering | None = None) -> Iterator[Row]:
    """Rows of one stage, in TRL's conversational formats.

    `sft`: prompt (messages), completion (one assistant message: trace and answer in the profile's own format), id. `rl`: prompt, shown
    (passage ids, [1] is the first), grades (JSON text by id), teacher_order and relevant (ids), id. What was left out is in
    `how.refused`; without `how` it is logged at the end. Raises SettingsError for an unknown stage or a profile that ranks no lists.
    """
    told, how = how is None, how or Rendering()
    template = template_for(template) if isinstance(template, str) else template
    if stage not in STAGES:
        raise SettingsError(f"stage {stage!r} is unknown: use {' or '.join(STAGES)}")
    if template.unit != "list":
        raise SettingsError(f"profile {template.name!r} is about one {template.unit} at a time: choose one that ranks lists")
    made = _rows(version, template, stage, how)
    return _told(made, how.refused) if told else made


def _told(made: Iterator[Row], refused: Refused) -> Iterator[Row]:
    """The rows, and in the end what was left out, for callers who did not ask where to collect it."""
    yield from made
    for sentence in refused.sentences:
        log.warning("%s", sentence)


def _rows(version: Version, template: PromptTemplate, stage: str, how: Rendering) -> Iterator[Row]:
    with Texts(version.folder) as texts:
        for example in version.examples(stage):
            try:
                yield _row(example, texts.passages(example), template, how)
            except (_Unfit, TemplateError) as unfit:
                how.refused.add(str(unfit), example["id"])


def _row(example: Mapping[str, Any], window: Sequence[Passage], template: PromptTemplate, how: Rendering) -> Row:
    prompt = template.render(example["query"], window, how.tokenizer)
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    if example["split"] == "sft":
        text = _nano(example, window, template, how) if isinstance(template, NanoTemplate) else _written(example, window, template)
        _check_length([*messages, {"content": text}], how)
        return {"prompt": messages, "completion": [{"role": "assistant", "content": text}], "id": example["id"]}
    _check_length(messages, how)
    grades = example["grades"]
    return {
        "prompt": messages,
        "shown": [passage.id for passage in window],
        "grades": json.dumps(grades, ensure_ascii=False),
        "teacher_order": list(example["order"]),
        "relevant": [passage.id for passage in window if grades.get(passage.id, 0) >= 1],
        "id": example["id"],
    }


def _written(example: Mapping[str, Any], window: Sequence[Passage], template: PromptTemplate) -> str:
    """Trace and answer as the model is to write them; read back by the profile's own parser before they are believed."""
    order = positions(example)
    if template.thinks and not example["trace"].strip():
        raise _Unfit("their order has no trace, which this profile writes first")
    text = written(template, example["trace"], order)
    head, closed, rest = text.partition(CLOSE_THINK)
    said = Completion(reasoning=head.removeprefix(OPEN_THINK), answer=rest) if template.thinks and closed else Completion(answer=text)
    parsed = template.parse(said, len(window))
    if parsed.outcome != "clean" or list(parsed.order) != order:
        raise _Unfit("their trace holds a tag of the format, so that the answer could not be read back")
    return text


def written(template: PromptTemplate, trace: str, order: Sequence[int]) -> str:
    """An answer with its trace in the format of a profile; `order` are 0-based positions, best first."""
    chain = " > ".join(f"[{position + 1}]" for position in order)
    tags = not isinstance(template, ProfileTemplate) or template.profile.answer.tags
    begin = template.begin(trace) if template.thinks else OPEN_ANSWER if tags else ""
    return f"{begin} {chain} {CLOSE_ANSWER}" if tags else begin + chain


def positions(example: Mapping[str, Any]) -> list[int]:
    """The order of an example as 0-based positions of its shown list."""
    place = {one["id"]: at for at, one in enumerate(example["passages"])}
    return [place[one] for one in example["order"]]


def _nano(example: Mapping[str, Any], window: Sequence[Passage], template: NanoTemplate, how: Rendering) -> str:
    """A trace that is exactly true to its cards: the example's own where it is, else that of the plan that explains the list best."""
    cards = [digits(passage) for passage in window]
    order: Sequence[int] = positions(example)
    trace = example["trace"] if example["template"] == template.name else ""
    if not true_trace(trace, order, cards):
        found = explain(cards, gains_of(example))
        if found.agreement < how.explained:
            raise _Unfit(f"no plan over the evidence cards explains them (NDCG@10 below {how.explained:g})")
        trace, order = trace_of(found.plan, cards), found.order
    return template.begin(trace).removesuffix(OPEN_ANSWER) + write_answer(order)


def _check_length(messages: Sequence[Mapping[str, str]], how: Rendering) -> None:
    if not how.max_tokens:
        return
    if sum(how.tokenizer.count(message["content"]) for message in messages) > how.max_tokens:
        exact = "" if how.tokenizer.exact else ", estimated by words"
        raise _Unfit(f"longer than {how.max_tokens} tokens{exact}: raise the limit, or leave them to a model with a longer context")
