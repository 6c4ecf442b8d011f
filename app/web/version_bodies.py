"""What may be posted about versions of models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from .bodies import Body, Clean

PROMOTION_EXAMPLE: JsonValue = {"margins": {"gold_drop": 0.03}, "note": "The gold lists miss our own questions."}
ROLLBACK_EXAMPLE: JsonValue = {"model": "nano", "note": "Answers about travel got worse."}
Note = Annotated[str, StringConstraints(max_length=2_000, strip_whitespace=True), Clean]
Drop = Annotated[float, Field(ge=0.0, le=1.0)]


class MarginsBody(Body):
    """Margins of the gate; what is left out is the recipe's. Drops are of NDCG@10 or of a share, `slower` is a factor."""

    min_people: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    gold_drop: Drop | None = None
    domain_drop: Drop | None = None
    domain_topics: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    outcome_drop: Drop | None = None
    slower: Annotated[float, Field(ge=0.0, le=1_000.0)] | None = None
    level: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None

    def given(self) -> dict[str, Any]:
        """Those that were given."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class PromotionBody(Body):
    """POST versions/{id}/promote. Without margins the recipe's hold."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROMOTION_EXAMPLE]})

    margins: MarginsBody | None = None
    note: Note = ""


class RollbackBody(Body):
    """POST versions/rollback."""

    model_config = ConfigDict(json_schema_extra={"examples": [ROLLBACK_EXAMPLE]})

    model: Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
    note: Note = ""
