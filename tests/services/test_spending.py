"""The daily cap of paid models."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.ranking.errors import Forbidden
from app.services.actors import LOCAL, VISITOR
from app.services.models import Models
from app.services.spending import Spending
from app.settings import ModelEntry
from db.models import now
from db.session import Database
from db.store import spend

DEAR = ModelEntry(name="dear", backend="openai", address="http://127.0.0.1:1", price_in=2.0, price_out=10.0, daily_cap=0.5)
FREE = ModelEntry(name="free", backend="openai", address="http://127.0.0.1:1")


def spending(database: Database) -> Spending:
    return Spending(database, Models((DEAR, FREE)))


def test_visitors_ask_no_model_that_costs_money(database: Database) -> None:
    with pytest.raises(Forbidden, match="costs money"):
        spending(database).check(VISITOR, "dear")
    spending(database).check(VISITOR, "free")
    spending(database).check(VISITOR, "nano")


def test_a_days_money_is_spent_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    account = spending(database)
    for _ in range(2):
        account.check(LOCAL, "dear")
        with database.write() as session:
            account.add(session, "dear", 25_000, 20_000)  # 0.05 + 0.20
    with pytest.raises(Forbidden, match=r"0\.50 USD today .UTC. of 0\.50"):
        account.check(LOCAL, "dear")
    tomorrow = now() + timedelta(days=1)
    monkeypatch.setattr(spend, "now", lambda: tomorrow)
    account.check(LOCAL, "dear")


def test_what_is_free_has_no_account(database: Database) -> None:
    with database.write() as session:
        spending(database).add(session, "free", 10**9, 10**9)
    with database.read() as session:
        assert spend.of_today(session, "free") == 0.0
