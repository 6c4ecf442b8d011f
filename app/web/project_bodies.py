"""What may be posted about projects and tasks; see `app.web.bodies` for the common limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from app.services.task_imports import Queries

from .bodies import MAX_PASSAGES, MAX_QUERY, MAX_TEXT, Body, Clean, Name, PassageId

Text = Annotated[str, StringConstraints(max_length=100_000), Clean]
Label = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True), Clean]
Grades = Annotated[list[Label], Field(min_length=2, max_length=10)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-zA-Z_.-]{1,64}$")]

PROJECT_EXAMPLE: JsonValue = {
    "name": "Kitchen questions",
    "about": "Everyday questions and the principle behind each.",
    "grades": ["Does not help", "Shares the theme only", "Helps in part", "Answers"],
    "overlap": 3,
    "view": "blind",
    "shown": "random",
    "gold_share": 0.1,
    "audit_share": 0.1,
}


class ProjectChangeBody(Body):
    """PATCH /api/v1/projects/{id}: only what is named changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap": 3, "state": "open"}]})

    name: Name | None = None
    about: Annotated[str, StringConstraints(max_length=4_000), Clean] | None = None
    grades: Grades | None = None
    overlap: Annotated[int, Field(ge=1, le=100)] | None = None
    depth: Annotated[int, Field(ge=2, le=MAX_PASSAGES)] | None = None
    view: Literal["blind", "model"] | None = None
    shown: Literal["random", "model", "first_stage"] | None = None
    gold_share: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)] | None = None
    audit_share: Share | None = None
    tutorial: bool | None = None
    lease_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = None
    licence: Annotated[str, StringConstraints(max_length=200), Clean] | None = None
    state: Literal["open", "closed"] | None = None

    def values(self) -> dict[str, Any]:
        """What is named, as the services take it."""
        return self.model_dump(mode="json", exclude_none=True)


class ProjectBody(ProjectChangeBody):
    """POST /api/v1/projects. What is left out is set by the studio; without guidelines it gets ours."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROJECT_EXAMPLE]})

    name: Name
    guidelines: Text | None = None


class GuidelinesBody(Body):
    """POST /api/v1/projects/{id}/guidelines: Markdown; a new version, never an edit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "## What to do\n\nPut what answers on top."}]})

    text: Annotated[str, StringConstraints(min_length=1, max_length=100_000), Clean]


class ListedPassage(Body):
    """A candidate; without an id it gets its place as one. `score` is the first stage's."""

    id: Annotated[str, StringConstraints(max_length=200), Clean] = ""
    title: Annotated[str, StringConstraints(max_length=1_000), Clean] = ""
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), Clean]
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None


class GoldBody(Body):
    """A known answer: groups of tied passages best first, those that are not relevant, grades, and a word on why."""

    order: Annotated[list[Annotated[list[PassageId], Field(min_length=1)]], Field(max_length=MAX_PASSAGES)] = []
    not_relevant: Annotated[list[PassageId], Field(max_length=MAX_PASSAGES)] = []
    grades: Annotated[dict[PassageId, Annotated[int, Field(ge=0, le=9)]], Field(max_length=MAX_PASSAGES)] = {}
    why: Annotated[str, StringConstraints(max_length=4_000), Clean] = ""


class ListBody(Body):
    """A query with its candidates, in first-stage order."""

    topic: Annotated[str, StringConstraints(max_length=200), Clean] = ""
    query: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUERY, strip_whitespace=True), Clean]
    passages: Annotated[list[ListedPassage], Field(min_length=2, max_length=MAX_PASSAGES)]
    gold: GoldBody | None = None


TASKS_EXAMPLES: list[JsonValue] = [
    {
        "lists": [
            {
                "topic": "q1",
                "query": "Why does bread rise slowly in winter?",
                "passages": [{"id": "yeast", "text": "Yeast is sluggish in the cold."}, {"id": "sales", "text": "January sales begin."}],
            }
        ]
    }
]


class TasksBody(Body):
    """POST /api/v1/projects/{id}/tasks as JSON: lists, or queries for which candidates are sought in a collection.

    `model` with queries ranks each list too, so that a project that shows a model's reasoning has some to show.
    """

    model_config = ConfigDict(json_schema_extra={"examples": TASKS_EXAMPLES})

    kind: Literal["plain", "gold", "tutorial"] = "plain"
    lists: Annotated[list[ListBody], Field(min_length=1, max_length=1_000)] | None = None
    collection: Id | None = None
    queries: Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUERY), Clean]], Field(max_length=200)] = []
    run: bool = False
    model: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.lists is None) == (not self.queries):
            raise ValueError("give lists, or queries with a collection, and not both")
        if self.lists is not None and (self.run or self.collection is not None):
            raise ValueError("collection and run belong to queries: lists are taken as they are")
        if self.run and self.model is None:
            raise ValueError("model: name the one that shall rank the lists")
        if self.queries and self.kind != "plain":
            raise ValueError("kind: only lists can carry the known answers that gold and tutorial tasks need")
        return self

    def records(self) -> list[dict[str, Any]]:
        """The lists as the services take them: plain values."""
        return [one.model_dump(mode="json", exclude_none=True) for one in self.lists or []]

    def asked(self) -> Queries:
        """The queries as the services take them."""
        return Queries(collection=self.collection, queries=tuple(self.queries), model=self.model if self.run else None)
