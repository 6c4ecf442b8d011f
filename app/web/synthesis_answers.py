"""What the routes of syntheses and dataset versions answer, for the OpenAPI document. Costs are in the currency of the teacher's entry."""

from __future__ import annotations

from typing import Any, Literal

from .answers import Answer

State = Literal["made", "empty", "failed"]

TAR_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A folder as a tar.", "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}
}


class RecipeOffer(Answer):
    """A recipe that a worker has; `text` is its TOML."""

    name: str
    about: str
    text: str
    teacher: str


class TrainingOffer(Answer):
    """A recipe of updates that a worker has; `text` is its TOML, `family` nano or hub."""

    name: str
    about: str
    family: str
    text: str


class RecipesAnswer(Answer):
    """What can be synthesized and trained now; `worker` says whether a worker is alive."""

    recipes: list[RecipeOffer]
    training: list[TrainingOffer]
    teachers: list[str]
    worker: bool


class QueuedAnswer(Answer):
    """The job; see GET jobs."""

    job: dict[str, Any]


class FilterAnswer(Answer):
    """A filter keeps an item whose score is at least, or at most, the threshold; one without a score passes. Some can't be moved."""

    name: str
    about: str
    keeps: Literal["at_least", "at_most"]
    threshold: float
    low: float
    high: float


class Synthesis(Answer):
    """One recipe with one teacher. `embedded`: its teacher is the small model that reads no text. `report` comes at the end."""

    id: str
    name: str
    teacher: str
    embedded: bool
    job: str | None
    created: str
    items: dict[str, int]
    calls: int
    repeats: int
    tokens_in: int
    tokens_out: int
    cost: float
    currency: str | None
    filters: list[FilterAnswer]
    report: dict[str, Any] | None
    datasets: list[str]


class SynthesesAnswer(Answer):
    """Syntheses, newest first."""

    syntheses: list[Synthesis]


class SpentAnswer(Answer):
    """What a domain took, over all its items."""

    domain: str
    made: int
    empty: int
    failed: int
    calls: int
    tokens: int
    cost: float


class SynthesisAnswer(Synthesis):
    """One with the text of its recipe."""

    recipe: str
    spent: list[SpentAnswer]


class ScoresAnswer(Answer):
    """Scores of the items that were made, as columns in the order of their numbers; null where a filter has nothing to say."""

    numbers: list[int]
    domains: list[str]
    tokens: list[int]
    costs: list[float]
    scores: dict[str, list[float | None]]
    of: int
    sampled: bool


class BriefItem(Answer):
    """An item without its texts; `reasons` are sentences by filter."""

    number: int
    domain: str
    source_id: str
    query: str
    state: State
    scores: dict[str, float | None]
    reasons: dict[str, list[str]]
    error: str


class ItemsAnswer(Answer):
    """Some items."""

    items: list[BriefItem]


class ItemAnswer(BriefItem):
    """A whole item: its list, the labels that count, every answer of the teacher."""

    passages: list[dict[str, Any]]


class Dataset(Answer):
    """A frozen dataset version; `size` is bytes."""

    id: str
    name: str
    created: str
    counts: dict[str, Any]
    synthesis: str | None
    size: int
    thresholds: dict[str, float]


class DatasetsAnswer(Answer):
    """Versions, newest first."""

    datasets: list[Dataset]


class DatasetAnswer(Dataset):
    """One with its manifest and its card (Markdown)."""

    manifest: dict[str, Any]
    card: str


class DiffAnswer(Answer):
    """From one version to another: counts of all, and the first entries of each kind."""

    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    changed: list[dict[str, Any]]
    counts: dict[str, Any]
