"""`python -m app export`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.services.studio import Studio
from app.settings import Settings

pytestmark = pytest.mark.process
ROOT = Path(__file__).parent.parent


def export(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "app", "export", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_an_empty_studio_gives_empty_files(tmp_path: Path) -> None:
    Studio.open(Settings(data_dir=tmp_path))
    done = export("qrels", "--data-dir", str(tmp_path), "--out", str(tmp_path / "qrels.txt"))
    assert (done.returncode, (tmp_path / "qrels.txt").read_text(), done.stdout) == (0, "", "")


def test_what_can_not_be_gives_one_sentence(tmp_path: Path) -> None:
    for arguments, said in ((("xml",), "use jsonl, qrels, run"), (("run", "--data-dir", str(tmp_path)), "no studio.db")):
        done = export(*arguments)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
