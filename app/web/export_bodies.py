"""What may be posted about exports."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from .bodies import Body

EXAMPLE: dict[str, Any] = {"format": "parquet", "include_holdout": True, "texts": False}


class ExportBody(Body):
    """POST /api/v1/exports: a format, and what to include; see docs/exports.md."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    format: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,32}$")]
    project: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,36}$")] | None = None
    all_versions: bool = False
    states: Annotated[list[Literal["draft", "submitted", "skipped", "flagged", "cannot_judge"]], Field(max_length=5)] = []
    include_holdout: bool = False
    reviewed_only: bool = False
    tutorials: bool = False
    texts: bool = True
    ended_before: Annotated[str, StringConstraints(max_length=40)] | None = None

    def query(self) -> dict[str, Any]:
        """The same as the service takes it."""
        return self.model_dump(exclude={"format"})
