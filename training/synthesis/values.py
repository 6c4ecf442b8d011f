"""The values of the data pipeline: what a source yields, what a teacher said of it, and the item that comes of it.

Frozen, JSON-ready by `item_json` and back by `read_item`. No time of day and no latency is in here: an item depends on nothing but its
source, the recipe and what the teacher answered, so that a pipeline that was killed ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from app.ranking.values import Outcome, Passage

Origin = Literal["given", "linked", "retrieved", "hard"]
"""How a passage came to be a candidate: the source's own list, a linked page, the retriever, or a hard negative of the retriever."""

LabelledBy = Literal["source", "people", "teacher"]
"""Whose labels count: human labels of the source's data set, judgements of this studio, or the teacher's mining."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What one person says of a list: a weak order (groups of passage ids, best first), what is not relevant, grades by id."""

    person: str
    order: tuple[tuple[str, ...], ...] = ()
    not_relevant: tuple[str, ...] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    trust: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A listwise ranking that the source already has: `shown` and `order` are passage ids, `reasoning` the trace between them."""

    shown: tuple[str, ...]
    order: tuple[str, ...]
    reasoning: str = ""
    rater: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceItem:
    """One query of a source. `answer` is the gold answer or solution: a teacher sees it when it mines, never when it ranks.

    `passages` are the source's own candidates (given or linked, told apart by `linked`), `labels` human grades by passage id where it has
    any, `opinions` what people of this studio said, `ready` a ranking it brings along. `id` is unique in the source and stable.
    """

    id: str
    source: str
    domain: str
    query: str
    answer: str = ""
    passages: tuple[Passage, ...] = ()
    linked: bool = False
    labels: Mapping[str, int] | None = None
    opinions: tuple[Opinion, ...] = ()
    ready: Ready | None = None
    licence: str = ""
    trust: float = 1.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """One pointwise answer: grades by passage id of all it was shown (0 for those it left out), and how the answer was read."""

    prompt: str
    sample: int
    grades: Mapping[str, int]
    outcome: Outcome
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One listwise answer. `shown` are passage ids in the order of the prompt ([1] is the first), `order` ids, best first."""

    sample: int
    seed: int
    shown: tuple[str, ...]
    order: tuple[str, ...]
    reasoning: str
    outcome: Outcome
    problems: tuple[str, ...] = ()
    tokens_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an item took: calls that its plan needed (answered from the store or not), tokens, money."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A query with its list, labels and rankings.

    `passages` is the list in the order in which it was built (position 0 first), at most the recipe's size, with `origins` by id.
    `grades` are the labels that count, by id, for every passage of the list, and `labelled_by` says whose; `mined` keeps every pointwise
    answer of the teacher, whoever's labels count. `samples` are all listwise answers, `chosen` the index of the one whose order and trace
    train: the medoid of the clean ones. `template` names the profile that reads the traces, `teacher` who ranked. An item without a usable
    list has `error` and no samples.
    """

    number: int
    source_id: str
    source: str
    domain: str
    query: str
    answer: str = ""
    passages: tuple[Passage, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)
    labelled_by: LabelledBy = "teacher"
    mined: tuple[Mined, ...] = ()
    samples: tuple[Sample, ...] = ()
    chosen: int = 0
    opinions: tuple[Opinion, ...] = ()
    teacher: str = ""
    template: str = ""
    seed: int = 0
    licence: str = ""
    trust: float = 1.0
    notes: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    error: str = ""

    @property
    def best(self) -> Sample | None:
        """The sample that trains; None where there is none."""
        return self.samples[self.chosen] if self.samples else None


def item_json(item: Item) -> dict[str, Any]:
    """An item as JSON holds it; `read_item` is its inverse."""
    found = asdict(replace(item, passages=()))
    found["passages"] = [passage_json(passage) for passage in item.passages]
    return found


def passage_json(passage: Passage) -> dict[str, Any]:
    """A passage as JSON holds it."""
    return {
        "id": passage.id, "title": passage.title, "text": passage.text, "score": passage.score, "features": dict(passage.features),
    }  # fmt: skip


def read_item(data: Mapping[str, Any]) -> Item:
    """An item from its JSON."""
    made = dict(data)
    made["passages"] = tuple(Passage(**passage) for passage in data["passages"])
    made["mined"] = tuple(Mined(**{**one, "problems": tuple(one["problems"])}) for one in data["mined"])
    made["samples"] = tuple(Sample(**{**one, **_tuples(one, "shown", "order", "problems")}) for one in data["samples"])
    made["opinions"] = tuple(read_opinion(one) for one in data["opinions"])
    made["notes"], made["cost"] = tuple(data["notes"]), Cost(**data["cost"])
    return Item(**made)


def source_json(found: SourceItem) -> dict[str, Any]:
    """A source item as JSON holds it; `read_source` is its inverse."""
    made = asdict(replace(found, passages=()))
    made["passages"] = [passage_json(passage) for passage in found.passages]
    return made


def read_source(data: Mapping[str, Any]) -> SourceItem:
    """A source item from its JSON."""
    made = dict(data)
    made["passages"] = tuple(Passage(**passage) for passage in data["passages"])
    made["opinions"] = tuple(read_opinion(one) for one in data["opinions"])
    made["notes"] = tuple(data["notes"])
    if data["ready"] is not None:
        made["ready"] = Ready(**{**data["ready"], **_tuples(data["ready"], "shown", "order")})
    return SourceItem(**made)


def read_opinion(data: Mapping[str, Any]) -> Opinion:
    """A person's opinion from its JSON."""
    groups = tuple(tuple(group) for group in data["order"])
    return Opinion(**{**data, "order": groups, "not_relevant": tuple(data["not_relevant"])})


def _tuples(data: Mapping[str, Any], *names: str) -> dict[str, Sequence[Any]]:
    return {name: tuple(data[name]) for name in names}
