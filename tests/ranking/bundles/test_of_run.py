"""Bundles from files alone: published numbers come out, also with ids that hold blanks and topics that a run lacks."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.bundles.compare import compare
from app.ranking.evaluation.bundles.of_run import RunFiles, named_after, of_run
from app.ranking.evaluation.bundles.values import Header
from tests.goldens import golden

# nDCG@10 of ReasonRank's published first-stage runs, as the paper's table has them.
BRIGHT = {"biology": 43.493, "economics": 32.654, "stackoverflow": 30.961, "theoremqa-theorems": 36.684}


def files(tmp_path: Path, run: str, qrels: str) -> RunFiles:
    (tmp_path / "a.run").write_text(run)
    (tmp_path / "a.qrels").write_text(qrels)
    return RunFiles(name="s", run=tmp_path / "a.run", qrels=tmp_path / "a.qrels")


def test_published_first_stages_of_bright(tmp_path: Path) -> None:
    sources = [
        RunFiles(
            name=name,
            run=golden(f"bright/runs/{name.replace('-', '_')}.reasonir_gpt4cot_top100.txt.gz"),
            qrels=golden(f"bright/qrels/qrels.bright-{name}.txt"),
        )
        for name in BRIGHT
    ]
    bundle = of_run(sources, Header(name="reasonir", measures=("nDCG@10", "R@100")), tmp_path / "out")
    bundle.verify()
    assert {one["name"]: round(100 * one["means"]["nDCG@10"], 3) for one in bundle.sets} == BRIGHT
    # Ids with blanks are whole: a perfect order of the first 100 reaches all that was retrieved.
    assert any(" " in id_ for scored in bundle.run("stackoverflow").values() for id_, _ in scored)
    for row in bundle.topics:
        assert row.values["nDCG@10"] <= row.ceiling["100"] + 1e-12
        assert (row.values["R@100"] == 0.0) == (row.ceiling["100"] == 0.0)


def test_a_topic_that_the_run_lacks_counts_nothing(tmp_path: Path) -> None:
    bundle = of_run(
        [
            RunFiles(
                name="trec",
                run=golden("trec_eval/results.trunc"),
                qrels=golden("trec_eval/qrels.test"),
            )
        ],
        Header(name="trunc"),
        tmp_path / "out",
    )
    assert bundle.manifest["means"]["topics"]["nDCG@10"] == pytest.approx(0.1717, abs=5e-5)
    assert sum(row.missing for row in bundle.topics) == 1


def test_the_dropped_topic_explains_the_change_of_the_reference_tools_own_runs(tmp_path: Path) -> None:
    qrels = golden("trec_eval/qrels.test")
    bundles = []
    for name in ("results.test", "results.trunc"):
        source = RunFiles(name="trec", run=golden(f"trec_eval/{name}"), qrels=qrels)
        bundles.append(of_run([source], Header(name=name), tmp_path / name))
    found = compare(bundles[0], bundles[1], samples=100)
    assert found.change == pytest.approx(0.1717 - 0.3016, abs=1e-4)
    assert found.causes[0].name == "missing topics"


def test_judgements_taken_out_of_a_published_set(tmp_path: Path) -> None:
    """Some topics lose all of theirs, and are in one bundle alone: the run is the same, so judgements are the only cause."""
    run, judged = golden("bright/runs/economics.reasonir_gpt4cot_top100.txt.gz"), golden("bright/qrels/qrels.bright-economics.txt")
    fewer = tmp_path / "fewer.qrels"
    fewer.write_text("".join(line for at, line in enumerate(judged.read_text().splitlines(keepends=True)) if at % 3))
    bundles = [
        of_run([RunFiles(name="economics", run=run, qrels=qrels)], Header(name=qrels.stem), tmp_path / qrels.stem)
        for qrels in (judged, fewer)
    ]
    assert len(bundles[1].topics) < len(bundles[0].topics)
    found = compare(bundles[0], bundles[1], samples=100)
    assert [cause.name for cause in found.causes] == ["qrels"]
    assert found.causes[0].effect == pytest.approx(found.change)


def test_packed_files_and_the_order_of_their_lines(tmp_path: Path) -> None:
    source = files(tmp_path, "q Q0 b 1 1.0 t\nq Q0 a 2 1.0 t\nz Q0 a 1 1 t\n", "q 0 a 1\nr 0 a 1\n")
    packed = tmp_path / "a.run.gz"
    packed.write_bytes(gzip.compress(source.run.read_bytes()))
    one = of_run([source], Header(name="x"), tmp_path / "one")
    two = of_run([RunFiles(name="s", run=packed, qrels=source.qrels)], Header(name="x"), tmp_path / "two")
    assert one.id == two.id
    assert one.run("s") == {"q": (("b", 1.0), ("a", 1.0))}
    assert (one.by_key["s", "q"].tied, one.by_key["s", "r"].missing) == (True, True)
    assert one.manifest["notes"] == ["s: 1 topics of the run have no judgements and were left out"]
    assert named_after(packed).name == "a.run"


def test_what_can_not_be_scored_is_refused(tmp_path: Path) -> None:
    good = files(tmp_path, "q Q0 a 1 1.0 t\n", "q 0 a 1\n")
    with pytest.raises(InputError, match="no run is given"):
        of_run([], Header(name="x"), tmp_path / "out")
    with pytest.raises(SettingsError, match="unknown"):
        of_run([good], Header(name="x", measures=("nDGC",)), tmp_path / "out")
    with pytest.raises(InputError, match=r"a.run: line 1"):
        of_run([files(tmp_path, "q a 1\n", "q 0 a 1\n")], Header(name="x"), tmp_path / "out")
    with pytest.raises(InputError, match="no topic in common"):
        of_run([files(tmp_path, "z Q0 a 1 1.0 t\n", "q 0 a 1\n")], Header(name="x"), tmp_path / "out")
    with pytest.raises(InputError, match="no topic in it"):
        of_run([files(tmp_path, "\n", "q 0 a 1\n")], Header(name="x"), tmp_path / "out")
    with pytest.raises(InputError, match="no judgements in it"):
        of_run([files(tmp_path, "q Q0 a 1 1.0 t\n", "\n")], Header(name="x"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
