"""Dataset versions: what is in one, what differs between two, and its folder as one file."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from app.exports.dataset_diff import diff
from app.ranking.errors import StoreError
from app.services import synthesis_view
from app.services.actors import Actor, require
from app.services.exports import Export
from db.models_loop import DatasetVersion
from db.session import Database
from db.store import synthesis_views

_CARD = "README.md"
_MOST_CARD = 200_000  # characters of a card that a page is given
_MOST_DIFF = 500  # entries of each list of a difference; the counts are always whole
_PIECE = 1 << 18  # bytes


class Datasets:
    """Reads dataset versions. `folder_of` gives the folder of an artifact by its hash, and raises StoreError where it is gone."""

    def __init__(self, database: Database, folder_of: Callable[[str], Path]) -> None:
        self._database, self._folder_of = database, folder_of

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Versions, newest first: D."""
        require(actor, "researcher")

        def read() -> Sequence[dict[str, Any]]:
            with self._database.read() as session:
                return [synthesis_view.dataset(row, size) for row, size in synthesis_views.datasets(session)]

        return await asyncio.to_thread(read)

    async def get(self, actor: Actor, dataset_id: str) -> dict[str, Any]:
        """One with its manifest and its card (Markdown). Raises NotFound."""
        require(actor, "researcher")

        def read() -> dict[str, Any]:
            row, size = self._row(dataset_id)
            return {**synthesis_view.dataset(row, size), "manifest": row.manifest, "card": self._card(row)}

        return await asyncio.to_thread(read)

    async def diff(self, actor: Actor, dataset_id: str, other_id: str) -> dict[str, Any]:
        """From one version to the other: examples added, removed, verdicts that changed; counts, and the first of each. Raises NotFound."""
        require(actor, "researcher")
        return await asyncio.to_thread(self._diff, dataset_id, other_id)

    def _diff(self, dataset_id: str, other_id: str) -> dict[str, Any]:
        one, other = (self._folder_of(self._row(named)[0].artifact_hash) for named in (dataset_id, other_id))
        return diff(one, other, limit=_MOST_DIFF)

    async def file(self, actor: Actor, dataset_id: str) -> Export:
        """The folder of a version as a tar: the same bytes each time. Raises NotFound."""
        require(actor, "researcher")
        row, _ = await asyncio.to_thread(self._row, dataset_id)
        folder = await asyncio.to_thread(self._folder_of, row.artifact_hash)
        return Export(filename=f"dataset-{row.id[:12]}.tar", media_type="application/x-tar", chunks=on_thread(tar(folder, row.id[:12])))

    def _row(self, dataset_id: str) -> tuple[DatasetVersion, int]:
        with self._database.read() as session:
            return synthesis_views.dataset(session, dataset_id)

    def _card(self, row: DatasetVersion) -> str:
        """Empty where the folder has none, or is gone: the rest of a version is still worth seeing."""
        try:
            with (self._folder_of(row.artifact_hash) / _CARD).open(encoding="utf-8", errors="replace") as file:
                return file.read(_MOST_CARD)
        except (OSError, StoreError):
            return ""


def tar(folder: Path, name: str) -> Iterator[bytes]:
    """A folder's files as an uncompressed tar below `name`, piece by piece: sorted, owned by nobody, without times."""
    buffer = io.BytesIO()

    def taken() -> bytes:
        found = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return found

    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        info = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
        info.size = path.stat().st_size
        buffer.write(info.tobuf(tarfile.PAX_FORMAT))
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                buffer.write(piece)
                yield taken()
        buffer.write(b"\0" * (-info.size % tarfile.BLOCKSIZE))
    buffer.write(b"\0" * (2 * tarfile.BLOCKSIZE))
    yield taken()


async def on_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pull a blocking iterator on another thread."""
    while True:
        chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk
