"""The evaluate verb on runs and judgements: small files by hand, and the numbers of reference data."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli.evaluate_pair import Pair, pair
from tests.goldens import golden

QRELS = "1 0 a 1\n1 0 b 0\n2 0 a b.txt 2\n3 0 a 1\n"
RUN = "2 Q0 x 1 3.0 t\n2 Q0 a b.txt 2 2.0 t\n1 Q0 b 1 1.0 t\n1 Q0 a 2 1.0 t\n9 Q0 a 1 1.0 t\n"
BETTER = "1 Q0 a 1 2.0 t\n1 Q0 b 2 1.0 t\n2 Q0 a b.txt 1 2.0 t\n3 Q0 a 1 1.0 t\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    paths = []
    for name, text in (("first.run", RUN), ("better.run", BETTER), ("some.qrels", QRELS)):
        (tmp_path / name).write_text(text)
        paths.append(str(tmp_path / name))
    return paths[0], paths[1], paths[2]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["evaluate", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def found(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["evaluate", *arguments])
    assert done.exit_code == 2 and done.output.count("\n") == 1, done.output
    return done.output


def test_one_run_as_a_table(files: tuple[str, str, str]) -> None:
    # Ranks of the first relevant passage: topic 1 by id among equal scores b, a: 2; topic 2: 2; topic 3 is not in the run.
    first, _, qrels = files
    assert run("--run", first, "--qrels", qrels, "--metrics", "RR,P@1") == (
        "mean over topics  first.run\n"
        "RR                   0.3333\n"
        "P@1                  0.0000\n"
        "topics                    3\n"
        "judged, but not in the run, counted 0: 1 topic (3)\n"
        "in the run, but not judged, left out: 1 topic (9)\n"
        "equal scores among the first of 1 topic (1): these are ordered by id, last first, as trec_eval does, whatever order the run has\n"
    )


def test_one_run_as_json(files: tuple[str, str, str]) -> None:
    first, _, qrels = files
    assert found("--run", first, "--qrels", qrels, "--metrics", "RR, AP(rel=2,judged_only=True)", "--per-topic") == {
        "run": first, "qrels": qrels, "n": 3, "judged_only": False,
        "measures": {"RR": 1 / 3, "AP(rel=2,judged_only=True)": 1 / 3},
        "missing": ["3"], "unjudged": ["9"], "tied": 1, "disjoint": 0,
        "topics": {
            "1": {"RR": 0.5, "AP(rel=2,judged_only=True)": 0.0},
            "2": {"RR": 0.5, "AP(rel=2,judged_only=True)": 1.0},
            "3": {"RR": 0.0, "AP(rel=2,judged_only=True)": 0.0},
        },
    }  # fmt: skip
    some = found("--run", first, "--qrels", qrels, "--metrics", "RR", "--judged-only")
    assert (some["n"], some["measures"], some["missing"], "topics" in some) == (2, {"RR": 0.5}, ["3"], False)
    assert "left out: 1 topic (3)" in run("--run", first, "--qrels", qrels, "--metrics", "RR", "--judged-only")


def test_several_runs_beside_each_other(files: tuple[str, str, str]) -> None:
    first, better, qrels = files
    lines = run("--run", first, "--run", better, "--qrels", qrels, "--metrics", "RR,P@1,RBO", "--per-topic").splitlines()
    assert lines[:5] == [
        "mean over topics  first.run  better.run",
        "RR                   0.3333      1.0000",
        "P@1                  0.0000      1.0000",
        # Topic 1: a tie of both, and a before b: .1 * sqrt(.5) + .9; topic 2: x a and a, half of it shared from rank 2 on: .9 / 2.
        f"RBO(p=0.9)           0.6667      {(0.1 * 0.5**0.5 + 0.9 + 0.45) / 3:.4f}",
        "topics                    3           3",
    ]
    assert lines[5].startswith("first.run: judged, but not in the run")
    (difference,) = [line for line in lines if line.startswith("RR: ")]
    assert difference.startswith("RR: better.run is better by 0.6667 than first.run [")
    assert "better on 3 of 3 queries, equal on 0, worse on 0 (p = 0.2500)" in difference
    at = lines.index("RR  first.run  better.run")
    assert lines[at + 1 : at + 4] == ["1      0.5000      1.0000", "2      0.5000      1.0000", "3      0.0000      1.0000"]
    assert not any(line.startswith("RBO(p=0.9): ") for line in lines)


def test_several_runs_as_json_and_what_they_are_compared_with(files: tuple[str, str, str], tmp_path: Path) -> None:
    first, better, qrels = files
    third = tmp_path / "other" / "first.run"
    third.parent.mkdir()
    third.write_bytes(gzip.compress(BETTER.encode()))
    data = found("--run", first, "--run", better, "--run", str(third), "--qrels", qrels, "--metrics", "RR")
    assert [row["run"] for row in data["runs"]] == [first, better, str(third)]
    assert [(row["first"], row["second"], row["family"]) for row in data["differences"]] == [(better, first, 2), (str(third), first, 2)]
    assert {row["p"] for row in data["differences"]} == {0.25} and {row["p_corrected"] for row in data["differences"]} == {0.5}
    turned = found("--run", first, "--against", better, "--qrels", qrels, "--metrics", "RR")
    assert [row["run"] for row in turned["runs"]] == [better, first]
    assert [(row["first"], row["mean"]) for row in turned["differences"]] == [("first.run", pytest.approx(-2 / 3))]
    only = found("--run", first, "--run", better, "--qrels", qrels, "--metrics", "RR", "--judged-only")
    assert [row["n"] for row in only["runs"]] == [2, 3] and only["differences"][0]["n"] == 2


def test_names_that_look_alike_when_cut_are_not_cut(files: tuple[str, str, str], tmp_path: Path) -> None:
    long = []
    for ending in ("one", "two"):
        long.append(tmp_path / f"a_run_with_a_very_long_name_{ending}")
        long[-1].write_text(BETTER)
    shown = run("--run", str(long[0]), "--qrels", files[2]).splitlines()
    assert shown[0].split() == ["mean", "over", "topics", "a_run_with_a_very_long_na..."]
    assert long[1].name in run("--run", str(long[0]), "--run", str(long[1]), "--qrels", files[2]).splitlines()[0]


def test_a_run_of_another_collection_is_noticed(files: tuple[str, str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.run"
    other.write_text("1 Q0 z 1 1.0 t\n2 Q0 y 1 1.0 t\n")
    assert "no passage of the run is judged, for any topic" in run("--run", str(other), "--qrels", files[2])
    assert "no passage of the run is judged" not in run("--run", files[0], "--qrels", files[2])


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (RUN, ("--metrics", "ndcg@10"), "measure 'ndcg@10' is unknown: use nDCG@k"),
        (RUN, ("--metrics", "RBO"), "RBO compares two runs"),
        ("7 Q0 a 1 1.0 t\n8 Q0 a 1 1.0 t\n", (), "no topic of 'a.run' is judged in 'some.qrels': the run's topics are '7', '8' ..."),
        ("", (), "no topic of 'a.run' is judged"),
        ("1 Q0 a 1 1.0 t\n1 Q0 a 2 0.5 t\n", (), "a.run: line 2: passage 'a' comes twice"),
        ("1 Q0 a 1 high t\n", (), "a.run: line 1: score 'high' is not a finite number"),
    ],
)
def test_what_cannot_be_measured(files: tuple[str, str, str], tmp_path: Path, text: str, arguments: tuple[str, ...], says: str) -> None:
    (tmp_path / "a.run").write_text(text)
    assert says in refused("--run", str(tmp_path / "a.run"), "--qrels", files[2], *arguments)


def test_files_that_are_not_there_or_twice(files: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, _, qrels = files
    assert "No such file" in refused("--run", str(tmp_path / "none.run"), "--qrels", qrels)
    assert "No such file" in refused("--run", first, "--qrels", str(tmp_path / "none.qrels"))
    assert "a run is given twice" in refused("--run", first, "--run", first, "--qrels", qrels)
    with pytest.raises(Exception, match="2"):
        pair(Pair(runs=(), qrels=Path(qrels), metrics=("RR",)))
    assert "there is no run to evaluate" in capsys.readouterr().err


BRIGHT = {"biology": 43.493, "economics": 32.654, "stackoverflow": 30.961, "theoremqa_theorems": 36.684}
THEIRS = {
    "map": "AP", "Rprec": "Rprec", "bpref": "Bpref", "recip_rank": "RR", "ndcg": "nDCG", "infAP": "infAP",
    "set_P": "SetP", "set_recall": "SetR", "set_map": "SetAP", "set_F": "SetF",
}  # fmt: skip
CUTS = {"P": "P", "recall": "R", "ndcg_cut": "nDCG", "map_cut": "AP", "success": "Success", "iprec_at_recall": "IPrec"}


def named(theirs: str) -> str:
    """Our name of a measure of trec_eval's, "" where there is none."""
    stem, _, cut = theirs.rpartition("_")
    return THEIRS.get(theirs) or (f"{CUTS[stem]}@{float(cut) if '.' in cut else int(cut)}" if stem in CUTS else "")


