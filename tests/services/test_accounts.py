"""Accounts on both databases: who is who, sign-in and lock-out, invites, outside sign-in, and the last admin."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.ranking.errors import Conflict, Forbidden, InputError, NotFound
from app.services import accounts as module
from app.services import passwords
from app.services.accounts import FAILURES, Accounts, Credentials, Outside, SignInRefused, address
from app.services.actors import LOCAL, VISITOR
from app.services.people import People
from app.services.secret import read_or_make
from app.services.visitors import Visitors
from app.settings import Settings
from db.models import now
from db.models_accounts import Actor
from db.session import Database
from db.store import accounts
from db.store.accounts import NewAccount

GOOD = "four words that rhyme not"
HERE = Credentials(here=True)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least cost: what is tested is when it is asked, not how long it takes."""
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    passwords._nobodys.cache_clear()


def door(database: Database, **settings: object) -> Accounts:
    return Accounts(Settings(data_dir=Path("unused"), **settings), database, Visitors("secret"))  # type: ignore[arg-type]


def made(database: Database, *roles: str, email: str = "ann@example.org") -> str:
    return People(database, door(database)).add(NewAccount(name="Ann", email=email, roles=roles), GOOD)


def test_the_local_person_is_everybody_until_there_is_an_account(database: Database) -> None:
    opened = door(database)
    assert asyncio.run(opened.who(HERE)) is LOCAL
    assert asyncio.run(opened.who(Credentials())) is VISITOR
    made(database, "admin")
    opened.forget()
    assert asyncio.run(opened.who(HERE)) is VISITOR


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"visitors_only": True}])
def test_nobody_is_local_where_others_can_reach_the_server(database: Database, settings: dict[str, object]) -> None:
    assert asyncio.run(door(database, **settings).who(HERE)) is VISITOR


def test_a_visitor_keeps_an_id_that_only_this_server_can_sign(database: Database) -> None:
    opened = door(database)
    cookie = opened.visitors.new()
    known = asyncio.run(opened.who(Credentials(visitor=cookie)))
    assert known.roles == {"visitor"} and known.id != VISITOR.id
    assert asyncio.run(opened.who(Credentials(visitor=cookie))).id == known.id
    for forged in (cookie[:-1], Visitors("other").new(), "x" * 5000, "é\ud800"):
        assert asyncio.run(opened.who(Credentials(visitor=forged))) is VISITOR


def test_signing_in_and_out(database: Database) -> None:
    made(database, "annotator", "reviewer")
    opened = door(database)
    token = asyncio.run(opened.sign_in("  ANN@Example.org ", GOOD))
    actor = asyncio.run(opened.who(Credentials(session=token)))
    assert (actor.name, actor.roles) == ("Ann", frozenset({"visitor", "annotator", "reviewer"}))
    asyncio.run(opened.sign_out(token))
    assert asyncio.run(opened.who(Credentials(session=token))) is VISITOR


def test_neither_the_token_nor_the_password_is_in_the_database(database: Database) -> None:
    from sqlalchemy import text

    made(database, "annotator")
    token = asyncio.run(door(database).sign_in("ann@example.org", GOOD))
    with database.read() as session:
        for table in ("login_sessions", "actors", "events"):
            rows = str(session.execute(text(f"SELECT * FROM {table}")).all())
            assert token not in rows and GOOD not in rows


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(database: Database) -> None:
    made(database, "annotator")
    said = set()
    for email, password in (("ann@example.org", "wrong"), ("bob@example.org", GOOD), ("ann@example.org", "x" * 300)):
        with pytest.raises(SignInRefused) as refused:
            asyncio.run(door(database).sign_in(email, password))
        said.add((str(refused.value), refused.value.seconds))
    assert len(said) == 1


