"""What may be posted by reviewers, and by visitors who object to a ranking."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from .bodies import MAX_LISTED, Body, Clean, Ids, PassageId

WeakOrderBody = Annotated[list[Annotated[list[PassageId], Field(min_length=1, max_length=MAX_LISTED)]], Field(max_length=MAX_LISTED)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=36, pattern=r"^[A-Za-z0-9-]+$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=4_000, strip_whitespace=True), Clean]
ObjectionNote = Annotated[str, StringConstraints(max_length=2_000), Clean]

ADJUDICATION_EXAMPLE: JsonValue = {
    "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47",
    "base_version": 0,
    "picked_id": None,
    "order": [["yeast"], ["flour", "dough"]],
    "not_relevant": ["sales"],
    "grades": {"yeast": 3},
    "reason": "Both judges overlooked that the question is about winter.",
    "gold": False,
}
DISAGREEMENT_EXAMPLE: JsonValue = {
    "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47",
    "consent_version": "2026-11-28",
    "order": [["yeast"], ["flour"]],
    "note": "The second passage is about summer.",
}
DECISION_EXAMPLES: list[JsonValue] = [{"state": "accepted", "trust": 0.5}, {"state": "rejected"}]


class AdjudicationBody(Body):
    """POST tasks/{id}/adjudications. `picked_id` is one of the judgements shown, where the order starts from it."""

    model_config = ConfigDict(json_schema_extra={"examples": [ADJUDICATION_EXAMPLE]})

    idempotency_key: UUID
    base_version: Annotated[int, Field(ge=0, le=1_000_000)]
    picked_id: Key | None = None
    order: WeakOrderBody
    not_relevant: Ids = []
    unranked: Ids = []
    grades: Annotated[dict[PassageId, Annotated[int, Field(strict=True, ge=0, le=100)]], Field(max_length=MAX_LISTED)] = {}
    reason: Reason
    gold: bool = False

    def draft(self) -> dict[str, Any]:
        """The same as the services take it: plain values."""
        return self.model_dump(mode="json")


class DisagreementBody(Body):
    """POST runs/{token}/disagreements. `order` may hold the first passages only, or be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [DISAGREEMENT_EXAMPLE]})

    idempotency_key: UUID
    consent_version: Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
    order: WeakOrderBody | None = None
    not_relevant: Ids = []
    note: ObjectionNote = ""

    def draft(self) -> dict[str, Any]:
        """The same as the services take it: plain values."""
        return self.model_dump(mode="json")


class DecisionBody(Body):
    """POST disagreements/{id}/decision. `trust` weighs an accepted objection."""

    model_config = ConfigDict(json_schema_extra={"examples": DECISION_EXAMPLES})

    state: Literal["accepted", "rejected"]
    trust: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _trusted(self) -> Self:
        if (self.state == "accepted") != (self.trust is not None):
            raise ValueError("an accepted objection has a trust above 0 and up to 1, a rejected one has none")
        return self
