"""Bundles on the disk: the same bytes for the same rows, nothing under the name unless it is whole, and everything comes back."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import asdict
from pathlib import Path

import ir_measures
import pytest

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header, SetFiles, TopicRow
from app.ranking.evaluation.bundles.write import BundleWriter

from .made import MEASURES, SETS, header, made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    made(tmp_path / "a"), made(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    names = {"manifest.json", "topics.jsonl", "topics.csv", "calls.jsonl.gz"}
    names |= {f"{folder}/{name}.{end}" for folder, end in (("runs", "run"), ("first", "run"), ("qrels", "qrels")) for name in SETS}
    assert set(contents(tmp_path / "a")) == names


def test_the_date_is_outside_the_id_and_all_else_is_in_it(tmp_path: Path) -> None:
    plain = made(tmp_path / "a")
    later = made(tmp_path / "b", made={**header("x").made, "date": "2027-01-01"})
    others = [
        made(tmp_path / "c", seed=1),
        made(tmp_path / "d", luck=1),
        made(tmp_path / "e", made={**header("x").made, "python": "3.12.1"}),
        made(tmp_path / "f", name="other"),
    ]
    assert later.id == plain.id
    assert len({plain.id, *(one.id for one in others)}) == 5
    assert len(plain.id) == 64


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    bundle = made(tmp_path / "a")
    bundle.verify()
    assert [row.key for row in bundle.topics] == [("biology", f"b{n}") for n in range(1, 5)] + [("law", "l1"), ("law", "l2")]
    assert bundle.values("nDCG@10") == {row.key: row.values["nDCG@10"] for row in bundle.topics}
    assert [(call.key, call.number) for call in bundle.calls()] == [(row.key, number) for row in bundle.topics for number in (1, 2)]
    (first, second) = bundle.calls("law", "l2")
    assert (first.outcome, second.outcome, second.finish, second.answer) == ("clean", "truncated", "length", "")
    assert [call.topic for call in bundle.calls("law")] == ["l1", "l1", "l2", "l2"]
    assert list(bundle.calls("law", "b1")) == []
    assert [id_ for id_, _ in bundle.first("law")["l1"]] == [f"l1-p{n}" for n in range(1, 13)]
    assert bundle.qrels("law").keys() == {"l1", "l2"}
    assert bundle.run("../law") == {}
    frame = bundle.to_frame()
    assert frame.loc[("law", "l1"), "nDCG@10"] == bundle.by_key["law", "l1"].values["nDCG@10"]
    assert {"first RR@10", "ceiling 100", "outcome"} <= set(frame.columns)


def test_the_manifest_sums_up_its_rows(tmp_path: Path) -> None:
    bundle = made(tmp_path / "a")
    values = bundle.values("nDCG@10")
    biology, law = ([value for key, value in values.items() if key[0] == name] for name in SETS)
    means = bundle.manifest["means"]
    assert means["topics"]["nDCG@10"] == pytest.approx(sum(values.values()) / 6)
    assert means["sets"]["nDCG@10"] == pytest.approx((sum(biology) / 4 + sum(law) / 2) / 2)
    assert means["sets"] != means["topics"]
    assert bundle.manifest["usage"] == {
        "topics": 6, "calls": 12, "requests": 12, "tokens_in": 6 * 1003, "tokens_out": 12 * 90, "seconds": 6 * 3.75, "depth": 2,
    }  # fmt: skip
    assert bundle.manifest["outcomes"] == {"clean": 11, "truncated": 1}


@pytest.mark.oracle
def test_any_tool_can_score_the_files_of_a_bundle(tmp_path: Path) -> None:
    bundle = made(tmp_path / "a")
    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    for name in SETS:
        qrels = list(ir_measures.read_trec_qrels(str(bundle.folder / f"qrels/{name}.qrels")))
        run = list(ir_measures.read_trec_run(str(bundle.folder / f"runs/{name}.run")))
        for metric in ir_measures.iter_calc(measures, qrels, run):
            assert bundle.by_key[name, metric.query_id].values[str(metric.measure)] == pytest.approx(metric.value, abs=1e-12)


def test_ties_and_the_order_of_a_file_are_kept(tmp_path: Path) -> None:
    scored = (("b", 0.1), ("a b", 0.1), ("c", 1e-17))
    with BundleWriter(tmp_path / "a", Header(name="ties")) as writer:
        writer.add_set(SetFiles(name="s", qrels={"q": {"a b": 1}}, run={"q": scored}))
        writer.add_topic(TopicRow(set="s", topic="q"))
    assert Bundle.open(tmp_path / "a").run("s") == {"q": scored}


def test_a_target_that_is_taken_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "a")
    before = contents(tmp_path / "a")
    with pytest.raises(SettingsError, match="never written over"):
        made(tmp_path / "a", luck=1)
    assert contents(tmp_path / "a") == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="name another folder"):
        made(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    made(tmp_path / "empty").verify()


def test_a_target_that_is_taken_meanwhile_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="never written over"), BundleWriter(tmp_path / "a", Header(name="late")) as writer:
        made(tmp_path / "a")
        writer.add_set(SetFiles(name="s", qrels={}))
    assert Bundle.open(tmp_path / "a").name == "reasoned"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_nothing_is_left_of_a_writer_that_fails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="comes twice"), BundleWriter(tmp_path / "a", Header(name="twice")) as writer:
        writer.add_set(SetFiles(name="s", qrels={}))
        writer.add_topic(TopicRow(set="s", topic="q"))
        writer.add_topic(TopicRow(set="s", topic="q"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "", "a/b", ".hidden", "a\nb"])
def test_a_set_that_can_not_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can't name a file"), BundleWriter(tmp_path / "a", Header(name="x")) as writer:
        writer.add_set(SetFiles(name=name, qrels={}))


def _die_writing(target: Path) -> None:
    with BundleWriter(target, Header(name="killed")) as writer:
        writer.add_set(SetFiles(name="s", qrels={"q": {"a": 1}}))
        writer.add_topic(TopicRow(set="s", topic="q"))
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.process
def test_a_killed_writer_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_die_writing, args=(tmp_path / "a",))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
    made(tmp_path / "a").verify()


def test_what_is_no_bundle_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no bundle"):
        Bundle.open(tmp_path)
    bundle = made(tmp_path / "a")
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    (bundle.folder / "manifest.json").write_text(json.dumps({**manifest, "format": 9}))
    with pytest.raises(InputError, match="format is not 1"):
        Bundle.open(bundle.folder)
    (bundle.folder / "manifest.json").write_text(json.dumps(manifest))
    (bundle.folder / "topics.jsonl").write_text('{"set": "s"}\n')
    with pytest.raises(InputError, match="topics.jsonl: line 1 is no TopicRow"):
        Bundle.open(bundle.folder)


def test_a_bundle_that_was_changed_is_noticed(tmp_path: Path) -> None:
    bundle = made(tmp_path / "a")
    path = bundle.folder / "runs/law.run"
    path.write_text(path.read_text().replace("12.0", "13.0", 1))
    with pytest.raises(InputError, match="changed after it was made"):
        bundle.verify()


def test_text_of_models_that_no_file_can_hold_survives(tmp_path: Path) -> None:
    row = TopicRow(set="s", topic="q", query="=cmd() \ud800 \u2028", error="\ud800")
    with BundleWriter(tmp_path / "a", Header(name="odd", notes=("half \ud800",))) as writer:
        writer.add_set(SetFiles(name="s", qrels={"q": {}}))
        writer.add_topic(row)
    assert asdict(Bundle.open(tmp_path / "a").topics[0]) == asdict(row)
    assert "\n" not in (tmp_path / "a/topics.csv").read_text().split("\n", 2)[1]
    assert "'=cmd()" in (tmp_path / "a/topics.csv").read_text()
