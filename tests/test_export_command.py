"""`python -m app export`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli import written_aside
from app.services.studio import Studio
from app.settings import Settings

ROOT = Path(__file__).parent.parent


@pytest.mark.process
def test_an_empty_studio_gives_empty_files(tmp_path: Path) -> None:
    Studio.open(Settings(data_dir=tmp_path))
    arguments = [sys.executable, "-m", "app", "export", "qrels", "--data-dir", str(tmp_path), "--out", str(tmp_path / "qrels.txt")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, (tmp_path / "qrels.txt").read_text(), done.stdout) == (0, "", "")


def test_what_can_not_be_gives_one_sentence(tmp_path: Path) -> None:
    for arguments, said in ((("xml",), "use jsonl, qrels, run"), (("run", "--data-dir", str(tmp_path)), "no studio.db")):
        done = CliRunner().invoke(cli, ["export", *arguments])
        assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_stopped_export_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "run.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), written_aside(target) as file:
        file.write(b"half of it")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["run.txt"]
