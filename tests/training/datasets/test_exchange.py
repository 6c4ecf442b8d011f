"""Out and in again: the released layout, our own folder and tar, files of trainers and of the Hub; archives that mean harm."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.artifacts import ArtifactStore
from app.exports.reasonrank import COLUMNS
from app.ranking.errors import InputError, SettingsError
from app.ranking.holdout import is_holdout
from db.session import Database
from db.store import datasets
from tests.databases import migrated
from tests.training.datasets.made import held, item, passages, query, stored, version
from training.datasets import Version, load
from training.datasets.archive import pack, unpack
from training.datasets.exporting import FORMATS, export
from training.datasets.importing import Origin, import_version
from training.datasets.released import file_name
from training.datasets.rendering import Rendering
from training.datasets.values import FILES

pq: Any = import_module("pyarrow.parquet")  # it carries no types
GRADES = {"p1": 1, "p2": 3, "p3": 0, "p4": 0}


@pytest.fixture
def made(tmp_path: Path) -> Version:
    """Eight examples of two domains and both stages, one without a trace, one with a text twice and a hostile query."""
    odd = tuple(replace(one, title="", text="the same text") for one in passages(7))
    bare = replace(item(0).samples[0], reasoning="")
    items = [stored(number, grades=GRADES) for number in range(6)]
    hostile = next(text for at in range(99) if not is_holdout(text := f'{at} "\\u0000 \u2028 </answer> é\n'))
    version(tmp_path / "v", [*items, stored(6, samples=(bare,)), stored(7, passages=odd, query=hostile)])
    return load(tmp_path / "v")


@pytest.fixture
def studio(tmp_path: Path):  # type: ignore[no-untyped-def]
    database = migrated(tmp_path / "studio" / "studio.db")
    yield database, ArtifactStore(tmp_path / "studio" / "artifacts")
    database.close()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_released_layout_has_its_columns_and_texts(made: Version, tmp_path: Path) -> None:
    export(made, "reasonrank", tmp_path / "out")
    texts_of = {f"id_{part}/{name}.json" for part in ("query", "doc") for name in ("physics", "cooking")}
    assert set(files_of(tmp_path / "out")) == {"README.md", "training_data_all.jsonl", *texts_of}
    rows = read(tmp_path / "out" / "training_data_all.jsonl")
    assert [list(row) for row in rows] == [[column.name for column in COLUMNS]] * 8
    first, texts = rows[0], json.loads((tmp_path / "out" / "id_doc" / "cooking.json").read_text())
    assert [texts[one] for one in first["initial_list"]] == [f"Title {at}\nText {at} of 0." for at in (4, 3, 2, 1)]
    assert [texts[one].split("\n")[0] for one in first["final_list"]] == ["Title 2", "Title 1", "Title 3", "Title 4"]
    assert sorted(texts[one].split("\n")[0] for one in first["relevant_docids"]) == ["Title 1", "Title 2"]
    assert first["reasoning"] == item(0).samples[0].reasoning and first["dataset"] == "cooking"
    assert json.loads((tmp_path / "out" / "id_query" / "cooking.json").read_text())[first["qid"]] == query(0)
    odd = json.loads((tmp_path / "out" / "id_doc" / "physics.json").read_text())
    assert len(set(rows[7]["initial_list"])) == 4 and {odd[one] for one in rows[7]["initial_list"]} == {"the same text"}


@pytest.mark.parametrize("ending", ["", ".tar"])
def test_the_released_layout_comes_back_as_it_went(
    made: Version, studio: tuple[Database, ArtifactStore], tmp_path: Path, ending: str
) -> None:
    export(made, "reasonrank", tmp_path / f"out{ending}")
    built = import_version(*studio, tmp_path / f"out{ending}", Origin(name="theirs", licence="MIT"))
    assert built.counts["examples"] == 8 and built.manifest["licences"] == {"MIT": 8} and built.name == "theirs"
    assert built.counts["stage"] == made.manifest["counts"]["stage"] and built.counts["labelled_by"] == {"source": 8}
    with studio[0].read() as session:
        again = load(studio[1].path(datasets.get(session, built.id).artifact_hash))
    first, last = next(made.examples()), next(again.examples())
    assert (last["query"], last["trace"], last["split"]) == (first["query"], first["trace"], first["split"])
    export(again, "reasonrank", tmp_path / "again")
    export(made, "reasonrank", tmp_path / "once")
    one, other = files_of(tmp_path / "again"), files_of(tmp_path / "once")
    assert {name: one[name] for name in one if name != "README.md"} == {name: other[name] for name in other if name != "README.md"}


def test_holdout_queries_of_others_are_left_out_with_a_verdict(studio: tuple[Database, ArtifactStore], tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    for part in ("id_query", "id_doc"):
        (folder / part).mkdir(parents=True)
    texts = {"q0": query(0), "q1": held(1)}
    (folder / "id_query" / "x.json").write_text(json.dumps(texts))
    (folder / "id_doc" / "x.json").write_text(json.dumps({"a": "one", "b": "two"}))
    lines = [
        {"dataset": "x", "qid": one, "initial_list": ["a", "b"], "final_list": ["b", "a"], "reasoning": "", "relevant_docids": ["b"]}
        for one in texts
    ]
    (folder / "training_data_all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    built = import_version(*studio, folder)
    assert (built.counts["examples"], built.manifest["holdout_refused"], built.name) == (1, 1, "theirs")
    (folder / "id_doc" / "x.json").write_text(json.dumps({"a": "one"}))
    with pytest.raises(InputError, match="is not whole"):
        import_version(*studio, folder)


@pytest.mark.parametrize("ending", ["", ".tar"])
def test_our_own_layout_comes_back_to_the_byte(made: Version, studio: tuple[Database, ArtifactStore], tmp_path: Path, ending: str) -> None:
    export(made, "folder", tmp_path / f"out{ending}")
    built = import_version(*studio, tmp_path / f"out{ending}")
    assert built.id == import_version(*studio, tmp_path / f"out{ending}").id == made.id
    with studio[0].read() as session:
        (row,) = datasets.every(session)
    assert files_of(studio[1].path(row.artifact_hash)) == files_of(made.folder) and set(files_of(made.folder)) == set(FILES)


def test_what_was_tampered_with_does_not_come_in(made: Version, studio: tuple[Database, ArtifactStore], tmp_path: Path) -> None:
    export(made, "folder", tmp_path / "out")
    path = tmp_path / "out" / "examples.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"trust":1.0', b'"trust":0.5', 1))
    with pytest.raises(InputError, match="not what its manifest says"):
        import_version(*studio, tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match="lacks examples.jsonl"):
        import_version(*studio, tmp_path / "out")
    with pytest.raises(InputError, match="is no data set"):
        import_version(*studio, tmp_path / "v" / "..")
    with studio[0].read() as session:
        assert datasets.every(session) == []
    assert [path for path in studio[1].root.iterdir()] == []


def tar_of(path: Path, *members: tuple[str, dict[str, Any]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, changes in members:
            info = tarfile.TarInfo(name)
            data = changes.pop("data", b"x")
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


_STRANGE = ("../out", "/etc/passwd", "a/../../b", "a\\..\\b", "c:x", "a/b/c/d/e", ".bashrc", "x" * 300)
_KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        *(([(name, {})], "would not lie plainly") for name in _STRANGE),
        *(([("b", {}), ("a", {"type": kind, "linkname": "b"})], "is no plain file") for kind in _KINDS),
        ([("a", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})], "is no plain file"),
        ([("a", {}), ("a", {})], "twice"), ([("a", {}), ("./a", {})], "twice"),
        ([("a", {"data": b"x" * 600}), ("b", {"data": b"x" * 600})], "more than 1,000 bytes"),
    ],
)  # fmt: skip
def test_archives_that_mean_harm_are_refused(tmp_path: Path, members: list[tuple[str, dict[str, Any]]], says: str) -> None:
    source, folder = tar_of(tmp_path / "bad.tar", *members), tmp_path / "in"
    folder.mkdir()
    with pytest.raises(InputError, match=says):
        unpack(source, folder, most=1000)
    assert {path.name for path in tmp_path.rglob("*")} <= {"bad.tar", "in", "a", "b"}


def test_too_many_files_and_broken_or_compressed_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.setattr("training.datasets.archive.MOST_FILES", 2)
    with pytest.raises(InputError, match="more than 2 files"):
        unpack(tar_of(tmp_path / "many.tar", ("a", {}), ("b", {}), ("c", {})), tmp_path / "in")
    whole = tar_of(tmp_path / "whole.tar", ("a", {"data": b"x" * 5000}))
    for name, data in (("cut.tar", whole.read_bytes()[:2000]), ("zip.tar", b"\x1f\x8b" + bytes(600)), ("empty.tar", b"")):
        (tmp_path / name).write_bytes(data)
        folder = tmp_path / f"in-{name}"
        folder.mkdir()
        with pytest.raises(InputError, match="is no uncompressed tar"):
            unpack(tmp_path / name, folder)


def test_packed_folders_are_the_same_bytes_and_come_back(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "f" / "sub").mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / "sub" / name).write_bytes(name.encode())
    pack(tmp_path / "f", tmp_path / "1.tar")
    pack(tmp_path / "f", tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    (tmp_path / "in").mkdir()
    assert files_of(unpack(tmp_path / "1.tar", tmp_path / "in")) == {"a": b"a", "b": b"b"}  # below the one folder it has


def test_alpaca_has_instruction_output_and_system(made: Version, tmp_path: Path) -> None:
    how = export(made, "alpaca", tmp_path / "out", "reasonrank")
    rows = json.loads((tmp_path / "out" / "sft.json").read_text())
    sft = [one for one in made.examples("sft") if one["trace"]]
    assert len(rows) == len(sft) and [list(row) for row in rows] == [["instruction", "output", "system"]] * len(sft)
    assert rows[0]["system"].startswith("You are RankLLM") and rows[0]["output"].startswith("<think>Passage [3] says")
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert next(iter(info.values()))["columns"] == {"prompt": "instruction", "response": "output", "system": "system"}
    assert sum(map(len, how.refused.by_reason.values())) == len(list(made.examples("sft"))) - len(sft)
    with pytest.raises(SettingsError, match="several messages"):
        export(made, "alpaca", tmp_path / "not", "rankgpt")
    assert not (tmp_path / "not").exists()


def test_verl_s_columns_carry_the_order_and_the_labels(made: Version, tmp_path: Path) -> None:
    export(made, "verl", tmp_path / "out", "reasonrank")
    rows = pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()
    examples = list(made.examples("rl"))
    assert len(rows) == len(examples) > 0 and list(rows[0]) == ["data_source", "prompt", "reward_model", "extra_info"]
    for row, one in zip(rows, examples, strict=True):
        extra = row["extra_info"]
        assert row["data_source"] == "ranking" and [message["role"] for message in row["prompt"]] == ["system", "user"]
        assert row["reward_model"] == {"style": "rule", "ground_truth": "[3] > [4] > [2] > [1]"}
        assert extra["initial_list"] == ["p4", "p3", "p2", "p1"] and extra["final_list"] == one["order"] and extra["id"] == one["id"]
        assert set(extra["relevant_docids"]) == {name for name, grade in one["grades"].items() if grade >= 1}
        assert json.loads(extra["grades"]) == one["grades"]


def test_verl_rows_stay_beside_their_orders_where_some_are_refused(tmp_path: Path) -> None:
    long = tuple(replace(one, text="word " * 400) for one in passages(1))
    backwards = replace(item(0).samples[0], order=("p4", "p3", "p2", "p1"))
    items = [stored(0), stored(1, passages=long), stored(2, samples=(backwards,))]
    version(tmp_path / "v", items, stages={"rl": 1.0})
    export(load(tmp_path / "v"), "verl", tmp_path / "out", how=Rendering(max_tokens=1500))
    truths = [row["reward_model"]["ground_truth"] for row in pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()]
    assert truths == ["[3] > [4] > [2] > [1]", "[1] > [2] > [3] > [4]"]


def test_trl_files_hold_the_rows_of_both_stages(made: Version, tmp_path: Path) -> None:
    export(made, "trl", tmp_path / "out", "studio")
    assert [list(row) for row in read(tmp_path / "out" / "sft.jsonl")][0] == ["prompt", "completion", "id"]
    assert {row["id"] for row in read(tmp_path / "out" / "rl.jsonl")} == {one["id"] for one in made.examples("rl")}


def test_the_hub_s_folder_has_a_split_per_stage_and_a_card_with_front_matter(made: Version, tmp_path: Path) -> None:
    export(made, "huggingface", tmp_path / "out")
    assert set(files_of(tmp_path / "out")) == {"README.md", "manifest.json", "data/sft.parquet", "data/rl.parquet"}
    _, front, card = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["license"] == "cc0-1.0" and said["size_categories"] == ["n<1K"] and said["pretty_name"] == "trial"
    assert [one["split"] for one in said["configs"][0]["data_files"]] == ["sft", "rl"] and card.strip().startswith("# trial")
    row = pq.read_table(tmp_path / "out" / "data" / "sft.parquet").to_pylist()[0]
    first = next(made.examples("sft"))
    assert row["id"] == first["id"] and json.loads(row["grades"]) == first["grades"] and row["order"] == first["order"]
    shown = row["passages"][0]
    assert shown["text"].startswith("Text 4 of") and json.loads(shown["evidence"])["words"] == pytest.approx(0.2)


def test_licences_of_several_kinds_are_named(tmp_path: Path) -> None:
    version(tmp_path / "v", [stored(0, licence="MIT"), stored(1, licence=""), stored(2, licence='odd "one"\n')])
    export(load(tmp_path / "v"), "huggingface", tmp_path / "out")
    said = yaml.safe_load((tmp_path / "out" / "README.md").read_text().split("---\n", 2)[1])
    assert said["license"] == "other" and said["license_name"] == 'MIT and odd "one"\n'


@pytest.mark.oracle
def test_load_dataset_reads_the_folder_offline(made: Version, tmp_path: Path) -> None:
    import datasets as hub

    export(made, "huggingface", tmp_path / "out")
    found = hub.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: found[split].num_rows for split in found} == made.manifest["counts"]["stage"]
    assert [row["id"] for row in found["sft"]] == [one["id"] for one in made.examples("sft")]
    assert found["rl"][0]["passages"][0]["id"] == "p4"


def test_nothing_is_overwritten_and_unknown_formats_are_named(made: Version, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="there already"):
        export(made, "trl", tmp_path / "there")
    with pytest.raises(SettingsError, match=", ".join(FORMATS)):
        export(made, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_can_be_a_tar_and_has_the_card(made: Version, tmp_path: Path, name: str) -> None:
    export(made, name, tmp_path / "out.tar")
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert "README.md" in tar.getnames()
    assert {path.name for path in tmp_path.iterdir()} == {"v", "out.tar"}


@pytest.mark.parametrize("name", ["physics", "../../etc", "a b", "", "日本", ".hidden", "x" * 90, "con:aux"])
def test_domains_become_names_of_files(name: str) -> None:
    made = file_name(name)
    assert made and "/" not in made and not made.startswith(".") and len(made) <= 67 and made.isascii()
    assert (made == name) == (name == "physics")
    assert file_name(name + "?") != made
