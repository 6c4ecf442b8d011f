"""Suites: every declaration reads, files are found in the layouts they come in, and whatever is not as declared is said."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.suites.declared import SUITES, folder_suite, read_suite, suite, suite_or_folder
from app.ranking.evaluation.suites.load import load
from app.ranking.evaluation.suites.places import find
from app.ranking.evaluation.suites.values import Place, TestCollection

DECLARED = '[[sets]]\nname = "one"\ntopics = 2\n'


def lines_of(run: dict[str, list[str]], tag: str = "x") -> str:
    """A run with falling scores."""
    return "".join(f"{topic} Q0 {id_} {rank} {10 - rank} {tag}\n" for topic, ids in run.items() for rank, id_ in enumerate(ids, start=1))


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """A folder in BEIR's layout with what published ones have: ids with blanks, exclusions, N/A for none."""
    topics = [
        {"_id": "q1", "text": "why?", "excluded_ids": ["N/A"]},
        {"_id": "q2", "text": "how?", "excluded_ids": ["a b/c.txt", "gone"]},
    ]
    return written(
        tmp_path / "mine",
        {
            "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\ta b/c.txt\t1\nq2\td3\t2\n",
            "queries.jsonl": "".join(json.dumps(topic) + "\n" for topic in topics),
            "corpus.jsonl": "".join(json.dumps({"_id": id_, "text": id_}) + "\n" for id_ in ("a b/c.txt", "d2", "d3")),
            "first.run": lines_of({"q1": ["d2", "a b/c.txt", "d3"], "q2": ["a b/c.txt", "d3", "d2"], "q9": ["d2"]}),
        },
    )


def only(folder: Path, **place: Any) -> TestCollection:
    (found,) = load(folder_suite(folder), Place(data=folder, **place))
    return found


def said(collection: TestCollection) -> str:
    return "\n".join(collection.notes)


# Declarations.


@pytest.mark.parametrize("name", SUITES)
def test_every_declaration_reads(name: str) -> None:
    one = suite(name)
    assert one.name == name and one.sets and one.primary in one.measures
    assert one.title and one.about and one.source and (one.licence or name == "demo")
    assert all(each.topics and each.label and each.licence for each in one.sets)
    assert name == "demo" or one.download


@pytest.mark.parametrize(("name", "sets", "topics"), [("bright", 12, 1384), ("r2med", 8, 876), ("bright-long", 8, 861), ("beir", 7, 1476)])
def test_sizes_are_the_published_ones(name: str, sets: int, topics: int) -> None:
    assert (len(suite(name).sets), sum(one.topics or 0 for one in suite(name).sets)) == (sets, topics)


def test_unseen_are_the_sets_without_a_training_set_of_their_source() -> None:
    assert {one.name for one in suite("bright").sets if not one.in_source} == {"psychology", "pony", "aops"}
    assert not any(one.in_source for one in suite("r2med").sets)


def test_the_passage_rule_is_that_of_the_official_code() -> None:
    assert {name: suite(name).passage_tokens for name in ("bright", "r2med", "beir", "dl19", "dl20", "demo")} == {
        "bright": 512,
        "r2med": 512,
        "beir": 100,
        "dl19": 100,
        "dl20": 100,
        "demo": None,
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name = ", "is not TOML"),
        ('name = "x"\ntitle = "X"\n', "has no 'sets'"),
        ('name = "x"\ntitle = "X"\nspeed = 3\n' + DECLARED, r"keys \['speed'\] are unknown"),
        ('name = "x"\ntitle = "X"\n' + DECLARED + DECLARED, "names a set twice"),
        ('name = "x"\ntitle = "X"\n[[sets]]\ntitle = "no name"\n', "has no 'name'"),
        ('name = "x"\ntitle = "X"\n' + DECLARED + 'hashes = { qrels = "abc" }\n', "no sha256"),
        ('name = "x"\ntitle = "X"\n[files]\nrerun = ["a"]\n' + DECLARED, r"keys \['rerun'\] are unknown"),
    ],
)
def test_a_wrong_declaration_is_named(text: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        read_suite(text)


def test_an_unknown_suite_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'brigth' is unknown: use bright, .*noveleval, demo"):
        suite_or_folder("brigth")
    with pytest.raises(InputError, match="has no qrels: BEIR's layout is"):
        suite_or_folder(str(tmp_path))


# A folder.


def test_a_folder_is_read_whole(beir: Path) -> None:
    found = only(beir)
    assert found.qrels == {"q1": {"a b/c.txt": 1}, "q2": {"d3": 2}}
    assert found.run["q1"] == (("d2", 9.0), ("a b/c.txt", 8.0), ("d3", 7.0))
    assert found.topics["q1"].text == "why?" and found.topics["q1"].excluded == frozenset()
    assert found.corpus == beir / "corpus.jsonl" and found.has_texts
    assert found.hashes["qrels"] == hashlib.sha256((beir / "qrels/test.tsv").read_bytes()).hexdigest()
    assert found.domains == {"q1": "mine", "q2": "mine"} and "q9" not in found.run


def test_excluded_passages_are_taken_out_and_scored_as_absent(beir: Path) -> None:
    found = only(beir)
    assert [id_ for id_, _ in found.run["q2"]] == ["d3", "d2"]
    assert "a b/c.txt" not in found.scores["q2"]
    assert "1 candidates of 1 topics are excluded by their topics: taken out and scored as absent" in said(found)


def test_exclusions_of_a_file_count_too_and_may_hit_what_is_relevant(beir: Path) -> None:
    (beir / "excluded.txt").write_text("q1 a b/c.txt\nq1 N/A\n\n")
    found = only(beir)
    assert [id_ for id_, _ in found.run["q1"]] == ["d2", "d3"]
    assert "2 candidates of 2 topics are excluded" in said(found)
    assert "1 topics exclude a passage that is judged relevant" in said(found)


def test_the_depth_is_cut_after_exclusions_and_the_limit_is_said(beir: Path) -> None:
    found = only(beir, depth=2, limit=1)
    assert {topic: [id_ for id_, _ in order] for topic, order in found.run.items()} == {"q1": ["d2", "a b/c.txt"]}
    assert list(found.qrels) == ["q1"] and "only the first 1 of 2 topics" in said(found)
    assert [id_ for id_, _ in only(beir, depth=2).run["q2"]] == ["d3", "d2"]


def test_what_a_run_lacks_or_has_out_of_order_is_said(beir: Path) -> None:
    (beir / "first.run").write_text("q1 Q0 d2 1 1.0 x\nq1 Q0 d3 2 5.0 x\n")
    found = only(beir)
    assert found.run == {"q1": (("d3", 5.0), ("d2", 1.0))}
    assert "1 of 2 topics have no candidate in the first-stage run and count 0 (q2)" in said(found)
    assert "1 topics of the first-stage run are not listed by falling score" in said(found)


def test_equal_scores_stay_as_the_file_has_them(beir: Path) -> None:
    (beir / "first.run").write_text("q1 Q0 d2 1 1 x\nq1 Q0 a b/c.txt 2 1 x\nq1 Q0 d3 3 1 x\n")
    assert [id_ for id_, _ in only(beir).run["q1"]] == ["d2", "a b/c.txt", "d3"]


def test_without_topics_or_texts_no_model_can_be_asked(beir: Path) -> None:
    (beir / "corpus.jsonl").unlink()
    assert "there is no corpus" in said(only(beir)) and not only(beir).has_texts
    (beir / "queries.jsonl").unlink()
    assert "there is no file of topics" in said(only(beir)) and only(beir).topics["q1"].text == ""


def test_a_topic_without_text_is_counted(beir: Path) -> None:
    (beir / "queries.jsonl").write_text('{"_id": "q1", "text": "why?"}\n')
    assert "1 of 2 topics have no text (q2)" in said(only(beir))


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("first.run", "q1 Q0 d2 1 2.0 x\nq1 Q0 d3 two 1.0 x\n", "first.run: line 2: is no run line"),
        ("first.run", "q1 Q0 d2 1 2.0 x\nq1 Q0 d2 2 1.0 x\n", "first.run: line 2: passage 'd2' comes twice"),
        ("first.run", "", "first.run: it names no topic"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td2\tmany\n", "test.tsv: line 2: is no BEIR qrels line"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n", "test.tsv: it has no judgement"),
        ("excluded.txt", "q1 d2\nq1\n", "excluded.txt: line 2: is no exclusion"),
        ("queries.jsonl", '{"_id": "q1", "text": "a"}\n{"_id": 3\n', "queries.jsonl: line 2: is not JSON"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(beir: Path, name: str, text: str, where: str) -> None:
    (beir / name).write_text(text)
    with pytest.raises(InputError, match=where):
        only(beir)


def test_of_several_runs_one_has_to_be_chosen(beir: Path) -> None:
    (beir / "bm25.run").write_text(lines_of({"q1": ["d3"]}))
    with pytest.raises(InputError, match=r"2 files would do as run of mine \(bm25.run, first.run\): choose one with --retriever"):
        only(beir)
    assert [id_ for id_, _ in only(beir, retriever="BM25").run["q1"]] == ["d3"]


def test_a_single_run_may_be_named_itself(beir: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.txt"
    other.write_text(lines_of({"q1": ["d3"]}))
    assert [id_ for id_, _ in only(beir, retrieval=other).run["q1"]] == ["d3"]
    with pytest.raises(InputError, match="is one run and suite 'bright' has 12 sets"):
        load(suite("bright"), Place(data=beir, retrieval=other))


@pytest.mark.parametrize(
    "run",
    [
        '[{"qid": "q1", "query": "why?", "docids": ["d2", "d3"]}]',
        '[{"qid": "q1", "docids": ["d3", "d2"], "scores": [1.0, 2.0]}]',
        '[{"query": "why?", "hits": [{"qid": "q1", "docid": "d2", "score": 1.0}, {"qid": "q1", "docid": "d3", "score": 0.5}]}]',
    ],
)
def test_runs_in_json_are_read(beir: Path, tmp_path: Path, run: str) -> None:
    (tmp_path / "data.json").write_text(run)
    assert [id_ for id_, _ in only(beir, retrieval=tmp_path / "data.json").run["q1"]] == ["d2", "d3"]


def test_a_run_in_json_that_is_none_is_refused(beir: Path, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('[{"qid": "q1"}]')
    with pytest.raises(InputError, match="data.json: a run in JSON must be a list of"):
        only(beir, retrieval=tmp_path / "data.json")


@pytest.mark.parametrize(
    "qrels",
    [
        '{"q1": {"d2": 1}, "q2": {"d3": 2}}',
        '{"q_id": "q1", "p_id": "d2", "score": 1}\n{"q_id": "q2", "p_id": "d3", "score": 2}\n',
        "q1 0 d2 1\nq2 0 d3 2\n",
    ],
)
def test_qrels_in_every_shape(beir: Path, qrels: str) -> None:
    (beir / "qrels/test.tsv").write_text(qrels)
    assert only(beir).qrels == {"q1": {"d2": 1}, "q2": {"d3": 2}}


# Named suites: layouts, hashes, counts.


@pytest.mark.parametrize(
    ("qrels", "run"),
    [
        ("qrels/qrels.bright-theoremqa-theorems.txt", "theoremqa_theorems.reasonir_top100.txt"),
        ("qrels/theoremqa_theorems.tsv", "theoremqa_theorems/reasonir_top100.txt"),
        ("theoremqa_theorems/qrels/test.tsv", "runs/theoremqa_theorems/reasonir_top100.txt"),
        ("bright/qrels/qrels.bright-theoremqa-theorems.txt", "bright/runs/theoremqa-theorems.run"),
        ("theoremqa_theorems.qrels", "run.bright-theoremqa-theorems.bm25.txt"),
    ],
)
def test_layouts_that_people_have(tmp_path: Path, qrels: str, run: str) -> None:
    written(tmp_path, {qrels: "t 0 d 1\n", run: lines_of({"t": ["d", "e"]}), "qrels/biology.tsv": "t 0 d 1\n"})
    (found,) = load(suite("bright"), Place(data=tmp_path))
    assert (found.name, found.qrels, len(found.run["t"])) == ("theoremqa_theorems", {"t": {"d": 1}}, 2)


def test_a_packed_run_is_known_by_its_unpacked_hash(tmp_path: Path) -> None:
    text = lines_of({"t": ["d"]})
    written(tmp_path, {"biology.qrels": "t 0 d 1\n"})
    (tmp_path / "biology.a.txt.gz").write_bytes(gzip.compress(text.encode()))
    (found,) = load(suite("bright"), Place(data=tmp_path))
    assert found.hashes["run"] == hashlib.sha256(text.encode()).hexdigest()


def test_counts_and_hashes_that_are_not_the_declared_ones_are_said(tmp_path: Path) -> None:
    written(tmp_path, {"biology.qrels": "t 0 d 1\n", "biology.a.txt": lines_of({"t": ["d"]})})
    (found,) = load(suite("bright"), Place(data=tmp_path))
    notes = said(found)
    assert "biology: the qrels have 1 topics where 103 are expected: numbers can't be compared with published ones" in notes
    assert "biology: the qrels file is not the known one (sha256 " in notes and "instead of 6f4a69cef1a7" in notes
    assert "biology: the first-stage run is not the published one" in notes
    assert "11 of 12 sets are left out: economics, earth_science" in notes


def test_nothing_at_all_says_what_to_get_and_how_to_lay_it_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing of suite 'r2med' is in .*R2MED/Biology.*--download.*r2med_Biology/qrels.json") as error:
        load(suite("r2med"), Place(data=tmp_path))
    assert "github.com/8421BCD/ReasonRank" in str(error.value)
    with pytest.raises(InputError, match="needs --data and --retrieval"):
        load(suite("r2med"), Place())
    with pytest.raises(InputError, match="is no folder"):
        load(suite("r2med"), Place(data=tmp_path / "nowhere"))


def test_long_and_mended_judgements_are_never_taken_from_the_short_ones(tmp_path: Path) -> None:
    files = {"qrels.bright-biology.txt": "t 0 d 1\nu 0 d 1\n", "biology.a.txt": lines_of({"t": ["d"], "u": ["d"]})}
    written(tmp_path, files)
    for name in ("bright-long", "bright-fixed"):
        with pytest.raises(InputError, match=f"nothing of suite '{name}'"):
            load(suite(name), Place(data=tmp_path))
    written(tmp_path, {"fixed/qrels.bright-biology.txt": "t 0 d 0\nt 0 e 1\nu 0 d 1\n"})
    (found,) = load(suite("bright-fixed"), Place(data=tmp_path))
    assert found.qrels["t"] == {"d": 0, "e": 1}
    assert "judgements differ from those of bright on 1 of 2 topics (2 are new or changed, 1 gone)" in said(found)


def test_a_licence_or_a_file_of_topics_is_no_run(tmp_path: Path) -> None:
    written(tmp_path, {"qrels.dl19-passage.txt": "t 0 d 1\n", "topics.dl19-passage.txt": "t\tx\n", "a-dl19.run": lines_of({"t": ["d"]})})
    one = suite("dl19").sets[0]
    assert find(suite("dl19"), one, "run", Place(data=tmp_path)) == tmp_path / "a-dl19.run"


# The demo.


@pytest.mark.oracle
def test_the_demo_needs_nothing_and_leaves_the_sealed_split_alone() -> None:
    from app.ranking.retrieval.demo import load_demo

    train, dev = load(suite("demo"), Place(limit=3))
    assert (train.name, train.in_source, dev.name, dev.in_source) == ("train", True, "dev", False)
    sealed = set(load_demo().qrels["sealed"])
    assert len(train.topics) == len(dev.topics) == 3 and not sealed & {*train.topics, *dev.topics}
    assert all(len(order) == 100 for order in train.run.values())
    assert train.passages is not None and all(id_ in train.passages for order in train.run.values() for id_, _ in order)
    assert set(train.domains) == set(train.topics) and all(train.domains.values())
    assert "sealed split is left out" in suite("demo").note
    assert all(train.hashes.values())
