"""What may be posted about jobs and schedules. What a kind of job needs to know is the service's to check."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from app.services.jobs import MOST_JUDGEMENTS, NewJob, NewSchedule

from .bodies import Body, Clean, Name

_MOST_CHARACTERS = 200_000
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,32}$")]
Cron = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Clean]
MaybeCron = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), Clean]
Judgements = Annotated[int, Field(ge=1, le=MOST_JUDGEMENTS)]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]

JOB_EXAMPLE: JsonValue = {
    "kind": "synthesize",
    "arguments": {"recipe": "demo", "text": "", "teacher": "", "limit": 20},
    "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47",
}
SCHEDULE_EXAMPLE: JsonValue = {
    "name": "Synthesis by night",
    "cron": "0 3 * * 1",
    "zone": "Europe/Berlin",
    "kind": "synthesize",
    "arguments": {"recipe": "demo", "text": "", "teacher": "", "limit": 0},
}
CHANGES_EXAMPLE: JsonValue = {"enabled": False}


class _WithArguments(Body):
    """Arguments of a job, bounded as a whole."""

    arguments: Annotated[dict[str, Any], Field(max_length=40)] = {}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        text = json.dumps(self.arguments)
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"arguments are longer than {_MOST_CHARACTERS:,} characters: shorten them")
        return self


class JobBody(_WithArguments):
    """POST jobs."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB_EXAMPLE]})

    kind: Kind
    idempotency_key: UUID

    def new(self) -> NewJob:
        """The same as the service takes it."""
        return NewJob(kind=self.kind, arguments=self.arguments, idempotency_key=str(self.idempotency_key))


class ScheduleBody(_WithArguments):
    """POST schedules. `cron` has five fields: minute, hour, day of month, month, day of week, by the clock of `zone`.

    Instead of it `judgements` starts the job each time that so many trusted judgements are new.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [SCHEDULE_EXAMPLE]})

    name: Name
    cron: MaybeCron = ""
    judgements: Judgements | None = None
    zone: Zone = "UTC"
    kind: Kind
    enabled: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.cron) == (self.judgements is not None):
            raise ValueError("a schedule takes either cron or judgements")
        return self

    def new(self) -> NewSchedule:
        """The same as the service takes it."""
        return NewSchedule(
            name=self.name, cron=self.cron, zone=self.zone, kind=self.kind, arguments=self.arguments, enabled=self.enabled,
            judgements=self.judgements,
        )  # fmt: skip


class ScheduleChanges(Body):
    """PATCH schedules/{id}: what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHANGES_EXAMPLE]})

    name: Name | None = None
    cron: Cron | None = None
    judgements: Judgements | None = None
    zone: Zone | None = None
    arguments: Annotated[dict[str, Any], Field(max_length=40)] | None = None
    enabled: bool | None = None
