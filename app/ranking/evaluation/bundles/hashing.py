"""Names of contents: what makes it possible to say that two bundles saw the same candidates, texts or judgements."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...cache import content_hash
from ...values import Passage

MANIFEST = "manifest.json"
_PIECE = 1 << 20  # bytes


def ids_hash(ids: Sequence[str]) -> str:
    """32 hex digits of ids in their order; "" for none."""
    return content_hash(ids) if ids else ""


def texts_hash(passages: Iterable[Passage]) -> str:
    """32 hex digits of titles and texts in their order, as the corpus has them; "" for none."""
    parts = [part for passage in passages for part in (passage.title, passage.text)]
    return content_hash(parts) if parts else ""


def grades_hash(grades: Mapping[str, int]) -> str:
    """32 hex digits of a topic's judgements, whatever their order."""
    return content_hash(f"{id_}\0{grade}" for id_, grade in sorted(grades.items()))


def words(text: str) -> int:
    """Blank-separated words."""
    return len(text.split())


def file_hash(path: Path) -> str:
    """sha256 of a file, hex. Raises OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundle_id(folder: Path, manifest: Mapping[str, Any]) -> str:
    """sha256, hex, over the names and bytes of all files beside the manifest, and over the manifest without its id and date."""
    made = {name: value for name, value in manifest.get("made", {}).items() if name != "date"}
    rest = {**{name: value for name, value in manifest.items() if name != "id"}, "made": made}
    digest = hashlib.sha256(json.dumps(rest, ensure_ascii=True, sort_keys=True).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name == MANIFEST:
            continue
        for part in (name.encode(), str(path.stat().st_size).encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()
