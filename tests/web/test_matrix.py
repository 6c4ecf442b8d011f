"""Who may call what: one written table, and every route of the real app called as every role by raw HTTP."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from .house import BASE, HEADERS, House

# Route -> the role it takes (or one of several). A route that is not here fails the test, and so does a line without a route.
STAFF = "annotator, reviewer, researcher or admin"
MATRIX: dict[str, str] = {
    "GET /api/v1/models": "visitor",
    "GET /api/v1/strategies": "visitor",
    "GET /api/v1/examples": "visitor",
    "GET /api/v1/collections": "visitor",
    "POST /api/v1/collections": "annotator",
    "POST /api/v1/runs": "visitor",
    "POST /api/v1/estimate": "visitor",
    "GET /api/v1/runs/{token}": "visitor",
    "POST /api/v1/runs/{token}/stop": "visitor",
    "GET /api/v1/runs/{token}/events": "visitor",
    "POST /api/v1/rerank": "visitor",
    "POST /api/v2/rerank": "visitor",
    "GET /api/v1/stats": "visitor",
    "GET /api/v1/judgements": "annotator",
    "GET /api/v1/judgements/recent": "researcher",
    "POST /api/v1/judgements": "annotator",
    "GET /api/v1/judgements/versions": "annotator",
    "GET /api/v1/projects": STAFF,
    "POST /api/v1/projects": "admin",
    "GET /api/v1/projects/{id}": STAFF,
    "PATCH /api/v1/projects/{id}": "admin",
    "POST /api/v1/projects/{id}/guidelines": "admin",
    "POST /api/v1/projects/{id}/tasks": "admin",
    "POST /api/v1/projects/{id}/next": "annotator",
    "GET /api/v1/projects/{id}/mine": "annotator",
    "GET /api/v1/assignments/{id}": "annotator",
    "POST /api/v1/assignments/{id}/later": "annotator",
    "POST /api/v1/assignments/{id}/renew": "annotator",
    "GET /api/v1/export/{name}": "researcher",
    "GET /api/v1/exports/formats": "researcher",
    "POST /api/v1/exports": "researcher",
    "GET /api/v1/exports": "researcher",
    "GET /api/v1/exports/{id}/manifest": "researcher",
    "GET /api/v1/exports/{id}/file": "researcher",
    "GET /api/v1/projects/{id}/review": "reviewer",
    "GET /api/v1/tasks/{id}/review": "reviewer",
    "POST /api/v1/tasks/{id}/adjudications": "reviewer",
    "GET /api/v1/projects/{id}/agreement": "reviewer",
    "GET /api/v1/projects/{id}/annotators": "reviewer",
    "GET /api/v1/projects/{id}/annotators/{who}": "reviewer",
    "GET /api/v1/consent": "visitor",
    "POST /api/v1/runs/{token}/disagreements": "visitor",
    "GET /api/v1/disagreements": "reviewer",
    "POST /api/v1/disagreements/{id}/decision": "reviewer",
    "GET /api/v1/dashboard": "researcher",
    "GET /api/v1/dashboard/items": "researcher",
    "GET /api/v1/jobs": "researcher",
    "POST /api/v1/jobs": "admin",
    "GET /api/v1/jobs/{id}": "researcher",
    "POST /api/v1/jobs/{id}/cancel": "admin",
    "GET /api/v1/jobs/{id}/events": "researcher",
    "GET /api/v1/recipes": "researcher",
    "GET /api/v1/syntheses": "researcher",
    "POST /api/v1/syntheses": "admin",
    "GET /api/v1/syntheses/{id}": "researcher",
    "GET /api/v1/syntheses/{id}/scores": "researcher",
    "GET /api/v1/syntheses/{id}/items": "researcher",
    "GET /api/v1/syntheses/{id}/items/{number}": "researcher",
    "POST /api/v1/syntheses/{id}/datasets": "admin",
    "GET /api/v1/datasets": "researcher",
    "GET /api/v1/datasets/{id}": "researcher",
    "GET /api/v1/datasets/{id}/diff": "researcher",
    "GET /api/v1/datasets/{id}/file": "researcher",
    "GET /api/v1/versions": "researcher",
    "POST /api/v1/versions/rollback": "admin",
    "GET /api/v1/versions/{id}": "researcher",
    "GET /api/v1/versions/{id}/file": "researcher",
    "POST /api/v1/versions/{id}/promote": "admin",
    "GET /api/v1/updates": "researcher",
    "GET /api/v1/updates/{id}": "researcher",
    "GET /api/v1/updates/{id}/completions": "researcher",
    "GET /api/v1/results": "researcher",
    "GET /api/v1/results/compare": "researcher",
    "GET /api/v1/results/{id}": "researcher",
    "GET /api/v1/results/{id}/topics": "researcher",
    "GET /api/v1/results/{id}/topic": "researcher",
    "GET /api/v1/results/{id}/stability": "researcher",
    "GET /api/v1/results/{id}/file": "researcher",
    "GET /api/v1/results/{id}/report": "researcher",
    "GET /api/v1/results/{id}/topics.csv": "researcher",
    "GET /api/v1/schedules": "researcher",
    "POST /api/v1/schedules": "admin",
    "PATCH /api/v1/schedules/{id}": "admin",
    "DELETE /api/v1/schedules/{id}": "admin",
    "GET /api/v1/me": "visitor",
    "GET /api/v1/me/data": "visitor",
    "DELETE /api/v1/me/data": "visitor",
    "POST /api/v1/me/password": "visitor",
    "POST /api/v1/session": "visitor",
    "DELETE /api/v1/session": "visitor",
    "POST /api/v1/invites/accept": "visitor",
    "GET /api/v1/invites": "admin",
    "POST /api/v1/invites": "admin",
    "DELETE /api/v1/invites/{invite}": "admin",
    "GET /api/v1/accounts": "admin",
    "PATCH /api/v1/accounts/{account}": "admin",
}
ROLES = ("visitor", "annotator", "reviewer", "researcher", "admin")
ID = "0198c7a2-0000-7000-8000-000000000000"
BODIES: dict[str, dict[str, object]] = {
    "POST /api/v1/session": {"email": "nobody@example.org", "password": "wrong and wrong"},
    "POST /api/v1/invites": {"roles": ["annotator"]},
    "POST /api/v1/me/password": {"old": "x", "new": "y"},
}
# Answered like a wrong password, or refused because a visitor without a cookie owns nothing: not for want of a role.
_OWN_REFUSALS = {"GET /api/v1/me/data", "DELETE /api/v1/me/data", "POST /api/v1/session", "POST /api/v1/me/password"}
_GRADIO_NEEDS = {"/", "/theme.css", "/favicon.ico", "/manifest.json"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def routes(house: House) -> list[str]:
    """Method and path of every route of ours that is not for machines that watch."""
    found = []
    for route in house.app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/api/") and "{rest:path}" not in route.path:
            found += [f"{method} {route.path}" for method in sorted(route.methods)]
    return found


def call(house: House, route: str, token: str) -> tuple[int, str]:
    """Status and code of the answer to a route, with ids that fit and exist nowhere."""
    method, template = route.split(" ", 1)
    path = re.sub(r"\{(token|name|run)\}", "a-token-of-nothing", template)
    path = re.sub(r"\{\w+\}", ID, path)
    answer = house.client(token).request(method, path, json=BODIES.get(route), headers=HEADERS)
    code = answer.json()["error"]["code"] if answer.status_code >= 400 else ""
    return answer.status_code, code


def test_the_table_and_the_app_have_the_same_routes(house: House) -> None:
    assert sorted(routes(house)) == sorted(MATRIX)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_as_every_role(house: House, role: str) -> None:
    wrong = []
    for route, needed in MATRIX.items():
        token = house.account((role,)) if role != "visitor" else ""
        status, code = call(house, route, token)
        refused = code == "forbidden"
        if refused != (needed != "visitor" and role not in needed) and route not in _OWN_REFUSALS:
            wrong.append(f"{route}: {status} {code}")
        assert status < 500 or code in ("busy", "model_unavailable"), (route, status)
    assert wrong == []


def test_a_visitor_with_no_cookie_and_one_with_a_forged_cookie_are_visitors(house: House) -> None:
    for cookie in ("", "forged", house.admin[:-1]):
        status, code = call(house, "GET /api/v1/accounts", cookie)
        assert (status, code) == (403, "forbidden")


def _gradio(routes: list[BaseRoute]) -> list[Route]:
    found: list[Route] = []
    for route in routes:
        inner = getattr(getattr(route, "app", None), "routes", None) if isinstance(route, Mount) else None
        found += _gradio(inner) if inner else [route] if isinstance(route, Route) else []
    return found


def test_the_page_has_no_event_and_no_other_route_of_gradio_answers_anybody(house: House) -> None:
    mounted = next(route for route in house.app.routes if isinstance(route, Mount) and route.path == "")
    blocks = mounted.app.blocks  # type: ignore[attr-defined]
    assert blocks.fns == {}, "a Gradio event: give it a line in the table and a role check of its own"
    paths = {(method, route.path) for route in _gradio(list(mounted.app.routes)) for method in route.methods or ()}  # type: ignore[attr-defined]
    assert len(paths) > 40
    for role in ROLES:
        client = house.client(house.account((role,)))
        for method, path in sorted(paths):
            if path in _GRADIO_NEEDS or path.startswith(("/assets/", "/static/")):
                continue
            answer = client.request(method, re.sub(r"\{[^}]*\}", "x", path), headers=HEADERS, json={"fn_index": 0, "session_hash": "x"})
            assert answer.status_code in (404, 405), (role, method, path, answer.status_code)


def test_an_account_that_is_disabled_or_loses_a_role_is_out_at_once(house: House) -> None:
    token = house.account(("annotator", "admin"))
    assert call(house, "GET /api/v1/accounts", token)[0] == 200
    me = house.client(token).get("/api/v1/me").json()["pseudonym"]
    admin = house.client(house.admin)
    own = next(one for one in admin.get("/api/v1/accounts").json()["accounts"] if one["pseudonym"] == me)
    assert admin.patch(f"/api/v1/accounts/{own['id']}", json={"roles": ["annotator"]}, headers=HEADERS).status_code == 200
    assert call(house, "GET /api/v1/accounts", token)[0] == 403
    assert admin.patch(f"/api/v1/accounts/{own['id']}", json={"state": "disabled"}, headers=HEADERS).status_code == 200
    assert house.client(token).get("/api/v1/judgements").status_code == 403


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}])
def test_nobody_is_the_local_person_from_outside_even_where_there_are_no_accounts(tmp_path: Path, headers: dict[str, str]) -> None:
    house = House(tmp_path)
    with house.database.write() as session:
        session.execute(__import__("sqlalchemy").text("UPDATE actors SET password_hash = NULL"))
    here = house.client()
    here.base_url = "http://127.0.0.1:7860" if headers else BASE
    assert here.get("/api/v1/me", headers=headers).json()["local"] is False
    here.base_url = "http://127.0.0.1:7860"
    assert here.get("/api/v1/me").json()["local"] is True
