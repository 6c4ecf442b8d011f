"""`python -m app export`, as a user runs it."""

from __future__ import annotations

import hashlib
import json
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
    for arguments, said in ((("xml",), "use jsonl, rows, csv-lossless"), (("run", "--data-dir", str(tmp_path)), "no studio.db")):
        done = CliRunner().invoke(cli, ["export", *arguments])
        assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_version_is_made_listed_and_written_again(tmp_path: Path) -> None:
    Studio.open(Settings(data_dir=tmp_path))
    target, place = tmp_path / "rows.csv", ["--data-dir", str(tmp_path)]
    made = CliRunner().invoke(cli, ["export", "make", "csv-lossless", "--query", "texts=false", "--out", str(target), *place])
    assert made.exit_code == 0, made.output
    manifest = json.loads((tmp_path / "rows.csv.manifest.json").read_text())
    assert manifest["query"]["texts"] is False and manifest["content_hash"] == hashlib.sha256(target.read_bytes()).hexdigest()
    (listed,) = CliRunner().invoke(cli, ["export", "list", *place]).stdout.splitlines()
    assert json.loads(listed)["id"] == manifest["id"] and f"export rebuild {manifest['id']}" in made.stderr
    again = CliRunner().invoke(cli, ["export", "rebuild", manifest["id"], "--out", str(tmp_path / "again.csv"), *place])
    assert again.exit_code == 0 and (tmp_path / "again.csv").read_bytes() == target.read_bytes()
    folder = CliRunner().invoke(cli, ["export", "huggingface", "--out", str(tmp_path / "set"), *place])
    assert folder.exit_code == 0 and (tmp_path / "set" / "README.md").is_file()
    for arguments, said in (
        (("make",), "make needs a format"), (("rebuild", "0" * 64, *place), "no version"),
        (("make", "rows", "--query", "texts", *place), "no NAME=VALUE"), (("rows", "--query", "texts=false"), "use it with make"),
        (("huggingface", "--out", str(tmp_path / "set"), *place), "not an empty folder"),
    ):  # fmt: skip
        refused = CliRunner().invoke(cli, ["export", *arguments])
        assert refused.exit_code == 2 and said in refused.stderr and len(refused.stderr.splitlines()) == 1, refused.stderr


def test_a_stopped_export_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "run.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), written_aside(target) as file:
        file.write(b"half of it")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["run.txt"]
