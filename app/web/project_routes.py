"""Routes of projects, their tasks, and what one person has in hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from . import answers, project_answers
from .asking import Administering, Annotating, Working
from .project_bodies import GuidelinesBody, ProjectBody, ProjectChangeBody, TasksBody
from .task_uploads import read_task_upload

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

RowId = Annotated[str, Path(max_length=64)]


@router.get("/projects", response_model=project_answers.ProjectsAnswer)
async def projects(asked: Working) -> JSONResponse:
    """Projects one can work in."""
    return JSONResponse({"projects": list(await asked.studio.projects.list(asked.actor))})


@router.post("/projects", status_code=201, response_model=project_answers.ProjectAnswer)
async def create(asked: Administering, posted: ProjectBody) -> JSONResponse:
    """Make a project; it gets guidelines and, unless it is to have none, a tutorial of five tasks."""
    return JSONResponse(await asked.studio.projects.create(asked.actor, posted.values()), 201)


@router.get("/projects/{id}", response_model=project_answers.ProjectAnswer)
async def project(asked: Working, id: RowId) -> JSONResponse:
    """A project as it stands."""
    return JSONResponse(await asked.studio.projects.get(asked.actor, id))


@router.patch("/projects/{id}", response_model=project_answers.ProjectAnswer)
async def change(asked: Administering, id: RowId, posted: ProjectChangeBody) -> JSONResponse:
    """Change some of a project's rules; what was judged before keeps those it was judged under."""
    return JSONResponse(await asked.studio.projects.update(asked.actor, id, posted.values()))


@router.post("/projects/{id}/guidelines", status_code=201, response_model=project_answers.Guidelines)
async def guidelines(asked: Administering, id: RowId, posted: GuidelinesBody) -> JSONResponse:
    """A new version of the guidelines."""
    return JSONResponse(await asked.studio.projects.add_guidelines(asked.actor, id, posted.text), 201)


@router.post("/projects/{id}/tasks", status_code=201, response_model=project_answers.AddedAnswer, openapi_extra=project_answers.TASKS_FORM)
async def add_tasks(request: Request, asked: Administering, id: RowId) -> JSONResponse:
    """Add lists to judge, from files (multipart) or as JSON: all of them or, where anything is wrong, none and 200 with the problems."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with read_task_upload(request) as given:
            added = await asked.studio.task_imports.add_file(asked.actor, id, given)
    else:
        posted = await _tasks_body(request)
        if posted.lists is None:
            added = await asked.studio.task_imports.add_queries(asked.actor, id, posted.asked())
        else:
            added = await asked.studio.task_imports.add_lists(asked.actor, id, posted.kind, posted.records())
    return JSONResponse(added, 200 if added["problems"] else 201)


async def _tasks_body(request: Request) -> TasksBody:
    """The JSON body, refused like any other where it is malformed."""
    try:
        return TasksBody.model_validate_json(await request.body())
    except ValidationError as error:
        faults: list[Any] = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from error


@router.post("/projects/{id}/next", response_model=project_answers.NextAnswer)
async def next_task(asked: Annotating, id: RowId) -> JSONResponse:
    """The task that one has in hand, else a new one. Nobody gets a task twice, and no task goes to more people than wanted."""
    return JSONResponse(await asked.studio.queue.next(asked.actor, id))


@router.get("/projects/{id}/mine", response_model=project_answers.OwnAnswer)
async def mine(asked: Annotating, id: RowId) -> JSONResponse:
    """One's own assignments in a project, newest first."""
    return JSONResponse({"assignments": list(await asked.studio.queue.mine(asked.actor, id))})


@router.get("/assignments/{id}", response_model=project_answers.TaskAnswer)
async def assignment(asked: Annotating, id: RowId) -> JSONResponse:
    """One's own task again, in whatever state."""
    return JSONResponse(await asked.studio.queue.get(asked.actor, id))


@router.post("/assignments/{id}/later", response_model=answers.Answer)
async def later(asked: Annotating, id: RowId) -> JSONResponse:
    """Put a task off: it comes back when nothing else is left."""
    return JSONResponse(await asked.studio.queue.later(asked.actor, id))


@router.post("/assignments/{id}/renew", response_model=project_answers.LeaseAnswer)
async def renew(asked: Annotating, id: RowId) -> JSONResponse:
    """Keep a task for longer."""
    return JSONResponse(await asked.studio.queue.renew(asked.actor, id))