def test_ten_wrong_passwords_lock_an_account_even_for_the_right_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made(database, "annotator")
    opened = door(database)
    for _ in range(FAILURES):
        with pytest.raises(SignInRefused, match="wrong"):
            asyncio.run(opened.sign_in("ann@example.org", "wrong"))
    with pytest.raises(SignInRefused, match="too many wrong passwords") as refused:
        asyncio.run(opened.sign_in("ann@example.org", GOOD))
    assert 1 <= refused.value.seconds <= 61
    monkeypatch.setattr(module, "now", lambda: now() + timedelta(seconds=62))
    assert asyncio.run(opened.sign_in("ann@example.org", GOOD))
    with database.read() as session:
        assert session.scalars(__import__("sqlalchemy").select(Actor.failures).where(Actor.email == "ann@example.org")).one() == 0


def test_a_session_ends_in_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made(database, "annotator")
    opened = door(database, session_days=3)
    token = asyncio.run(opened.sign_in("ann@example.org", GOOD))
    monkeypatch.setattr(module, "now", lambda: now() + timedelta(days=3, seconds=1))
    opened.forget()
    assert asyncio.run(opened.who(Credentials(session=token))) is VISITOR


def test_the_first_account_is_an_admins(database: Database) -> None:
    people = People(database, door(database))
    with pytest.raises(Conflict, match="must be an admin's"):
        people.make_invite(None, ["annotator"], "", 1)
    people.make_invite(None, ["admin"], "", 1)


def hosts(database: Database) -> tuple[People, Accounts]:
    """A house with an admin, who can let people in."""
    made(database, "admin", email="root@example.org")
    return People(database, door(database)), door(database)


def test_an_invite_makes_one_account_with_its_roles(database: Database) -> None:
    people, opened = hosts(database)
    _, token = people.make_invite(None, ["reviewer", "annotator"], "for Bob", 14)
    session = asyncio.run(opened.accept(token, "Bob", "bob@example.org", GOOD))
    assert asyncio.run(opened.who(Credentials(session=session))).roles == {"visitor", "annotator", "reviewer"}
    with pytest.raises(NotFound, match="invite"):
        asyncio.run(opened.accept(token, "Eve", "eve@example.org", GOOD))
    assert [one["state"] for one in asyncio.run(people.invites(LOCAL))] == ["used"]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda token, people: ("no such token" + token, GOOD), NotFound),
        (lambda token, people: (token, "short"), InputError),
        (lambda token, people: (_revoked(token, people), GOOD), NotFound),
    ],
)
def test_an_invite_that_is_not_good_makes_nothing(
    database: Database, spoil: Callable[[str, People], tuple[str, str]], error: type[Exception]
) -> None:
    people, opened = hosts(database)
    _, token = people.make_invite(None, ["annotator"], "", 1)
    given, password = spoil(token, people)
    with pytest.raises(error):
        asyncio.run(opened.accept(given, "Eve", "eve@example.org", password))
    assert opened.count() == 1


def _revoked(token: str, people: People) -> str:
    asyncio.run(people.revoke(LOCAL, asyncio.run(people.invites(LOCAL))[0]["id"]))
    return token


def test_of_many_at_once_one_uses_an_invite(database: Database) -> None:
    people, opened = hosts(database)
    _, token = people.make_invite(None, ["annotator"], "", 1)
    went: list[str] = []

    def accept(number: int) -> None:
        with contextlib.suppress(NotFound, Conflict):
            went.append(asyncio.run(opened.accept(token, "N", f"n{number}@example.org", GOOD)))

    threads = [threading.Thread(target=accept, args=(number,)) for number in range(6)]
    [thread.start() for thread in threads]  # type: ignore[func-returns-value]
    [thread.join() for thread in threads]  # type: ignore[func-returns-value]
    assert len(went) == 1 and opened.count() == 2


def test_an_address_has_one_account(database: Database) -> None:
    made(database, "annotator")
    with pytest.raises(Conflict, match="there is an account"):
        made(database, "admin", email="ANN@example.org")


@pytest.mark.parametrize("email", ["", "ann", "@example.org", "ann@", "a b@example.org", "a\n@example.org", "x" * 320 + "@y.z"])
def test_what_is_no_address_is_told(email: str) -> None:
    with pytest.raises(InputError, match="name@example.org"):
        address(email)


