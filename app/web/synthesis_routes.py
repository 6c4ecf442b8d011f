"""Routes of syntheses: what can be made, starting one, its items and scores, and freezing a dataset version of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse

from app.ranking.errors import InputError

from . import answers, synthesis_answers
from .asking import Administering, Researching
from .review_routes import RowId
from .synthesis_bodies import DatasetBody, SynthesisBody

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

_MOST_WANTED = 100
_DIGITS = 9
Number = Annotated[int, Path(ge=0, le=999_999_999)]


async def _numbers(numbers: Annotated[str | None, Query(max_length=_MOST_WANTED * (_DIGITS + 1))] = None) -> list[int] | None:
    """Numbers of items, with commas between them. Raises InputError."""
    if numbers is None:
        return None
    parts = [one.strip() for one in numbers.split(",")]
    if len(parts) > _MOST_WANTED or not all(one.isascii() and one.isdigit() and len(one) <= _DIGITS for one in parts):
        raise InputError(f"numbers must be up to {_MOST_WANTED} whole numbers with commas between them, like 1,2,3")
    return [int(one) for one in parts]


@router.get("/recipes", response_model=synthesis_answers.RecipesAnswer)
async def recipes(asked: Researching) -> JSONResponse:
    """Recipes and teachers of the workers that are alive."""
    return JSONResponse(await asked.studio.syntheses.recipes(asked.actor))


@router.post("/syntheses", status_code=201, response_model=synthesis_answers.QueuedAnswer)
async def start(asked: Administering, posted: SynthesisBody) -> JSONResponse:
    """Put a synthesis into the queue; the same idempotency key again is answered 200 with its job."""
    queued = await asked.studio.syntheses.start(asked.actor, posted.order())
    return JSONResponse({"job": queued.job}, 201 if queued.created else 200)


@router.get("/syntheses", response_model=synthesis_answers.SynthesesAnswer)
async def syntheses(asked: Researching) -> JSONResponse:
    """Syntheses, newest first."""
    return JSONResponse({"syntheses": await asked.studio.syntheses.list(asked.actor)})


@router.get("/syntheses/{id}", response_model=synthesis_answers.SynthesisAnswer)
async def synthesis(asked: Researching, id: RowId) -> JSONResponse:
    """One with the text of its recipe and what each domain took."""
    return JSONResponse(await asked.studio.syntheses.get(asked.actor, id))


@router.get("/syntheses/{id}/scores", response_model=synthesis_answers.ScoresAnswer)
async def scores(asked: Researching, id: RowId) -> JSONResponse:
    """Scores of all items, for moving thresholds without a request; of more than 20,000 items an even sample."""
    return JSONResponse(await asked.studio.syntheses.scores(asked.actor, id))


@router.get("/syntheses/{id}/items", response_model=synthesis_answers.ItemsAnswer)
async def items(
    asked: Researching,
    id: RowId,
    wanted: Annotated[list[int] | None, Depends(_numbers)],
    after: Annotated[int | None, Query(ge=-1, le=999_999_999)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """Items by number, or those behind the number `after`; without either those that came last, newest first."""
    return JSONResponse(await asked.studio.syntheses.items(asked.actor, id, wanted, after, limit))


@router.get("/syntheses/{id}/items/{number}", response_model=synthesis_answers.ItemAnswer)
async def item(asked: Researching, id: RowId, number: Number) -> JSONResponse:
    """One item with its passages, labels, and all answers of the teacher."""
    return JSONResponse(await asked.studio.syntheses.item(asked.actor, id, number))


@router.post("/syntheses/{id}/datasets", status_code=201, response_model=synthesis_answers.QueuedAnswer)
async def build(asked: Administering, id: RowId, posted: DatasetBody) -> JSONResponse:
    """Put a dataset version with these thresholds into the queue; the same idempotency key again is answered 200."""
    queued = await asked.studio.syntheses.build(asked.actor, id, posted.name, posted.thresholds, str(posted.idempotency_key))
    return JSONResponse({"job": queued.job}, 201 if queued.created else 200)
