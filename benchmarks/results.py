"""Finished cells of a benchmark, one JSON line each, so that a long one can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Results:
    """Cells of one benchmark by name. With a `path` every new one is appended to it, and those of this commit are not measured again."""

    def __init__(self, bench: str, path: Path | None = None, *, again: bool = False) -> None:
        self.bench = bench
        self.commit = version()
        self.cells: dict[str, dict[str, Any]] = {}
        self._path = path
        if path is not None and path.is_file() and not again:
            kept = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
            self.cells = {row["cell"]: row for row in kept if (row["bench"], row["commit"]) == (bench, self.commit)}

    def __contains__(self, cell: str) -> bool:
        return cell in self.cells

    def add(self, cell: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a finished cell; returns it with benchmark, commit and date."""
        date = datetime.now(UTC).date().isoformat()
        row = {"bench": self.bench, "cell": cell, **values, "commit": self.commit, "date": date}
        self.cells[cell] = row
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return row


def version() -> str:
    """The commit of this checkout; where the library's files differ from it, with `+` and six digits of their hash. Empty outside one."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit or not _git("status", "--porcelain", "--", "app/ranking"):
        return commit
    digest = hashlib.sha256()
    for path in sorted((ROOT / "app" / "ranking").rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{commit}+{digest.hexdigest()[:6]}"


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
