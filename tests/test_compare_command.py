"""`python -m app compare`: causes, topics and numbers for people and as JSON; files that can't be compared end in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from tests.ranking.bundles.made import made

RUN = "q Q0 b 1 2 t\nq Q0 a 2 1 t\n"


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments), "--samples", "20"])


@pytest.fixture()
def both(tmp_path: Path) -> tuple[Path, Path]:
    made(tmp_path / "a")
    made(tmp_path / "b", luck=1, seed=7, name="other", made={"date": "2027-01-01", "commit": "1" * 40})
    return tmp_path / "a", tmp_path / "b"


def test_for_people(both: tuple[Path, Path]) -> None:
    done = compare(*both, "--topics", 2)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("first   reasoned: 0.") and lines[1].startswith("second  other: 0.")
    assert any(line.startswith("1. seed: seed 0 against 7") and line.endswith("100 % of the change") for line in lines)
    assert "  seed: 0 | 7" in lines
    assert any("could be chance" in line or "better" in line for line in lines)
    assert any(line.split() == ["calls", "2.0", "2.0"] for line in lines)
    assert any(line.startswith("the 2 of ") for line in lines)
    assert sum(line.startswith(("  biology b", "  law l")) for line in lines) == 2


def test_as_json(both: tuple[Path, Path]) -> None:
    done = compare(*both, "--json", "--measure", "RR@10")
    found = json.loads(done.output)
    assert found["measure"] == "RR@10"
    assert [cause["name"] for cause in found["causes"]] == ["seed"]
    assert found["difference"]["n"] == 6


def test_nothing_differs(both: tuple[Path, Path]) -> None:
    done = compare(both[0], both[0])
    assert "nothing differs" in done.output
    assert "1. " not in done.output


def test_run_files(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text(RUN)
    (tmp_path / "b.run").write_text("q Q0 b 1 1 t\nq Q0 a 2 1 t\n")
    (tmp_path / "qrels").write_text("q 0 b 1\n")
    done = compare(tmp_path / "a.run", tmp_path / "b.run", "--qrels", tmp_path / "qrels")
    assert done.exit_code == 0, done.output
    assert "1. ties: " not in done.output  # b comes after a by id too: trec_eval orders ids falling
    (tmp_path / "qrels").write_text("q 0 a 1\n")
    (tmp_path / "b.run").write_text("q Q0 a 1 1 t\nq Q0 b 2 1 t\n")
    (tmp_path / "a.run").write_text("q Q0 a 1 2 t\nq Q0 b 2 1 t\n")
    done = compare(tmp_path / "a.run", tmp_path / "b.run", "--qrels", tmp_path / "qrels", "--measure", "RR@10")
    assert "1. ties: " in done.output
    assert "keeps no model calls" in done.output


def test_a_run_file_against_a_bundle_of_one_set(tmp_path: Path, both: tuple[Path, Path]) -> None:
    (tmp_path / "a.run").write_text(RUN)
    (tmp_path / "qrels").write_text("q 0 b 1\n")
    done = compare(both[0], tmp_path / "a.run", "--qrels", tmp_path / "qrels")
    assert done.exit_code == 2 and "a bundle of one set" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", "nowhere"), "neither a bundle nor a run file"),
        (("a", "."), "is no bundle"),
        (("a", "b", "--measure", "AP"), "has no measure 'AP'"),
        (("x.run", "x.run"), "with --qrels"),
    ],
)
def test_what_can_not_be_compared(
    tmp_path: Path, both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.run").write_text(RUN)
    done = compare(*arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_queries_of_strangers_can_not_steer_a_terminal(tmp_path: Path) -> None:
    for name, order in (("a", "ab"), ("b", "ba")):
        (tmp_path / f"{name}.run").write_text("".join(f"q Q0 {id_} {at} {3 - at} t\n" for at, id_ in enumerate(order, 1)))
    (tmp_path / "qrels").write_text("q 0 a 1\n")
    from app.cli.compare import lines
    from app.ranking.evaluation.bundles.compare import compare as compare_bundles
    from app.ranking.evaluation.bundles.of_run import RunFiles, named_after, of_run

    (tmp_path / "topics.jsonl").write_text(json.dumps({"_id": "q", "text": "why \x1b[2J\u202e so"}) + "\n")
    bundles = [
        of_run(
            [RunFiles(name="s", run=tmp_path / f"{name}.run", qrels=tmp_path / "qrels", topics=tmp_path / "topics.jsonl")],
            named_after(tmp_path / name),
            tmp_path / f"bundle-{name}",
        )
        for name in "ab"
    ]
    text = "\n".join(lines(compare_bundles(bundles[0], bundles[1], samples=20), 5))
    assert "\x1b" not in text and "\u202e" not in text and "why" in text
