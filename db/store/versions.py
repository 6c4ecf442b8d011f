"""Versions of models: which weights there are, which serve, and every change of that.

Of each model one version at most is active. A version that the model's own server does not list yet is `waiting`, and the active one
serves until it comes. Whoever changes what serves holds the rows of all versions of that model, so that two changes at once follow one
another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from app.ranking.errors import Conflict, NotFound
from db.models import ModelVersion
from db.models_loop import Promotion as Change
from db.store import texts
from db.store.jobs import clock, plain

SHIPPED = "committed weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """Weights to be entered as a candidate. `id` is their hash, `recipe` the name of what made them, `code` the program's version."""

    id: str
    name: str
    artifact_hash: str
    base_id: str | None = None
    recipe: str = ""
    dataset_version: str | None = None
    update_id: str | None = None
    seed: int | None = None
    code: str = ""
    report: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Who lets which version serve, and why: kind is promoted or forced, `decision` what the gate said under the margins.

    `against` is the version that it was measured against; None where that may be any.
    """

    version_id: str
    kind: str = "promoted"
    margins: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] | None = None
    note: str = ""
    actor_id: str | None = None
    against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """A version that serves, or waits for its server: what is needed to find its weights. `served_as` is its name at that server."""

    id: str
    name: str
    state: str
    artifact_hash: str | None
    served_as: str


def ensure_first(session: Session, version_id: str, name: str, recipe: str) -> None:
    """Enter the weights that ship with the program. They are active unless a version of the artifact store is.

    Weights that shipped with an earlier program can serve no more: they retire.
    """
    for row in _locked(session, name):
        if row.state == "active" and row.artifact_hash is None and row.id != version_id:
            row.state = "retired"
    session.flush()
    state = "active" if active(session, name) in (None, version_id) else "retired"
    values = {"id": version_id, "name": name, "recipe": recipe, "state": state, "reason": SHIPPED, "code": ""}
    texts.insert_missing(session, ModelVersion, [values])
    if state == "active":
        session.get_one(ModelVersion, version_id, populate_existing=True).state = "active"
        session.flush()


def active(session: Session, name: str) -> str | None:
    """Id of the version of a model that serves."""
    return session.scalar(select(ModelVersion.id).where(ModelVersion.name == name, ModelVersion.state == "active"))


def get(session: Session, version_id: str) -> ModelVersion:
    """A version. Raises NotFound."""
    row = session.get(ModelVersion, version_id)
    if row is None:
        raise NotFound("no such version of a model: choose one of the list")
    return row


def every(session: Session) -> list[ModelVersion]:
    """All versions, newest first."""
    return list(session.scalars(select(ModelVersion).order_by(ModelVersion.created.desc(), ModelVersion.id)))


def serving(session: Session) -> list[Serves]:
    """Versions that are active or wait for their server, without their reports: this is asked every second."""
    served_as = ModelVersion.report["served_as"].as_string()
    query = select(ModelVersion.id, ModelVersion.name, ModelVersion.state, ModelVersion.artifact_hash, served_as)
    rows = session.execute(query.where(ModelVersion.state.in_(("active", "waiting"))).order_by(ModelVersion.name, ModelVersion.id))
    return [Serves(id=row[0], name=row[1], state=row[2], artifact_hash=row[3], served_as=row[4] or "") for row in rows]


def listed(session: Session) -> list[tuple[ModelVersion, Any]]:
    """All versions with their decisions, newest first; their reports are not read."""
    query = select(ModelVersion, ModelVersion.report["decision"]).options(defer(ModelVersion.report, raiseload=True))
    return [(row[0], row[1]) for row in session.execute(query.order_by(ModelVersion.created.desc(), ModelVersion.id))]


def add(session: Session, new: NewModel) -> ModelVersion:
    """Enter a candidate. Weights that are known already keep their row, whatever became of them. Raises Conflict for another model's."""
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    texts.insert_missing(session, ModelVersion, [values | {"report": plain(new.report), "state": "candidate", "reason": ""}])
    row = session.get_one(ModelVersion, new.id, populate_existing=True)
    if row.name != new.name:
        raise Conflict(f"these weights are known as a version of {row.name!r}: they can't be one of {new.name!r} too")
    return row


def set_report(session: Session, version_id: str, report: Mapping[str, Any]) -> ModelVersion:
    """Add entries to a version's report; those of the same name are replaced. Raises NotFound."""
    row = _held(session, version_id)
    row.report = {**(row.report or {}), **plain(report)}
    session.flush()
    return row


def reject(session: Session, version_id: str, reason: str) -> ModelVersion:
    """Put a candidate aside, with the reason. Raises NotFound, and Conflict for a version that serves."""
    row = _held(session, version_id)
    if row.state == "active":
        raise Conflict("this version serves: go back to the one before it instead")
    row.state, row.reason = "rejected", texts.storable(reason)
    session.flush()
    return row


