"""The real app over the real services and a real database, with people of every role signed in: for tests of who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from app.services.accounts import hashed
from app.services.studio import Studio
from app.settings import Settings
from app.web.server import build_app
from app.web.who import SESSION
from db.models import now
from db.store import accounts
from db.store.accounts import NewAccount
from tests.databases import migrated

HEADERS = {"X-Requested-With": "reasonrank", "Origin": "https://studio.example.org"}
BASE = "https://studio.example.org"


class House:
    """A studio that other machines can reach, whose doors are tested from outside."""

    def __init__(self, folder: Path, **settings: object) -> None:
        from app.ui.page import build_blocks  # not for everybody who collects the tests: Gradio takes seconds

        url = f"sqlite:///{folder / 'studio.db'}"
        self.database = migrated(folder / "studio.db")
        self.settings = Settings(data_dir=folder, database_url=url, allowed_hosts="studio.example.org", **settings)  # type: ignore[arg-type]
        self.admin = self.account(("annotator", "reviewer", "researcher", "admin"))
        self.studio = Studio.open(self.settings)
        self.app: FastAPI = build_app(self.studio, build_blocks())

    def account(self, roles: Sequence[str]) -> str:
        """A new account with these roles and a session; the session's token. Its password can't be guessed: nobody has it."""
        with self.database.write() as session:
            number = accounts.count(session)
            new = NewAccount(name=f"Person {number}", email=f"p{number}@example.org", roles=roles, password_hash="none")
            row = accounts.create(session, new)
            token = f"token-of-{number}-{'x' * 30}"
            accounts.open_session(session, row.id, hashed(token), now() + timedelta(hours=1))
        return token

    def client(self, token: str = "") -> TestClient:
        """A browser that is signed in with a session, or that of a visitor."""
        client = TestClient(self.app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)
        if token:
            client.cookies.set(SESSION, token)
        return client
