"""Reading a version back: everything is checked once, then examples stream and texts are looked up in the file."""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.ranking.errors import InputError
from app.ranking.holdout import is_holdout
from app.ranking.values import Passage

from .examples import example_id
from .making import sha256_of, version_id
from .values import EXAMPLES, MANIFEST, SCHEMA, TEXTS, VERDICTS

_NAMED = 3  # of what is wrong, in a sentence
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A checked folder."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The version's id, 64 hex digits."""
        return str(self.manifest["id"])

    def examples(self, stage: str | None = None) -> Iterator[dict[str, Any]]:
        """Examples in the order of item numbers, those of one stage where it is given; passages name their texts by hash."""
        found = lines(self.folder / EXAMPLES)
        return (one for one in found if stage is None or one["split"] == stage)

    def verdicts(self) -> Iterator[dict[str, Any]]:
        """One verdict per item, by number."""
        return lines(self.folder / VERDICTS)


class Texts:
    """Texts of a version by hash, read from the file each time: its lines are sorted by hash. 8 bytes of memory per text."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / TEXTS).open("rb")
        self._starts = array("Q")
        at = 0
        for line in self._file:
            self._starts.append(at)
            at += len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def get(self, digest: str) -> str:
        """A text. Raises InputError where the version has none of that hash."""
        at = bisect_left(range(len(self._starts)), digest, key=lambda place: str(self._line(place)["hash"]))
        found = self._line(at) if at < len(self._starts) else {"hash": ""}
        if found["hash"] != digest:
            raise InputError(f"{TEXTS} has no text {digest[:12]}: the version is not whole, take another copy of it")
        return str(found["text"])

    def passages(self, example: Mapping[str, Any]) -> list[Passage]:
        """The passages of an example in shown order, with their texts."""
        return [
            Passage(id=one["id"], title=one["title"], text=self.get(one["text"]), score=one["score"], features=one["features"])
            for one in example["passages"]
        ]

    def _line(self, place: int) -> dict[str, Any]:
        self._file.seek(self._starts[place])
        found: dict[str, Any] = json.loads(self._file.readline())
        return found


def load(folder: Path) -> Version:
    """A version from its folder, read once from end to end.

    Raises InputError where a file is missing or malformed, where a holdout query is among the examples (naming the first), where an
    example or a text is not what its id says, and where the whole is not what the manifest names.
    """
    manifest = read_manifest(folder)
    _check_texts(folder)
    with Texts(folder) as texts:
        _check_examples(folder, texts)
    files = {name: sha256_of(folder / name) for name in (EXAMPLES, TEXTS, VERDICTS)}
    identity = {key: manifest[key] for key in ("schema", "thresholds", "stages")}
    if version_id(identity, files) != manifest["id"]:
        changed = [name for name, digest in files.items() if manifest["files"].get(name, {}).get("sha256") != digest]
        said = f"({', '.join(changed) or MANIFEST} differs)"
        raise InputError(f"the version in {folder.name!r} is not what its manifest says {said}: take another copy of it")
    counted = sum(1 for _ in lines(folder / EXAMPLES)), sum(1 for _ in lines(folder / VERDICTS))
    if counted != (manifest["counts"].get("examples"), manifest["counts"].get("items")):
        raise InputError(
            f"the version in {folder.name!r} does not hold as many examples and verdicts as its manifest says: take another copy"
        )
    return Version(folder=folder, manifest=manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone. Raises InputError where it can't be one."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{folder.name!r} holds no dataset version: {MANIFEST} is missing") from error
    except ValueError as error:
        raise InputError(f"{MANIFEST} of {folder.name!r} can't be read as JSON ({error}): take another copy of it") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise InputError(f"{folder.name!r} has the schema {schema!r}, this program reads {SCHEMA}: use the program that wrote it")
    kinds = {"id": str, "name": str, "counts": dict, "thresholds": dict, "stages": dict, "files": dict}
    wrong = [key for key, kind in kinds.items() if not isinstance(found.get(key), kind)]
    if wrong:
        raise InputError(f"{MANIFEST} of {folder.name!r} lacks {', '.join(wrong)}: take another copy of it")
    return found


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSON-lines file. Raises InputError naming the line that is none."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path.name} is missing: the version is not whole, take another copy of it") from error
    with file:
        for number, line in enumerate(file, start=1):
            try:
                found = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path.name} line {number} is no JSON ({error}): take another copy of the version") from error
            if not isinstance(found, dict):
                raise InputError(f"{path.name} line {number} is no object: take another copy of the version")
            yield found


def _check_texts(folder: Path) -> None:
    before = ""
    for number, one in enumerate(lines(folder / TEXTS), start=1):
        digest, text = str(one.get("hash")), one.get("text")
        good = isinstance(text, str) and _HASH.fullmatch(digest) and digest > before
        if not good or hashlib.sha256(str(text).encode("utf-8", "replace")).hexdigest() != digest:
            raise InputError(f"{TEXTS} line {number} is not the text that it names, or out of order: take another copy of the version")
        before = digest


def _check_examples(folder: Path, texts: Texts) -> None:
    """Every example is what its id says, and none is for evaluation only."""
    held: list[str] = []
    for number, one in enumerate(lines(folder / EXAMPLES), start=1):
        try:
            held += [one["query"]] if is_holdout(one["query"]) else []
            shown = [passage["id"] for passage in one["passages"]]
            good = sorted(shown) == sorted(one["order"]) and len(set(shown)) == len(shown) and example_id(one) == one["id"]
            for passage in one["passages"]:
                texts.get(passage["text"])
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{EXAMPLES} line {number} is no example ({error!r}): take another copy of the version") from error
        if not good:
            raise InputError(f"{EXAMPLES} line {number} is not the example that its id names: take another copy of the version")
    if held:
        named = ", ".join(repr(query[:80]) for query in held[:_NAMED])
        raise InputError(
            f"{len(held)} examples have queries that are for evaluation only ({named}): a version must not hold them, build it anew"
        )
