"""What paid models cost, by model and UTC day."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import now
from db.models_loop import Spend
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens of calls and their price, in the currency of the model's entry."""

    tokens_in: int
    tokens_out: int
    cost: float


def today() -> str:
    """The present UTC day, as it is stored."""
    return now().date().isoformat()


def add(session: Session, model: str, spent: Spent) -> None:
    """Add to today's account of a model."""
    day = today()
    texts.insert_missing(session, Spend, [{"model": model, "day": day, "tokens_in": 0, "tokens_out": 0, "cost": 0.0}])
    row = (Spend.model == model) & (Spend.day == day)
    session.execute(
        update(Spend).where(row).values(
            tokens_in=Spend.tokens_in + spent.tokens_in, tokens_out=Spend.tokens_out + spent.tokens_out, cost=Spend.cost + spent.cost
        )
    )  # fmt: skip


def of_today(session: Session, model: str) -> float:
    """What was spent on a model today."""
    return session.scalar(select(Spend.cost).where(Spend.model == model, Spend.day == today())) or 0.0
