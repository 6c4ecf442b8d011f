"""`python -m training dataset ...` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.artifacts import ArtifactStore
from tests.databases import migrated
from tests.training.datasets.made import stored, version
from training.__main__ import app
from training.datasets import publish

pytestmark = pytest.mark.store
WEIGHTS = Path(__file__).parents[3] / "app" / "ranking" / "models" / "nano" / "weights"


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    """A data folder with two versions: `loose`, and `strict`, which lacks the first item."""
    database = migrated(tmp_path / "data" / "studio.db")
    store = ArtifactStore(tmp_path / "data" / "artifacts")
    items = [stored(0, {"consistency": 0.45}), *(stored(number) for number in range(1, 6))]
    for name, bound in (("loose", 0.4), ("strict", 0.5)):
        built = version(tmp_path / name, items, name=name, thresholds={"consistency": bound})
        publish(database, store, tmp_path / name, built, None)
    database.close()
    return tmp_path


def typed(studio: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["dataset", *words, "--data-dir", str(studio / "data")])
    assert done.exit_code == code, done.output
    return done.output


def test_versions_are_listed_and_shown(studio: Path) -> None:
    lines = typed(studio, "list").splitlines()
    assert [line.split()[-1] for line in lines] == ["strict", "loose"] and "5 of       6" in lines[0]
    card = typed(studio, "show", "strict")
    assert card.startswith("# strict") and f"id {lines[0].split()[0]}" in card
    assert typed(studio, "show", str(studio / "strict")).splitlines()[0] == "# strict"


def test_versions_are_compared(studio: Path) -> None:
    said = typed(studio, "diff", "loose", "strict")
    assert said.startswith("0 added, 1 removed") and "removed cooking s0  consistency 0.45 to 0.45  what is thing 0" in said
    assert json.loads(typed(studio, "diff", "strict", "loose", "--json"))["counts"]["added"] == 1


def test_rows_are_written_and_what_is_left_out_is_said(studio: Path) -> None:
    rows = [json.loads(line) for line in typed(studio, "rows", "loose", "sft").splitlines()]
    assert rows and all(list(row) == ["prompt", "completion", "id"] for row in rows)
    typed(studio, "rows", "loose", "sft", "--out", str(studio / "rows.jsonl"))
    assert len((studio / "rows.jsonl").read_text().splitlines()) == len(rows)
    assert "left out: longer than 10 tokens" in typed(studio, "rows", "loose", "sft", "--max-tokens", "10")
    assert typed(studio, "rows", "loose", "rl", "--template", "nano")


def test_versions_go_out_and_come_in(studio: Path) -> None:
    typed(studio, "export", "loose", "reasonrank", str(studio / "out"))
    said = typed(studio, "import", str(studio / "out"), "--name", "theirs", "--licence", "MIT")
    assert said.startswith("theirs: 6 examples of 6 items")
    typed(studio, "export", "loose", "folder", str(studio / "loose.tar"))
    assert typed(studio, "import", str(studio / "loose.tar")).startswith("loose: 6 examples")
    assert [line.split()[-1] for line in typed(studio, "list").splitlines()] == ["theirs", "strict", "loose"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "nothing"), "there is no data set 'nothing'"), (("rows", "loose", "dpo"), "stage 'dpo' is unknown"),
        (("export", "loose", "csv", "x"), "there is no format 'csv'"), (("import", "nowhere"), "is no data set"),
        (("rows", "loose", "sft", "--template", "nothing"), "no profile 'nothing'"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_one_sentence(studio: Path, words: tuple[str, ...], says: str) -> None:
    assert says in typed(studio, *words, code=2)


@pytest.mark.oracle
def test_rows_are_counted_with_the_model_s_own_tokenizer(studio: Path) -> None:
    words = ("rows", "loose", "rl", "--template", "nano", "--tokenizer")
    rows = typed(studio, *words, str(WEIGHTS)).splitlines()
    counts = [len(json.loads(row)["prompt"][0]["content"].split()) for row in rows]  # its words are its tokens
    assert len(set(counts)) == 1
    assert typed(studio, *words, str(WEIGHTS), "--max-tokens", str(counts[0])).splitlines() == rows
    assert f"{len(rows)} examples left out: longer than" in typed(studio, *words, str(WEIGHTS), "--max-tokens", str(counts[0] - 1))
    assert "can't be loaded" in typed(studio, *words, "./nothing-here", code=2)


def test_an_empty_studio_says_how_to_get_a_data_set(tmp_path: Path) -> None:
    migrated(tmp_path / "data" / "studio.db").close()
    assert "python -m training synthesize" in typed(tmp_path, "list")
