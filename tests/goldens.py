"""Reference data that is not part of the project: tests read it where it lies beside the checkout, and skip where it does not."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

GOLDENS = Path(os.environ.get("REASONRANK_GOLDENS") or Path(__file__).parents[1] / "../shared/data").resolve()


def golden(name: str) -> Path:
    """A file or folder of the reference data, by its path inside it. Skips the test where it is absent."""
    path = GOLDENS / name
    if not path.exists():
        pytest.skip(f"{name} is not in {GOLDENS.name!r}: set REASONRANK_GOLDENS to the folder of reference data to run this")
    return path


def golden_text(name: str) -> str:
    """The text of such a file, unpacked where its name ends in .gz."""
    path = golden(name)
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
