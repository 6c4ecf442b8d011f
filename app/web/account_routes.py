"""The routes of accounts: who am I, sign in and out, invites, and what an admin changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from . import account_answers as told
from . import answers
from .account_bodies import AcceptBody, AccountBody, InviteBody, PasswordBody, SignInBody
from .asking import Administering, Asking
from .limits import Limits
from .who import SESSION, address, signed_in, signed_out

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

RowId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


@router.get("/me", response_model=told.Me)
async def me(asked: Asking) -> JSONResponse:
    """Who I am here, and what I may do."""
    return JSONResponse(await asked.studio.accounts.me(asked.actor))


@router.post("/session", status_code=201, response_model=told.Done)
async def sign_in(request: Request, asked: Asking, posted: SignInBody) -> Response:
    """Sign in; the answer sets a cookie. The page is to be loaded anew."""
    limits: Limits = request.app.state.limits
    limits.count("sign_in_address", address(request, asked.studio.settings))
    limits.count("sign_in", posted.email.lower())
    token = await asked.studio.accounts.sign_in(posted.email, posted.password)
    return signed_in(JSONResponse({"done": True}, 201), request, token)


@router.delete("/session", response_model=told.Done)
async def sign_out(request: Request, asked: Asking) -> Response:
    """Sign out of this browser."""
    if token := request.cookies.get(SESSION):
        await asked.studio.accounts.sign_out(token)
    return signed_out(JSONResponse({"done": True}))


@router.post("/me/password", response_model=told.Done)
async def change_password(request: Request, asked: Asking, posted: PasswordBody) -> JSONResponse:
    """Change my password; my other browsers are signed out."""
    request.app.state.limits.count("sign_in", asked.actor.id)
    await asked.studio.accounts.change_password(asked.actor, posted.old, posted.new, request.cookies.get(SESSION, ""))
    return JSONResponse({"done": True})


@router.get("/me/data", response_model=told.OwnData)
async def my_data(asked: Asking) -> JSONResponse:
    """All that is kept of me."""
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return JSONResponse(await asked.studio.withdrawals.take_mine(asked.actor), headers=headers)


@router.delete("/me/data", response_model=told.Deleted)
async def delete_my_data(asked: Asking) -> Response:
    """Delete what I made and who I am; it can't be undone. Counts by kind."""
    counts = await asked.studio.withdrawals.delete_mine(asked.actor)
    asked.studio.accounts.forget()
    return signed_out(JSONResponse({"deleted": counts}))


@router.post("/invites/accept", status_code=201, response_model=told.Done)
async def accept(request: Request, asked: Asking, posted: AcceptBody) -> Response:
    """Make the account that an invite allows, and sign in."""
    request.app.state.limits.count("sign_in_address", address(request, asked.studio.settings))
    token = await asked.studio.accounts.accept(posted.token, posted.name, posted.email, posted.password)
    return signed_in(JSONResponse({"done": True}, 201), request, token)


@router.get("/invites", response_model=told.Invites)
async def invites(asked: Administering) -> JSONResponse:
    """Invites, newest first; their links were shown once."""
    return JSONResponse({"invites": await asked.studio.people.invites(asked.actor)})


@router.post("/invites", status_code=201, response_model=told.NewInvite)
async def invite(asked: Administering, posted: InviteBody) -> JSONResponse:
    """Make an invite; its link is in this answer and nowhere else."""
    made, token = await asked.studio.people.invite(asked.actor, posted.roles, posted.note, posted.days)
    return JSONResponse({"invite": made, "link": f"/?invite={token}"}, 201)


@router.delete("/invites/{invite}", response_model=told.Done)
async def revoke(asked: Administering, invite: RowId) -> JSONResponse:
    """Take an invite back."""
    await asked.studio.people.revoke(asked.actor, invite)
    return JSONResponse({"done": True})


@router.get("/accounts", response_model=told.Accounts)
async def accounts(asked: Administering) -> JSONResponse:
    """All accounts."""
    return JSONResponse({"accounts": await asked.studio.people.accounts(asked.actor)})


@router.patch("/accounts/{account}", response_model=told.Account)
async def change(asked: Administering, account: RowId, posted: AccountBody) -> JSONResponse:
    """Change roles, state, trust, name or password of an account."""
    return JSONResponse(await asked.studio.people.change(asked.actor, account, posted.model_dump(exclude_none=True)))