def promote(session: Session, promotion: Promotion, waiting: bool = False) -> Change:
    """Let a version serve in place of the active one, which retires; with `waiting` only once its server lists it (`arrived`).

    Raises NotFound, and Conflict for a version that serves already, or one that was measured against another than the active one.
    """
    name = get(session, promotion.version_id).name
    rows = {row.id: row for row in _locked(session, name)}
    row, before = rows[promotion.version_id], _active_of(rows)
    if row.state == "active" or (waiting and row.state == "waiting"):
        raise Conflict("this version serves already" if row.state == "active" else "this version waits for its server already")
    if promotion.against is not None and promotion.against != (before.id if before else None):
        raise Conflict("another version serves than the one that this was measured against: run the update again")
    _put(session, rows, row, waiting=waiting)
    row.reason = texts.storable(str((promotion.decision or {}).get("reason", "")))
    return _record(session, name, (row, before), promotion)


def arrived(session: Session, version_id: str) -> bool:
    """A version that waited is listed by its server: it serves now. False where it waits no more. Raises NotFound."""
    rows = {row.id: row for row in _locked(session, get(session, version_id).name)}
    if rows[version_id].state != "waiting":
        return False
    _put(session, rows, rows[version_id], waiting=False)
    return True


def roll_back(session: Session, model: str, actor_id: str | None, note: str = "") -> Change:
    """Let the version serve that did before the active one; where one waits, it is withdrawn and the active one stays.

    Raises Conflict where there is none to go back to.
    """
    rows = {row.id: row for row in _locked(session, model)}
    withdrawn = next((row for row in rows.values() if row.state == "waiting"), None)
    now = withdrawn or _active_of(rows)
    if now is None:
        raise Conflict(f"no version of {model!r} serves: there is none to go back to")
    made = [change for change in history(session, model) if change.version_id == now.id and change.kind != "rolled_back"]
    if not made:
        raise Conflict(f"no version of {model!r} served before this one: there is none to go back to")
    then = _active_of(rows) if withdrawn else _before(rows, made[0].previous_id)
    _put(session, rows, then, waiting=False)
    if now.state == "candidate":
        now.reason = "withdrawn before its server had it"
    return _record(session, model, (then, now), Promotion(version_id=now.id, kind="rolled_back", note=note, actor_id=actor_id))


def history(session: Session, model: str) -> list[Change]:
    """All changes of what serves under a model's name, newest first."""
    return list(session.scalars(select(Change).where(Change.model == model).order_by(Change.created.desc(), Change.id.desc())))


def _held(session: Session, version_id: str) -> ModelVersion:
    get(session, version_id)
    query = select(ModelVersion).where(ModelVersion.id == version_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _locked(session: Session, name: str) -> list[ModelVersion]:
    """All versions of a model, nobody else's until the transaction ends; in one order, so that two can't wait for each other."""
    query = select(ModelVersion).where(ModelVersion.name == name).order_by(ModelVersion.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _active_of(rows: Mapping[str, ModelVersion]) -> ModelVersion | None:
    return next((row for row in rows.values() if row.state == "active"), None)


def _before(rows: Mapping[str, ModelVersion], version_id: str | None) -> ModelVersion | None:
    """The version that served before; of weights that ship with the program only the newest are there to be served."""
    row = rows.get(version_id or "")
    shipped = [one for one in rows.values() if one.artifact_hash is None and one.update_id is None]
    return row if row is not None and row.artifact_hash is not None else max(shipped, key=lambda one: one.created, default=None)


def _put(session: Session, rows: Mapping[str, ModelVersion], chosen: ModelVersion | None, *, waiting: bool) -> None:
    """Set who serves and who waits. The old one retires first: the index allows one active version at any moment."""
    for row in rows.values():
        if row is chosen:
            continue
        if row.state == "active" and not waiting:
            row.state = "retired"
        elif row.state == "waiting":
            row.state = "candidate"
    session.flush()
    if chosen is not None:
        chosen.state = "waiting" if waiting else "active"
        session.flush()


def _record(session: Session, model: str, versions: tuple[ModelVersion | None, ModelVersion | None], said: Promotion) -> Change:
    chosen, before = versions
    change = Change(
        model=model,
        version_id=chosen.id if chosen else None,
        previous_id=before.id if before else None,
        kind=said.kind,
        margins=plain(said.margins),
        decision=plain(said.decision),
        note=texts.storable(said.note),
        actor_id=said.actor_id,
        created=clock(session),
    )
    session.add(change)
    session.flush()
    return change
