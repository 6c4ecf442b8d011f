"""The values of a dataset version: what it is built with, what was built, and one item as the store hands it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from training.synthesis.values import Item

SCHEMA = "reasonrank-dataset-1"
EXAMPLES, TEXTS, VERDICTS, MANIFEST, CARD = "examples.jsonl", "texts.jsonl", "verdicts.jsonl", "manifest.json", "README.md"
FILES = (EXAMPLES, TEXTS, VERDICTS, MANIFEST, CARD)

Stage = Literal["sft", "rl"]
STAGES: tuple[Stage, ...] = ("sft", "rl")

HOLDOUT = "holdout"
"""The verdict on queries that are for evaluation only; no threshold moves it."""

NO_ORDER = "no_order"
"""The verdict on items without any order to learn: no answer of the teacher could be used, and people's labels do not count."""


class Judged(Protocol):
    """A stored item with what the filters found: `training.synthesis.stored.StoredItem`."""

    @property
    def item(self) -> Item:
        """The item with its passages."""
        ...

    @property
    def scores(self) -> Mapping[str, float | None]:
        """Score by filter; None where a filter has nothing to say."""
        ...

    @property
    def reasons(self) -> Mapping[str, Sequence[str]]:
        """Reasons by filter."""
        ...

    @property
    def state(self) -> str:
        """made, empty or failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How a version is made. `thresholds` are those that differ from the filters' own; `stages` are shares of the queries, any scale.

    `prompts` are the texts of the prompts by name, `sources` the names of the sources, `code` the revision of this program. Only
    `thresholds` and `stages` take part in the version's id: the same items under the same two give the same id, whoever made them.
    """

    name: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=lambda: {"sft": 0.5, "rl": 0.5})
    recipe_name: str = ""
    recipe_text: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    teacher: str = ""
    revision: str = ""
    embedded: bool = False
    code: str = ""
    synthesis_id: str = ""
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A folder that was built. `id` is 64 hex digits, `counts` and `manifest` what its manifest.json holds."""

    id: str
    counts: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The version's name."""
        return str(self.manifest["name"])
