"""The id of weights: what they are, whatever the folder is called."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.ranking.errors import InputError

WEIGHTS = "model.safetensors"


def weights_id(folder: Path) -> str:
    """64 hex digits: the sha256 of model.safetensors, or of sorted lines "name NUL sha256" where the weights are in several files.

    Raises InputError where the folder holds no weights.
    """
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise InputError(f"{folder.name!r} holds no weights: a model's folder has {WEIGHTS}, or parts of it with an index")
    if [file.name for file in files] == [WEIGHTS]:
        return _sha256(files[0])
    lines = "".join(f"{file.name}\0{_sha256(file)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
