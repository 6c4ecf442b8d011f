"""Taking data away: what a person asks to have deleted, and what the retention setting lets go after some time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, Forbidden, RankingError
from app.services.actors import LOCAL, VISITOR, Actor, require
from db.models import now
from db.session import Database
from db.store import accounts, actors, log, own, withdrawals

logger = logging.getLogger(__name__)
# Whom runs belong to whose person is gone: they tell what a model did, and nothing of who asked for it.
GONE = Actor(id="00000000-0000-7000-8000-000000000003", name="Deleted person", roles=frozenset())
_DAY_SECONDS = 86_400.0


class Withdrawals:
    """Deletes in pieces of at most 500 rows per write, so that nobody waits long. An interrupted deletion is taken up by the daily pass."""

    def __init__(self, database: Database, days: int = 0, *, judgements: bool = False) -> None:
        self._database, self._days, self._judgements = database, days, judgements

    async def take_mine(self, actor: Actor) -> dict[str, Any]:
        """All that is kept of the actor, by kind; times in ISO 8601. Raises Forbidden for a visitor whom no cookie tells apart."""
        require(actor, "visitor")
        _has_own(actor)

        def read() -> dict[str, Any]:
            with self._database.read() as session:
                return own.everything(session, actor.id)

        told: dict[str, Any] = json.loads(json.dumps(await asyncio.to_thread(read), default=lambda value: value.isoformat()))
        return told

    async def delete_mine(self, actor: Actor) -> dict[str, int]:
        """Delete what the actor made and who they are; counts by kind.

        Gone are judgements of all versions, drafts, objections, assignments, sign-ins, name, address, password and what the log says of
        them. Decisions of a reviewer and promotions stay without their words; runs stay, as those of a deleted person. Raises Forbidden
        for a visitor whom no cookie tells from the others, and Conflict for the last admin.
        """
        require(actor, "visitor")
        return await asyncio.to_thread(self.delete_now, actor)

    def delete_now(self, actor: Actor) -> dict[str, int]:
        """The same, for callers without an event loop."""
        _has_own(actor)
        with self._database.write() as session:
            if actor.id != LOCAL.id:
                if "admin" in actors.roles(session, actor.id) and accounts.count(session, "admin") == 1:
                    raise Conflict("you are the last admin: make another one before you have your data deleted")
                withdrawals.empty_actor(session, actor.id)
        return self._clear(actor.id)

    def _clear(self, actor_id: str) -> dict[str, int]:
        """Take away all that belongs to a person, piece by piece; may be done again."""
        with self._database.write() as session:
            actors.ensure(session, GONE.id, GONE.name, GONE.roles)
            withdrawals.empty_adjudications(session, actor_id)
            withdrawals.empty_promotions(session, actor_id)
            withdrawals.forget_pseudonym(session, actor_id)

        def judgements(session: Session) -> int:
            return withdrawals.withdraw(session, withdrawals.ids_of_actor(session, actor_id), "asked")

        counts = {
            "judgements": self._in_pieces(judgements),
            "disagreements": self._in_pieces(lambda session: withdrawals.drop_disagreements(session, actor_id=actor_id)),
            "assignments": self._in_pieces(lambda session: withdrawals.drop_assignments(session, actor_id)),
            "runs": self._in_pieces(lambda session: withdrawals.hand_over_runs(session, actor_id, GONE.id)),
        }
        with self._database.write() as session:
            log.erase(session, actor_id=actor_id)
            log.erase(session, subject=actor_id)
            log.append(session, None, "data.deleted", "", counts)
        return counts

    def retain(self, *, dry_run: bool = False) -> dict[str, int]:
        """One pass of the retention setting: what it took away, or with `dry_run` would. Nothing where the setting is 0 days.

        Older than the setting: drafts (with the setting for judgements all of them), objections that nobody accepted, and visitors' runs
        that nothing points at. Deletions that were interrupted are finished first, whatever the setting.
        """
        before = now() - timedelta(days=self._days)
        if dry_run:
            with self._database.read() as session:
                return withdrawals.count_old(session, before, judgements=self._judgements) if self._days else _NOTHING
        with self._database.read() as session:
            unfinished = withdrawals.unfinished(session)
        for actor_id in unfinished:
            self._clear(actor_id)
        if not self._days:
            return _NOTHING

        def judgements(session: Session) -> int:
            old = withdrawals.old_judgements(session, before, drafts_only=not self._judgements)
            return withdrawals.withdraw(session, old, "retention")

        return {
            "judgements": self._in_pieces(judgements),
            "disagreements": self._in_pieces(lambda session: withdrawals.drop_disagreements(session, before=before)),
            "runs": self._in_pieces(lambda session: withdrawals.drop_unused_runs(session, before)),
        }

    async def run_daily(self, every: float = _DAY_SECONDS) -> None:
        """A pass at once and every day, until cancelled. One that fails is told in the log and tried again the next day."""
        while True:
            try:
                taken = await asyncio.to_thread(self.retain)
                if any(taken.values()):
                    logger.info("retention took away %s", ", ".join(f"{count} {kind}" for kind, count in taken.items()))
            except RankingError as error:
                logger.warning("retention failed and is tried again tomorrow: %s", error)
            await asyncio.sleep(every)

    def _in_pieces(self, piece: Callable[[Session], Any]) -> int:
        """A write at a time, until one finds nothing."""
        total = 0
        while True:
            with self._database.write() as session:
                count = int(piece(session))
            if not count:
                return total
            total += count


_NOTHING = {"judgements": 0, "disagreements": 0, "runs": 0}


def _has_own(actor: Actor) -> None:
    if actor.id in (VISITOR.id, GONE.id):
        raise Forbidden("nothing is kept under your name: without a cookie all visitors are one, and own nothing")
