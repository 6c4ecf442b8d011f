"""Collections: immutable folders in BEIR layout, named by the hash of what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..cache import content_hash, new_folder
from ..errors import InputError
from ..values import Passage

CORPUS = "corpus.jsonl"
META = "meta.json"


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Passages that are searched together. `id` is the hash of ids, titles and texts in their order; the name is for people."""

    id: str
    name: str
    passages: tuple[Passage, ...]

    def __len__(self) -> int:
        return len(self.passages)

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        """Passages by id."""
        return {passage.id: passage for passage in self.passages}


def make_collection(passages: Iterable[Passage], name: str) -> Collection:
    """A collection of checked passages. Raises InputError where there is none, or where two share an id."""
    found = tuple(passages)
    if not found:
        raise InputError(f"collection {name!r} holds no passage: give at least one")
    seen: set[str] = set()
    for passage in found:
        if passage.id in seen:
            raise InputError(f"collection {name!r} has two passages with the id {passage.id!r}: ids must differ")
        seen.add(passage.id)
    return Collection(id=content_hash(part for p in found for part in (p.id, p.title, p.text)), name=name, passages=found)


def save_collection(collection: Collection, root: Path) -> Path:
    """Write a collection to `root/<id>` and return that folder; one that is already there is left as it is."""
    target = root / collection.id
    if (target / META).exists():
        return target
    with new_folder(target) as aside:
        with (aside / CORPUS).open("w", encoding="utf-8", newline="\n") as file:
            for passage in collection.passages:
                record = {"_id": passage.id, "title": passage.title, "text": passage.text}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        meta = {"id": collection.id, "name": collection.name, "passages": len(collection)}
        (aside / META).write_text(json.dumps(meta, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


def load_collection(root: Path, collection_id: str) -> Collection:
    """Read a saved collection and check it against its hash. Raises InputError where it is missing or damaged."""
    folder = root / collection_id
    if not collection_id.isalnum() or not folder.is_dir():
        raise InputError(f"there is no collection {collection_id!r}: it may have been deleted, add it again")
    try:
        name = str(json.loads((folder / META).read_text(encoding="utf-8"))["name"])
        with (folder / CORPUS).open(encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        passages = [Passage(id=record["_id"], title=record["title"], text=record["text"]) for record in records]
        collection = make_collection(passages, name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"collection {collection_id!r} can't be read ({error}): delete its folder and add it again") from error
    if collection.id != collection_id:
        raise InputError(f"collection {collection_id!r} was changed on disk: delete its folder and add it again")
    return collection


def list_collections(root: Path) -> dict[str, str]:
    """Names of the saved collections by id. Folders that are not finished or not readable are left out."""
    found = {}
    for meta in sorted(root.glob(f"*/{META}")):
        if meta.parent.name.startswith("."):
            continue
        try:
            found[meta.parent.name] = str(json.loads(meta.read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
