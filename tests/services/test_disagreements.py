"""Objections of visitors: kept apart, untrusted, once, until a reviewer decides."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from app.ranking.errors import Conflict, Forbidden, InputError, NotFound
from app.services import consent
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.disagreements import Disagreements
from db.models import new_id
from db.models_log import Event
from db.models_people import Judgement
from db.models_projects import Disagreement
from db.session import Database
from db.store.disagreements import PER_PERSON
from tests.services.panel_world import World

NOW = consent.current().version


@pytest.fixture
def world(database: Database) -> World:
    made = World(database)
    made.task("why", "abc")
    return made


def visitor() -> Actor:
    """Somebody with a cookie of their own, of whom there is no row yet."""
    return Actor(id=new_id(), name="Visitor", roles=VISITOR.roles)


def objection(**changes: Any) -> dict[str, Any]:
    return {"idempotency_key": new_id(), "consent_version": NOW, "order": [["c"], ["a"]], "not_relevant": [], "note": "No."} | changes


def test_an_objection_is_kept_once_untrusted_and_never_among_judgements(world: World) -> None:
    token, who = world.run("why", "abc"), visitor()
    service = Disagreements(world.database)

    async def work() -> None:
        draft = objection()
        kept = await service.object(who, token, draft)
        again = await service.object(who, token, draft)
        assert kept.created and not again.created and kept.disagreement == again.disagreement
        assert (kept.disagreement["run"], kept.disagreement["state"]) == (token, "new")
        with pytest.raises(Conflict, match="idempotency key"):
            await service.object(who, token, draft | {"note": "Yes."})
        told = await service.list(LOCAL, state="new")
        (one,) = told["disagreements"]
        assert (one["query"], one["model"], one["model_order"], one["order"]) == ("why", "nano 11111111", ["a", "b", "c"], [["c"], ["a"]])
        assert (one["trust"], one["consent_version"], one["licence"], one["newer"]) == (0.0, NOW, "CC0-1.0", False)
        assert one["tau_b"]["value"] == pytest.approx(-1.0) and one["titles"]["a"] == "Title a" and one["who"].startswith("p")
        assert told["counts"] == {"new": 1, "accepted": 0, "rejected": 0} and who.id not in str(told)

    asyncio.run(work())
    with world.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Judgement)) == 0
        assert session.scalar(select(func.count()).select_from(Disagreement)) == 1
        assert session.scalars(select(Event.actor_id).where(Event.action == "disagreement.saved")).all() == [who.id]


def test_one_click_is_enough(world: World) -> None:
    token = world.run("why", "abc")
    asyncio.run(Disagreements(world.database).object(visitor(), token, {"idempotency_key": "k", "consent_version": NOW}))
    (one,) = asyncio.run(Disagreements(world.database).list(LOCAL))["disagreements"]
    assert one["order"] is None and one["tau_b"] is None and one["note"] == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"consent_version": "1999-01-01"}, "no consent text '1999-01-01'"),
        ({"order": [["zz"]]}, "'zz' is not in the list"),
        ({"not_relevant": ["c"]}, "two places"),
    ],
)
def test_what_cannot_be_kept_is_refused(world: World, changes: dict[str, Any], message: str) -> None:
    token = world.run("why", "abc")
    with pytest.raises(InputError, match=message):
        asyncio.run(Disagreements(world.database).object(visitor(), token, objection(**changes)))


def test_a_run_that_is_not_there_or_has_no_order_yet(world: World) -> None:
    service = Disagreements(world.database)
    with pytest.raises(NotFound):
        asyncio.run(service.object(visitor(), "no-such-token", objection()))
    with pytest.raises(Conflict, match="not finished"):
        asyncio.run(service.object(visitor(), world.run("why", "abc", state="running", outcome=None), objection()))


def test_a_change_of_mind_is_kept_too_up_to_a_limit_and_the_newest_counts(world: World) -> None:
    token, who, other = world.run("why", "abc"), visitor(), visitor()
    service = Disagreements(world.database)

    async def work() -> None:
        for number in range(PER_PERSON):
            await service.object(who, token, objection(note=f"{number}"))
        with pytest.raises(Conflict, match="already"):
            await service.object(who, token, objection())
        assert (await service.object(other, token, objection(note="other"))).created
        told = await service.list(LOCAL)
        assert [one["note"] for one in told["disagreements"]] == ["other", *(f"{number}" for number in reversed(range(PER_PERSON)))]
        assert [one["newer"] for one in told["disagreements"]] == [False, False, *[True] * (PER_PERSON - 1)]
        page = await service.list(LOCAL, limit=2)
        rest = await service.list(LOCAL, limit=200, before=page["disagreements"][-1]["id"])
        assert page["more"] and not rest["more"] and len(page["disagreements"] + rest["disagreements"]) == PER_PERSON + 1

    asyncio.run(work())


def test_a_reviewer_accepts_with_trust_or_rejects_and_each_decision_is_logged(world: World) -> None:
    reviewer, token = world.person("Rex Secret"), world.run("why", "abc")
    service = Disagreements(world.database)

    async def work() -> None:
        kept = (await service.object(visitor(), token, objection())).disagreement["id"]
        for trust in (None, 0.0, 1.5, -1.0):
            with pytest.raises(InputError, match="above 0 and up to 1"):
                await service.decide(reviewer, kept, "accepted", trust)
        accepted = await service.decide(reviewer, kept, "accepted", 0.5)
        assert (accepted["state"], accepted["trust"]) == ("accepted", 0.5) and "Secret" not in str(accepted) and accepted["reviewed"]
        rejected = await service.decide(reviewer, kept, "rejected")
        assert (rejected["state"], rejected["trust"]) == ("rejected", 0.0)
        assert (await service.list(LOCAL))["counts"] == {"new": 0, "accepted": 0, "rejected": 1}
        with pytest.raises(NotFound):
            await service.decide(reviewer, "no such", "rejected")
        own = (await service.object(reviewer, token, objection())).disagreement["id"]
        with pytest.raises(Forbidden, match="your own"):
            await service.decide(reviewer, own, "accepted", 1.0)

    asyncio.run(work())
    with world.database.read() as session:
        actions = session.scalars(select(Event.action).order_by(Event.id)).all()
        assert [action for action in actions if action != "disagreement.saved"] == ["disagreement.accepted", "disagreement.rejected"]


def test_visitors_object_and_only_reviewers_decide() -> None:
    service = Disagreements(Database("sqlite://"))
    for call in (service.list(VISITOR), service.decide(VISITOR, "x", "rejected")):
        with pytest.raises(Forbidden):
            asyncio.run(call)


def test_consent_texts_have_versions_of_their_own() -> None:
    versions = [one.version for one in consent.VERSIONS]
    assert len(set(versions)) == len(versions) and versions == sorted(versions) and consent.known(versions[0]).text
    assert consent.current() is consent.VERSIONS[-1]
