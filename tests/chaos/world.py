"""What a schedule starts from: a project with tasks, and four annotators who are signed in."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from app.services.accounts import hashed
from app.services.actors import LOCAL
from app.services.studio import Studio
from app.settings import Settings
from db.models import now
from db.session import Database
from db.store import accounts
from db.store.accounts import NewAccount

PEOPLE = tuple(f"token-of-person-{number}-{'x' * 20}" for number in range(4))
OVERLAP, LISTS, PASSAGES = 2, 9, 5


def make_world(folder: Path, url: str = "") -> str:
    """A data folder with a project of nine tasks, each for two people; the project's id. People are made once in a database."""
    folder.mkdir(parents=True, exist_ok=True)
    studio = Studio.open(Settings(data_dir=folder, database_url=url))
    database = Database(studio.settings.url)
    with database.write() as session:
        if accounts.count(session) == 0:
            for number, token in enumerate(PEOPLE):
                new = NewAccount(name=f"P{number}", email=f"p{number}@example.org", roles=["annotator"], password_hash="none")
                accounts.open_session(session, accounts.create(session, new).id, hashed(token), now() + timedelta(days=30))
    database.close()
    project = asyncio.run(_project(studio))
    asyncio.run(studio.aclose())
    return project


async def _project(studio: Studio) -> str:
    name = f"chaos {uuid4()}"
    made = await studio.projects.create(LOCAL, {"name": name, "overlap": OVERLAP, "tutorial": False, "audit_share": 0.3})
    lists = [{"topic": f"t{number}", "query": f"{name}: question {number}?", "passages": _passages(number)} for number in range(LISTS)]
    await studio.task_imports.add_lists(LOCAL, made["id"], "plain", lists)
    return str(made["id"])


def _passages(topic: int) -> list[dict[str, str]]:
    return [{"id": f"p {number}/{topic}", "text": f"Text {number} of {topic}."} for number in range(PASSAGES)]
