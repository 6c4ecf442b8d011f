"""Items in the database: the list as a candidate list, whose texts are kept once, and everything else as JSON beside it.

What is read back is what a pipeline goes on with, so that it makes no difference whether an item was made just now or before a kill.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from sqlalchemy.orm import Session

from app.ranking.holdout import is_holdout
from app.ranking.signals import SIGNALS_VERSION
from db.models_loop import SynthesisItem
from db.session import Database
from db.store import lists, syntheses, texts

from .values import Item, item_json, read_item

State = Literal["made", "empty", "failed"]
RETRIEVER = "synthesis"
"""What candidate lists of this pipeline say of their origin; an item's `origins` tell more."""


class Scored(Protocol):
    """What a filter says of an item: a value, None where it has nothing to say, and why; `training.filters.Score` is one."""

    @property
    def value(self) -> float | None:
        """The score."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences about it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """An item as it is kept, with its scores and the reasons for them by filter."""

    item: Item
    scores: Mapping[str, float | None]
    reasons: Mapping[str, list[str]]
    state: State


def state_of(item: Item) -> State:
    """`made` with a ranking; `failed` where a call got no answer, and trying again can help; `empty` where there is nothing to rank."""
    if item.samples and not item.error:
        return "made"
    lost = any(one.outcome == "error" for one in item.mined)
    unranked = any(grade > 0 for grade in item.grades.values())
    return "failed" if lost or unranked else "empty"


def keep(session: Session, synthesis_id: str, item: Item, scores: Mapping[str, Scored]) -> None:
    """Write one item, in the session of the caller; an item that is there already stays, unless it had failed."""
    keep_all(session, synthesis_id, [(item, scores)])


def keep_all(session: Session, synthesis_id: str, items: Sequence[tuple[Item, Mapping[str, Scored]]]) -> None:
    """Write some items in the session of the caller."""
    syntheses.put(session, synthesis_id, [_row(session, item, scores) for item, scores in items])


def load(session: Session, synthesis_id: str, after: int, limit: int) -> list[StoredItem]:
    """At most `limit` items with numbers above `after`, in the order of their numbers."""
    return read_rows(session, syntheses.page(session, synthesis_id, after, limit))


def read_rows(session: Session, rows: Sequence[SynthesisItem]) -> list[StoredItem]:
    """Rows as stored items, in the same order."""
    found = syntheses.passages(session, [row.list_id for row in rows if row.list_id is not None])
    return [_stored(row, found) for row in rows]


def every(database: Database, synthesis_id: str, batch: int = 50) -> Iterator[StoredItem]:
    """All items in the order of their numbers, some at a time in short sessions."""
    after = -1
    while True:
        with database.read() as session:
            some = load(session, synthesis_id, after, batch)
        yield from some
        if len(some) < batch:
            return
        after = some[-1].item.number


def _row(session: Session, item: Item, scores: Mapping[str, Scored]) -> syntheses.NewItem:
    data = _storable(item_json(replace(item, passages=())))
    del data["passages"]
    return syntheses.NewItem(
        number=item.number,
        source_id=data["source_id"],
        domain=data["domain"],
        list_id=_list(session, item) if item.passages else None,
        state=state_of(item),
        item=data,
        scores={name: score.value for name, score in scores.items()},
        reasons=_storable({name: list(score.reasons) for name, score in scores.items() if score.reasons}),
        calls=item.cost.calls,
        tokens=item.cost.tokens_in + item.cost.tokens_out,
        cost=item.cost.cost,
        error=data["error"],
    )


def _list(session: Session, item: Item) -> str:
    kept = lists.Candidates(
        query=item.query,
        passages=item.passages,
        retriever=RETRIEVER,
        signals_version=SIGNALS_VERSION if any(passage.features for passage in item.passages) else "",
        holdout=is_holdout(item.query),
    )
    return lists.put(session, kept)


def _stored(row: SynthesisItem, lists_by_id: Mapping[str, Sequence[Any]]) -> StoredItem:
    passages = tuple(lists_by_id[row.list_id]) if row.list_id is not None else ()
    item = replace(read_item({**row.item, "passages": []}), passages=passages)
    return StoredItem(item=item, scores=row.scores, reasons=row.reasons, state=row.state)  # type: ignore[arg-type]


def _storable(data: dict[str, Any]) -> dict[str, Any]:
    """JSON without what PostgreSQL can't hold; see `db.store.texts.storable`."""
    text = json.dumps(data, ensure_ascii=False)
    cleaned: dict[str, Any] = json.loads(texts.storable(text.replace("\\u0000", "\ufffd")))
    return cleaned
