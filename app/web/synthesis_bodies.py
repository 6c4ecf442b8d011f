"""What may be posted to start a synthesis or to freeze a dataset version of one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from app.services.synthesis import Order

from .bodies import Body, Clean, Name

MAX_RECIPE = 200_000  # characters
MAX_LIMIT = 10_000_000  # items

Word = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), Clean]
RecipeText = Annotated[str, StringConstraints(max_length=MAX_RECIPE), Clean]
Threshold = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]

SYNTHESIS_EXAMPLES: list[JsonValue] = [
    {"idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47", "recipe": "demo"},
    {
        "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b48",
        "recipe": "demo",
        "teacher": "nano",
        "limit": 20,
        "text": 'name = "demo"\n',
    },
]
DATASET_EXAMPLE: JsonValue = {
    "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b49",
    "name": "strict",
    "thresholds": {"consistency": 0.6},
}


class SynthesisBody(Body):
    """POST syntheses. `text` is TOML in place of the recipe's own, `teacher` a model in place of the recipe's, `limit` 0 is all items."""

    model_config = ConfigDict(json_schema_extra={"examples": SYNTHESIS_EXAMPLES})

    idempotency_key: UUID
    recipe: Name
    text: RecipeText = ""
    teacher: Word = ""
    limit: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = 0

    def order(self) -> Order:
        """The same as the services take it."""
        return Order(
            recipe=self.recipe, idempotency_key=str(self.idempotency_key), text=self.text, teacher=self.teacher, limit=self.limit
        )  # fmt: skip


class DatasetBody(Body):
    """POST syntheses/{id}/datasets. `thresholds` are those that differ from the synthesis's own, by the name of the filter."""

    model_config = ConfigDict(json_schema_extra={"examples": [DATASET_EXAMPLE]})

    idempotency_key: UUID
    name: Name
    thresholds: Annotated[dict[Word, Threshold], Field(max_length=100)] = {}