def test_changing_a_password_signs_other_browsers_out(database: Database) -> None:
    made(database, "annotator")
    opened = door(database)
    mine, other = (asyncio.run(opened.sign_in("ann@example.org", GOOD)) for _ in range(2))
    actor = asyncio.run(opened.who(Credentials(session=mine)))
    with pytest.raises(SignInRefused):
        asyncio.run(opened.change_password(actor, "wrong", GOOD + "!", mine))
    asyncio.run(opened.change_password(actor, GOOD, GOOD + "!", mine))
    assert asyncio.run(opened.who(Credentials(session=mine))).id == actor.id
    assert asyncio.run(opened.who(Credentials(session=other))) is VISITOR
    assert asyncio.run(opened.sign_in("ann@example.org", GOOD + "!"))


def test_the_last_admin_stays(database: Database) -> None:
    only = made(database, "admin")
    people = People(database, door(database))
    for changes in ({"roles": ["annotator"]}, {"state": "disabled"}):
        with pytest.raises(Conflict, match="nobody who is an admin"):
            asyncio.run(people.change(LOCAL, only, changes))
    made(database, "admin", email="bob@example.org")
    assert asyncio.run(people.change(LOCAL, only, {"state": "disabled"}))["state"] == "disabled"


def test_only_admins_see_people(database: Database) -> None:
    with pytest.raises(Forbidden):
        asyncio.run(People(database, door(database)).accounts(VISITOR))


PERSON = Outside(issuer="https://id.example.org", subject="42", email="ann@example.org", name="Ann")


def test_an_outside_sign_in_finds_the_account_of_its_address_and_knows_it_from_then_on(database: Database) -> None:
    ann = made(database, "reviewer")
    opened = door(database)
    moved = Outside(issuer=PERSON.issuer, subject="42", email="new@example.org", name="Ann")
    for person in (PERSON, moved):
        token = asyncio.run(opened.sign_in_outside(person))
        assert asyncio.run(opened.who(Credentials(session=token))).id == ann


def test_a_stranger_from_outside_needs_an_invite_or_a_rule_for_newcomers(database: Database) -> None:
    with pytest.raises(Forbidden, match="invite"):
        asyncio.run(door(database).sign_in_outside(PERSON))
    _, invite = hosts(database)[0].make_invite(None, ["researcher"], "", 1)
    token = asyncio.run(door(database).sign_in_outside(PERSON, invite))
    assert "researcher" in asyncio.run(door(database).who(Credentials(session=token))).roles
    other = Outside(issuer=PERSON.issuer, subject="43", email="bob@example.org", name="Bob")
    token = asyncio.run(door(database, oidc_new_roles="annotator").sign_in_outside(other))
    assert asyncio.run(door(database).who(Credentials(session=token))).roles == {"visitor", "annotator"}


def test_a_disabled_account_stays_out_from_outside_too(database: Database) -> None:
    ann = made(database, "reviewer")
    made(database, "admin", email="root@example.org")
    asyncio.run(door(database).sign_in_outside(PERSON))
    asyncio.run(People(database, door(database)).change(LOCAL, ann, {"state": "disabled"}))
    with pytest.raises(Forbidden, match="disabled"):
        asyncio.run(door(database).sign_in_outside(PERSON))
    with pytest.raises(SignInRefused):
        asyncio.run(door(database).sign_in("ann@example.org", GOOD))


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "secret.key"
    made_by: list[str] = []
    threads = [threading.Thread(target=lambda: made_by.append(read_or_make(path))) for _ in range(8)]
    [thread.start() for thread in threads]  # type: ignore[func-returns-value]
    [thread.join() for thread in threads]  # type: ignore[func-returns-value]
    assert len(made_by) == 8 and len(set(made_by)) == 1 and len(made_by[0]) >= 32 and read_or_make(path) == made_by[0]
    assert path.stat().st_mode & 0o077 == 0 and list(path.parent.iterdir()) == [path]


def test_a_session_is_not_opened_for_an_account_by_its_hash(database: Database) -> None:
    made(database, "admin")
    token = asyncio.run(door(database).sign_in("ann@example.org", GOOD))
    with database.read() as session:
        assert accounts.of_session(session, module.hashed(token), now()) is not None
    assert asyncio.run(door(database).who(Credentials(session=module.hashed(token)))) is VISITOR
