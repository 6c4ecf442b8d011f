"""The agreement verb on a reference file, whole and with gaps, and on files that can't be used."""

from __future__ import annotations

import csv
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli

GOLDENS = Path(os.environ.get("REASONRANK_GOLDENS") or Path(__file__).parents[1] / "../shared/data").resolve()
OPTIONS = ("--item", "topic,document_id", "--annotator", "annotator", "--label", "label")
LEVELS = ("--levels", "not_relevant,relevant,highly_relevant")
SMALL = "who,what,grade\nann,1,2\nbob,1,2\nann,2,0\nbob,2,1\nann,3, \nbob,3,1\n"


def reviewers() -> Path:
    path = GOLDENS / "agreement/three_reviewers.csv"
    if not path.exists():
        pytest.skip("agreement/three_reviewers.csv is not beside the checkout: set REASONRANK_GOLDENS to the folder of reference data")
    return path


def said(*arguments: str) -> Any:
    done = CliRunner().invoke(cli, ["agreement", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def values(found: Any) -> dict[str, float | None]:
    pairs = {" ".join([*one["annotators"], one["name"]]): one["value"] for one in found["pairs"]}
    return {**{one["name"]: one["value"] for one in found["statistics"]}, **pairs}


def test_the_reference_numbers() -> None:
    found = said(str(reviewers()), *OPTIONS, *LEVELS, "--bootstrap", "200")
    assert (found["rows"], found["items"], found["annotators"], found["blank"]) == (360, 120, 3, 0)
    wanted = {
        "alpha nominal": 0.675507,
        "alpha ordinal": 0.831523,
        "alpha interval": 0.825668,
        "Fleiss kappa": 0.674603,
        "a0 a1 Cohen kappa": 0.583509,
        "a0 a1 Cohen kappa linear": 0.677623,
        "a0 a1 Cohen kappa quadratic": 0.772056,
    }
    assert {name: values(found)[name] for name in wanted} == pytest.approx(wanted, abs=5e-7)
    assert all(one["low"] < one["value"] < one["high"] for one in found["statistics"])


def test_with_a_third_of_the_labels_gone(tmp_path: Path) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    with reviewers().open(newline="") as file:
        rows = list(csv.DictReader(file))
    draw = random.Random(30)
    kept = [row for row in rows if draw.random() >= 0.3]
    blanked = [{**row, "label": row["label"] if row in kept else " "} for row in rows]
    order = ["not_relevant", "relevant", "highly_relevant"]
    items = sorted({(row["topic"], row["document_id"]) for row in rows})
    cells = {(row["topic"], row["document_id"], row["annotator"]): float(order.index(row["label"])) for row in kept}
    matrix = [[cells.get((*item, who), float("nan")) for item in items] for who in ("a0", "a1", "a2")]
    found = [
        said(str(_written(tmp_path / name, some)), *OPTIONS, *LEVELS, "--bootstrap", "0")
        for name, some in (("a.csv", kept), ("b.csv", blanked))
    ]
    assert values(found[0]) == values(found[1]) and found[1]["blank"] == len(rows) - len(kept) > 80
    for kind in ("nominal", "ordinal", "interval"):
        assert values(found[0])[f"alpha {kind}"] == pytest.approx(krippendorff.alpha(matrix, level_of_measurement=kind), abs=1e-9)
    assert values(found[0])["Fleiss kappa"] is None


def _written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def small(tmp_path: Path, text: str = SMALL, name: str = "small.csv") -> list[str]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name), "--item", "what", "--annotator", "who", "--label", "grade"]


def test_the_table_says_what_and_how_sure(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["agreement", *small(tmp_path), "--bootstrap", "100", "--seed", "5", "--weights", "linear"])
    lines = done.output.splitlines()
    assert done.exit_code == 0 and lines[0] == "5 labels of 3 items by 2 annotators, 1 blank; 2 items have two or more"
    assert lines[1] == "levels: 0 < 1 < 2" and lines[-1] == "intervals: 95% percentile bootstrap over items, 100 resamples, seed 5"
    assert any(line.startswith("ann - bob: Cohen kappa linear") and "  n=2" in line for line in lines)
    assert any(line.startswith("Fleiss kappa") and "items have from 1 to 2 labels" in line for line in lines)
    assert not any("quadratic" in line for line in lines)


def test_columns_may_be_tab_separated_and_a_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    found = said(*small(tmp_path, "\ufeff" + SMALL.replace(",", "\t"), "small.tsv"))
    assert found["judgements"] == 5 and found["levels"] == ["0", "1", "2"]


def test_the_same_label_twice_counts_once(tmp_path: Path) -> None:
    once, twice = said(*small(tmp_path)), said(*small(tmp_path, SMALL + "ann,1,2\n"))
    assert twice["rows"] == 7 and values(once) == values(twice)


@pytest.mark.parametrize(
    ("text", "extra", "why"),
    [
        (SMALL + "ann,1,0\n", [], "line 8: 'ann' labelled '1' '0', but '2' in line 2: keep one label"),
        (SMALL, ["--levels", "0,1"], "line 2: label '2' is not among the levels 0, 1"),
        (SMALL, ["--label", "label"], "column 'label' is not there in small.csv: its columns are who, what, grade"),
        (SMALL, ["--item", "what,topic"], "column 'topic' is not there"),
        ("who,who,what,grade\n", [], "column 'who' is twice in small.csv"),
        ("", [], "its columns are none"),
        (SMALL + "ann,4\n", [], "line 8: 2 values for 3 columns"),
        (SMALL + ",4,1\n", [], "line 8: a row needs an item and an annotator"),
        (SMALL, ["--weights", "cubic"], "kappa has no weights 'cubic': use none, linear, quadratic"),
        (SMALL, ["--bootstrap", "-1"], "there can't be -1 resamples"),
    ],
)
def test_what_can_not_be_used_is_one_sentence(tmp_path: Path, text: str, extra: list[str], why: str) -> None:
    done = CliRunner().invoke(cli, ["agreement", *small(tmp_path, text), *extra])
    assert done.exit_code == 2 and why in done.output and done.output.count("\n") == 1


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe\n")
    for name, why in (("x.csv", "can't be read as a table"), ("y.csv", "No such file")):
        done = CliRunner().invoke(cli, ["agreement", str(tmp_path / name), "--item", "a", "--annotator", "b", "--label", "b"])
        assert done.exit_code == 2 and why in done.output


def test_a_header_alone_has_no_label(tmp_path: Path) -> None:
    found = said(*small(tmp_path, "who,what,grade\n"))
    assert {one["why"] for one in found["statistics"]} == {"there is no label"} and found["pairs"] == []
