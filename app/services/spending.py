"""The daily cap of paid models: nothing is asked of one once its day's money is spent, and nothing at all by visitors."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.ranking.errors import Forbidden
from app.services.actors import VISITOR, Actor
from app.services.models import Models
from db.session import Database
from db.store import spend
from db.store.spend import Spent


class Spending:
    """Checks before a run, and keeps account of its calls."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database, self._models = database, models

    def check(self, actor: Actor, model: str) -> None:
        """Raises Forbidden where a model costs money and the actor is a visitor, or the day's cap is reached (blocking).

        The run that reaches the cap may go over it by its own price, and runs that are under way by theirs.
        """
        tariff = self._models.tariff(model)
        if tariff is None:
            return
        if actor.roles <= VISITOR.roles:
            raise Forbidden(f"{self._models.label(model)} costs money, so visitors can't ask it: choose another model, or sign in")
        with self._database.read() as session:
            spent = spend.of_today(session, model)
        if spent >= tariff.daily_cap:
            raise Forbidden(
                f"{self._models.label(model)} has cost {spent:,.2f} {tariff.currency} today (UTC) of {tariff.daily_cap:,.2f} that may be "
                "spent: ask again tomorrow, choose another model, or ask the operator to raise daily_cap"
            )

    def add(self, session: Session, model: str, tokens_in: int, tokens_out: int) -> None:
        """Put a call that was just made on its model's account; in the transaction that keeps the call."""
        tariff = self._models.tariff(model)
        if tariff is not None:
            cost = (tokens_in * tariff.price_in + tokens_out * tariff.price_out) / 1e6
            spend.add(session, model, Spent(tokens_in=tokens_in, tokens_out=tokens_out, cost=cost))
