"""Replaying recorded answers: the published order from the lenient scan, and what the strict grammar says of the same answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import InputError
from app.ranking.evaluation.metrics import as_run, mean
from app.ranking.formats.trec import read_qrels, read_run
from app.ranking.replay import read_recorded, replay
from app.ranking.strategies import Sliding

GOLDENS = Path(os.environ.get("REASONRANK_GOLDENS", "../shared/data")) / "dl19_replay"


def recorded(model: str) -> tuple[object, object]:
    if not GOLDENS.exists():
        pytest.skip("no recorded answers beside the checkout: set REASONRANK_GOLDENS to their folder")
    read = [json.loads((GOLDENS / name).read_text()) for name in ("candidates_bm25_top100.json", f"responses_{model}.json")]
    return read[0], read[1]


@pytest.mark.parametrize(("model", "ndcg"), [("rankvicuna", 0.6682), ("vicuna7b_untrained", 0.5058)])
def test_the_lenient_scan_gives_the_published_order(model: str, ndcg: float) -> None:
    topics = read_recorded(*recorded(model), Sliding())
    done = replay(topics, Sliding(), "lenient")
    published = read_run((GOLDENS / f"published_{model}.run").read_text())
    same = [topic for topic, order in done.orders.items() if list(order) == sorted(published[topic], key=lambda i: -published[topic][i])]
    assert len(same) == len(done.orders) == 43
    qrels = read_qrels((GOLDENS / "qrels.dl19-passage.txt").read_text())
    assert mean("nDCG@10", qrels, as_run(done.orders)) == pytest.approx(ndcg, abs=5e-5)


@pytest.mark.parametrize(
    ("model", "outcomes", "problems"),
    [
        ("rankvicuna", {"clean": 387}, {}),
        ("vicuna7b_untrained", {"clean": 6, "no_answer": 381}, {"bad_separator": 378, "not_a_list": 3}),
    ],
)
def test_the_strict_grammar_on_the_same_answers(model: str, outcomes: dict[str, int], problems: dict[str, int]) -> None:
    done = replay(read_recorded(*recorded(model), Sliding()), Sliding(), "strict")
    assert (dict(done.outcomes), dict(done.problems)) == (outcomes, problems)


CANDIDATES = [{"qid": 1, "docids": ["a b", "c", "d"]}, {"qid": "2", "docids": ["x"]}]
ANSWERS = ["[2] > [1]", "[2] > [1]", "[1]"]


def test_the_command_writes_a_run_and_says_what_came(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CANDIDATES))
    (tmp_path / "r.json").write_text(json.dumps(ANSWERS))
    arguments = [
        "replay",
        "--candidates",
        str(tmp_path / "c.json"),
        "--responses",
        str(tmp_path / "r.json"),
        "--window",
        "2",
        "--step",
        "1",
    ]
    done = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "out.run")])
    assert done.exit_code == 0 and "2 topics, 3 windows: 3 clean" in done.output
    # [c, d] turns to [d, c]; then [a b, d] to [d, a b].
    assert (tmp_path / "out.run").read_text().splitlines() == [
        "1 Q0 d 1 3 replay",
        "1 Q0 a b 2 2 replay",
        "1 Q0 c 3 1 replay",
        "2 Q0 x 1 1 replay",
    ]
    for changed in (["--parser", "magic"], ["--step", "3"], ["--candidates", str(tmp_path / "none.json")]):
        wrong = CliRunner().invoke(cli, [*arguments, *changed, "--out", str(tmp_path / "no.run")])
        assert wrong.exit_code == 2 and not (tmp_path / "no.run").exists() and wrong.output.strip()


@pytest.mark.parametrize(
    ("candidates", "answers", "message"),
    [
        ({}, ANSWERS, "JSON list of objects"),
        (CANDIDATES, "no", "JSON list of texts"),
        (CANDIDATES, ANSWERS[:2], "topic '2' needs 1 answers and 0 are left"),
        (CANDIDATES, [*ANSWERS, "[1]"], "4 answers were given"),
        ([{"qid": 1, "docids": ["a", "a"]}], [], "lists a passage twice"),
    ],
)
def test_counts_that_differ_are_said(candidates: object, answers: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recorded(candidates, answers, Sliding(size=2, step=1))
