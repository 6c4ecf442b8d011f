"""Accounts over HTTP: cookies, invites, limits, and what visitors own."""

from __future__ import annotations

import pytest

from app.services import passwords
from app.web.limits import LIMITS, Limits, TooMany
from app.web.who import SESSION, VISITOR

from .house import HEADERS, House

PASSWORD = "four words that rhyme not"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    passwords._nobodys.cache_clear()
    house.app.state.limits = Limits()


def invited(house: House, email: str, *roles: str) -> str:
    """Make an account through an invite; the session's token."""
    made = house.client(house.admin).post("/api/v1/invites", json={"roles": list(roles)}, headers=HEADERS)
    token = made.json()["link"].partition("invite=")[2]
    answer = house.client().post(
        "/api/v1/invites/accept", json={"token": token, "name": "Ann", "email": email, "password": PASSWORD}, headers=HEADERS
    )
    assert answer.status_code == 201
    return str(answer.cookies[SESSION])


def test_an_invite_makes_an_account_and_the_cookie_is_safe(house: House) -> None:
    made = house.client(house.admin).post("/api/v1/invites", json={"roles": ["reviewer"]}, headers=HEADERS).json()
    assert made["link"].startswith("/?invite=") and made["link"].partition("=")[2] not in str(made["invite"])
    posted = {"token": made["link"].partition("invite=")[2], "name": "<b>Ann</b>", "email": "a@example.org", "password": PASSWORD}
    answer = house.client().post("/api/v1/invites/accept", json=posted, headers=HEADERS)
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
    me = house.client(answer.cookies[SESSION]).get("/api/v1/me").json()
    assert (me["name"], me["roles"], me["signed_in"]) == ("<b>Ann</b>", ["reviewer", "visitor"], True)


def test_signing_in_makes_a_new_session_each_time_and_signing_out_ends_it(house: House) -> None:
    first = invited(house, "b@example.org", "annotator")
    client = house.client()
    answer = client.post("/api/v1/session", json={"email": "b@example.org", "password": PASSWORD}, headers=HEADERS)
    second = answer.cookies[SESSION]
    assert answer.status_code == 201 and second != first
    assert house.client(second).delete("/api/v1/session", headers=HEADERS).status_code == 200
    assert house.client(second).get("/api/v1/me").json()["signed_in"] is False
    assert house.client(first).get("/api/v1/me").json()["signed_in"] is True


def test_guessing_is_slowed_alike_for_addresses_that_exist_and_that_do_not(house: House) -> None:
    invited(house, "c@example.org", "annotator")
    most = int(LIMITS["sign_in"].partition("/")[0])
    said = []
    for email in ("c@example.org", "nobody@example.org"):
        house.app.state.limits = Limits()
        answers = [
            house.client().post("/api/v1/session", json={"email": email, "password": "wrong"}, headers=HEADERS) for _ in range(most + 1)
        ]
        assert int(answers[-1].headers["Retry-After"]) > 0
        said.append([(answer.status_code, answer.json()["error"]["code"]) for answer in answers])
    assert said[0] == said[1] == [(401, "unauthorized")] * most + [(429, "too_many")]


def test_a_visitor_gets_a_cookie_with_the_page_and_keeps_it(house: House) -> None:
    client = house.client()
    cookie = client.get("/").headers["set-cookie"]
    assert cookie.startswith(f"{VISITOR}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" in cookie
    assert VISITOR not in client.get("/").headers.get("set-cookie", "")
    client.cookies.set(VISITOR, "forged")
    assert VISITOR in house.client().get("/").headers["set-cookie"]


def test_only_who_began_a_run_or_an_admin_stops_it(house: House) -> None:
    import asyncio

    from app.services.run_events import Live

    async def nothing() -> None:
        await asyncio.Event().wait()

    async def check() -> None:
        live = Live(run_id="id", owner="somebody", model="nano", query="why?", ranker=None, passages=())
        live.task = asyncio.create_task(nothing())
        house.studio.runs._live["a-token-of-a-run"] = live
        from app.ranking.errors import Forbidden
        from app.services.actors import VISITOR as NOBODY

        with pytest.raises(Forbidden, match="somebody else"):
            await house.studio.runs.stop(NOBODY, "a-token-of-a-run")
        live.task.cancel()
        del house.studio.runs._live["a-token-of-a-run"]

    asyncio.run(check())


def test_limits_count_by_kind_and_person() -> None:
    limits = Limits({"a": "2/minute", "b": "1/minute"})
    limits.count("a", "ann")
    limits.count("a", "ann")
    limits.count("a", "bob")
    limits.count("b", "ann")
    with pytest.raises(TooMany, match="try again in") as refused:
        limits.count("a", "ann")
    assert 1 <= refused.value.seconds <= 60


def test_one_visitor_can_not_flood_the_queue_and_dropping_the_cookie_does_not_help(house: House) -> None:
    house.app.state.limits = Limits({**LIMITS, "visitor_run": "3/minute", "address_run": "5/minute"})
    body = {"query": "why?", "model": "no such model"}
    client = house.client()
    client.get("/")
    statuses = [client.post("/api/v1/runs", json=body, headers=HEADERS).status_code for _ in range(4)]
    assert statuses[:3] == [400, 400, 400] and statuses[3] == 429
    fresh = []
    for _ in range(4):
        other = house.client()
        other.get("/")
        fresh.append(other.post("/api/v1/runs", json=body, headers=HEADERS).status_code)
    assert fresh[-1] == 429


def test_an_address_is_taken_from_a_proxy_only_where_one_is_trusted(house: House) -> None:
    from dataclasses import replace

    from starlette.requests import Request

    from app.web.who import address

    def request(forwarded: str) -> Request:
        headers = [(b"x-forwarded-for", forwarded.encode())]
        return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("10.0.0.9", 1)})

    assert address(request("1.1.1.1"), house.settings) == "10.0.0.9"
    assert address(request("6.6.6.6, 1.1.1.1"), replace(house.settings, proxies=1)) == "1.1.1.1"
    assert address(request("1.1.1.1"), replace(house.settings, proxies=2)) == "10.0.0.9"