@pytest.mark.parametrize(("name", "count"), [("out.test", 24), ("out.test.a", 60)])
def test_the_reference_tools_own_output(name: str, count: int) -> None:
    """Every mean that ir_measures has a name for, to the four decimals that are printed."""
    rows = [line.split() for line in golden(f"trec_eval/{name}").read_text().splitlines()]
    theirs = {named(row[0]): row[2] for row in rows if named(row[0])}
    files = ("--run", str(golden("trec_eval/results.test")), "--qrels", str(golden("trec_eval/qrels.test")))
    ours = found(*files, "--metrics", ",".join(theirs))["measures"]
    assert {one: f"{value:.4f}" for one, value in ours.items()} == theirs and len(theirs) == count


def test_a_topic_that_the_run_lacks_counts() -> None:
    files = ("--run", str(golden("trec_eval/results.trunc")), "--qrels", str(golden("trec_eval/qrels.test")), "--metrics", "nDCG@10")
    whole, some = found(*files), found(*files, "--judged-only")
    assert (f"{whole['measures']['nDCG@10']:.4f}", whole["n"], whole["missing"]) == ("0.1717", 3, ["302"])
    assert (f"{some['measures']['nDCG@10']:.4f}", some["n"]) == ("0.2576", 2)


@pytest.mark.parametrize("name", BRIGHT)
def test_published_first_stages(name: str) -> None:
    path = golden(f"bright/runs/{name}.reasonir_gpt4cot_top100.txt.gz")
    one = found("--run", str(path), "--qrels", str(golden(f"bright/qrels/qrels.bright-{name.replace('_', '-')}.txt")))
    assert round(100 * one["measures"]["nDCG@10"], 3) == BRIGHT[name] and one["missing"] == one["unjudged"] == []


@pytest.mark.parametrize(("name", "value"), [("vicuna7b_untrained", "0.5058"), ("rankvicuna", "0.6682")])
def test_published_runs_of_deep_learning_2019(name: str, value: str) -> None:
    files = ("--run", str(golden(f"dl19_replay/published_{name}.run")), "--qrels", str(golden("dl19_replay/qrels.dl19-passage.txt")))
    one = found(*files, "--metrics", "nDCG@10")
    assert f"{one['measures']['nDCG@10']:.4f}" == value and one["n"] == 43
