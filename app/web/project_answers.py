"""What the routes of projects and tasks answer, as models for the OpenAPI document; see `app.web.answers`."""

from __future__ import annotations

from typing import Any, Literal

from .answers import Answer, Judgement


class Guidelines(Answer):
    """A version of the instructions, in Markdown."""

    id: str
    version: int
    text: str


class Mine(Answer):
    """What the asking person did in a project, and how many tasks of the tutorial are still before them."""

    submitted: int
    skipped: int
    flagged: int
    cannot_judge: int
    later: int
    tutorial_left: int


class ProjectAnswer(Answer):
    """P: a project. `tasks` counts lists, `judged` those that as many people judged as wanted; gold and tutorial are left out."""

    id: str
    name: str
    about: str
    grades: list[str]
    overlap: int
    depth: int
    view: Literal["blind", "model"]
    shown: Literal["random", "model", "first_stage"]
    gold_share: float
    audit_share: float
    tutorial: bool
    lease_minutes: int
    licence: str
    state: Literal["open", "closed"]
    created: str
    guidelines: Guidelines | None
    tasks: int
    judged: int
    mine: Mine


class ProjectsAnswer(Answer):
    """Projects, oldest first."""

    projects: list[ProjectAnswer]


class AddedAnswer(Answer):
    """How many tasks were added, and how many were there before. Where there are problems nothing was added."""

    added: int
    known: int
    problems: list[str]


class TaskPassage(Answer):
    """A candidate, in shown order."""

    id: str
    title: str
    text: str


class TaskConsent(Answer):
    """What submitting agrees to; the text is empty where the project has no such terms."""

    version: str
    text: str


class TaskAnswer(Answer):
    """T: a task in one person's hands. `run` and `model` are null unless the project shows the model."""

    assignment: str
    task: str
    project: dict[str, Any]
    kind: Literal["tutorial", "task"]
    number: int
    of: int
    query: str
    passages: list[TaskPassage]
    shown_order: list[str]
    run: str | None
    model: str | None
    guidelines: Guidelines | None
    consent: TaskConsent
    lease_until: str
    state: str
    judgement: Judgement | None


class NextAnswer(Answer):
    """The task in hand or a new one; where there is none, `why` says so in a sentence. `left` counts those after it."""

    task: TaskAnswer | None
    left: int
    why: str


class LeaseAnswer(Answer):
    """Until when a task is kept."""

    lease_until: str


class OwnAssignment(Answer):
    """A line of one's own list."""

    assignment: str
    query: str
    state: str
    ended: str | None
    kind: Literal["tutorial", "task"]


class OwnAnswer(Answer):
    """One's own assignments, newest first."""

    assignments: list[OwnAssignment]


TASKS_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        **{
                            name: {"type": "string", "contentMediaType": "application/octet-stream"}
                            for name in ("file", "corpus", "topics", "qrels")
                        },
                        "format": {"type": "string", "enum": ["auto", "jsonl", "csv", "tsv", "trec", "beir", "reasonrank"]},
                        "kind": {"type": "string", "enum": ["plain", "gold", "tutorial"]},
                    },
                }
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/TasksBody"}},
        },
    }
}
