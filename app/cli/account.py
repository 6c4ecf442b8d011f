"""`account`: people who can sign in, from the machine the studio runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import sentences
from app.cli.stores import DatabaseUrl, DataDir, settings_of

if TYPE_CHECKING:
    from app.services.people import People
    from db.session import Database

ACTIONS = ("add", "invite", "list", "roles", "disable", "enable", "password")


def command(
    action: Annotated[str, typer.Argument(help=f"what to do: {', '.join(ACTIONS)}")],
    email: Annotated[str, typer.Argument(help="whose account; not for invite and list")] = "",
    roles: Annotated[str, typer.Option(help="comma-separated; what add, invite and roles give")] = "annotator",
    days: Annotated[int, typer.Option(help="how long an invite is good")] = 14,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Make and change accounts. Passwords are asked for, never given as an argument."""
    from app.ranking.errors import SettingsError
    from app.services.accounts import Accounts
    from app.services.people import People
    from app.services.storage import open_database
    from app.services.visitors import Visitors

    given = [part.strip() for part in roles.split(",") if part.strip()]
    with sentences():
        if action not in ACTIONS:
            raise SettingsError(f"there is no action {action!r}: use {', '.join(ACTIONS)}")
        if action not in ("invite", "list") and not email:
            raise SettingsError(f"account {action} needs the e-mail address of an account")
        settings = settings_of(data_dir, database_url, new=action in ("add", "invite"))
        database = open_database(settings)
        # No visitor comes in by this door, so the secret that signs their cookies is not needed.
        people = People(database, Accounts(settings, database, Visitors("")))
        if action == "add":
            _add(people, email, given)
        elif action == "invite":
            _invite(people, given, days)
        elif action == "list":
            _list(database)
        else:
            _change(people, _id(database, email), _changes(action, given))
            typer.echo(f"{email}: done")
        database.close()


def _add(people: People, email: str, roles: Sequence[str]) -> None:
    from db.store.accounts import NewAccount

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    people.add(NewAccount(name=email.partition("@")[0], email=email, roles=roles), password)
    typer.echo(f"{email} can sign in now, as {', '.join(roles)}")


def _invite(people: People, roles: Sequence[str], days: int) -> None:
    _, token = people.make_invite(None, roles, "made on the command line", days)
    typer.echo(f"Add this to the studio's address; it makes one account ({', '.join(roles)}) within {days} days and is shown this once:")
    typer.echo(f"/?invite={token}")


def _list(database: Database) -> None:
    from db.store import accounts

    with database.read() as session:
        for row, roles in accounts.all_of_them(session):
            typer.echo(f"{row.email or '-'}\t{row.name}\t{','.join(sorted(roles))}\t{row.state}\t{row.pseudonym}")


def _id(database: Database, email: str) -> str:
    from app.ranking.errors import NotFound
    from app.services.accounts import address
    from db.store import accounts

    with database.read() as session:
        row = accounts.by_email(session, address(email))
    if row is None:
        raise NotFound(f"{email!r} has no account: python -m app account list shows those there are")
    return row.id


def _changes(action: str, roles: Sequence[str]) -> dict[str, Any]:
    if action == "password":
        return {"password": typer.prompt("New password", hide_input=True, confirmation_prompt=True)}
    changes: dict[str, dict[str, Any]] = {"disable": {"state": "disabled"}, "enable": {"state": "active"}, "roles": {"roles": list(roles)}}
    return changes[action]


def _change(people: People, account_id: str, changes: dict[str, Any]) -> None:
    people.change_now(None, account_id, changes)
