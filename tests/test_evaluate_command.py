"""`python -m app evaluate --suite`: first stage, headroom, models into bundles, the table beside the paper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli import rank_model
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.suites import demo
from tests.databases import migrated
from tests.goldens import golden
from tests.openai_server import OpenAIServer

# Relevant passages come last in the first stage; the pretend server turns every window round.
LISTED = {"q1": ["x 1", "y", "a b/c.txt"], "q2": ["y", "x 1", "z"]}
RELEVANT = {"q1": "a b/c.txt", "q2": "z"}


class Result:
    """A finished command: exit status, standard output and error."""

    def __init__(self, *arguments: object) -> None:
        done = CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.status, self.out, self.err = done.exit_code, done.stdout, done.stderr

    @property
    def json(self) -> Any:
        """The object on standard output."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def words_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No embedding model, no models of this machine; bundles without a name go into a folder of the test."""
    monkeypatch.setattr(rank_model, "default_embedder", lambda: None)
    monkeypatch.setattr(demo, "default_embedder", lambda: None)
    demo._index.cache_clear()
    monkeypatch.delenv("REASONRANK_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(pieces=3) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in BEIR's layout with a first stage."""
    mine = tmp_path / "mine"
    (mine / "qrels").mkdir(parents=True)
    grades = "".join(f"{topic}\t{id_}\t1\n" for topic, id_ in RELEVANT.items())
    (mine / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + grades)
    (mine / "queries.jsonl").write_text("".join(json.dumps({"_id": topic, "text": f"why {topic}?"}) + "\n" for topic in LISTED))
    ids = sorted({id_ for listed in LISTED.values() for id_ in listed})
    (mine / "corpus.jsonl").write_text("".join(json.dumps({"_id": id_, "text": f"text of {id_}"}) + "\n" for id_ in ids))
    lines = [f"{topic} Q0 {id_} {rank} {9 - rank} x" for topic, listed in LISTED.items() for rank, id_ in enumerate(listed, start=1)]
    (mine / "first.run").write_text("\n".join(lines))
    return mine


@pytest.fixture
def models(tmp_path: Path, server: OpenAIServer) -> Path:
    path = tmp_path / "models.toml"
    named = ("inline", "wrong-key")
    path.write_text(
        "".join(f'[[model]]\nname = "{one}"\nbackend = "openai"\nmodel = "{one}"\naddress = "{server.address}"\n' for one in named)
    )
    return path


# What is asked.


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say what to evaluate: a --run with --qrels, or a --suite, not both"),
        (("--suite", "demo", "--run", "x"), "not both"),
        (("--run", "x.run"), "name the file with --qrels"),
        (("--suite", "brigth"), "suite 'brigth' is unknown: use bright"),
        (("--suite", "bright"), "suite 'bright' needs --data and --retrieval"),
        (("--suite", "bright", "--download"), "--download needs a folder"),
        (("--suite", "demo", "--paper"), "nothing was published about suite 'demo'"),
        (("--suite", "demo", "--qrels", "x"), "--qrels is a flag of --run: leave it out"),
        (("--run", "x.run", "--qrels", "x", "--passage-tokens", "3"), "--passage-tokens is a flag of --suite"),
        (("--run", "x.run", "--qrels", "x", "--model", "nano"), "--model is a flag of --suite"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = Result(*arguments)
    assert done.status == 2 and sentence in done.err and not done.out
    assert len(done.err.strip().splitlines()) == 1


def test_a_run_and_judgements_go_the_other_way(folder: Path) -> None:
    done = Result("--run", folder / "first.run", "--qrels", folder / "qrels/test.tsv", "--metrics", "RR@10", "--json")
    assert done.status == 0
    assert done.json["measures"] == {"RR@10": pytest.approx(1 / 3)}


# Published rows.


def test_published_rows_need_no_data() -> None:
    done = Result("--suite", "bright", "--paper")
    assert done.status == 0
    row = next(line for line in done.out.splitlines() if line.startswith("ReasonRank 32B, w10 s5"))
    assert row.split()[-5:] == ["40.80", "40.24", "43.89", "31.53", "40.80"]
    assert "arXiv 2508.07050v3, Table 10" in done.out


def test_published_rows_as_json() -> None:
    found = Result("--suite", "r2med", "--paper", "--json").json
    row = next(one for one in found["rows"] if one["model"] == "ReasonRank 7B")
    assert (row["average"], row["values"]["Biology"], row["over"]) == (39.53, 46.80, "E5-Mistral")


# The first stage.


def test_the_first_stage_and_its_headroom(folder: Path) -> None:
    done = Result("--suite", folder)
    assert done.status == 0
    assert "mine" in done.out and "50.0 now, 100.0 with a perfect reranking of 3: reranking can win 50.0" in done.out
    assert done.out.splitlines()[2].split() == ["mine", "2", "50.00", "100.00", "33.33", "100.0"]
    assert "first stage" in done.out.split("-- ours")[1]


def test_the_first_stage_as_json(folder: Path) -> None:
    found = Result("--suite", folder, "--json", "--metrics", "RR@10").json
    (one,) = found["sets"]
    assert one["first"] == {"nDCG@10": pytest.approx(0.5), "RR@10": pytest.approx(1 / 3)}
    assert one["headroom"]["ceiling"] == {"3": 1.0} and one["n"] == 2 and len(one["hashes"]["qrels"]) == 64
    assert found["table"]["rows"][0]["means"]["sets"] == pytest.approx(50.0)
    assert found["bundles"] == [] and found["report"] is None and "topics" not in one
    (one,) = Result("--suite", folder, "--json", "--per-topic").json["sets"]
    assert one["topics"]["q1"]["RR@10"] == pytest.approx(1 / 3) and list(one["topics"]) == ["q1", "q2"]


def test_a_first_stage_is_kept_as_a_bundle_where_a_folder_is_named(folder: Path, tmp_path: Path) -> None:
    done = Result("--suite", folder, "--out", tmp_path / "first")
    assert done.status == 0 and f"bundle mine-first_stage: {tmp_path / 'first'}" in done.out
    bundle = Bundle.open(tmp_path / "first")
    assert bundle.values("nDCG@10") == pytest.approx({("mine", "q1"): 0.5, ("mine", "q2"): 0.5})
    assert bundle.manifest["suite"] == "mine" and not bundle.has_calls


# Models.


def test_a_model_is_asked_kept_and_compared(folder: Path, models: Path, tmp_path: Path, server: OpenAIServer) -> None:
    asked = ("--suite", folder, "--models", models, "--model", "inline", "--out", tmp_path / "kept")
    done = Result(*asked)
    assert done.status == 0
    assert "mine-inline" in done.out and "mine-inline against the first stage (2 topics" in done.out
    assert "inline: 2 topics: 2 calls" in done.err and "inline: 2 topics (2 clean), 2 calls, 0 of them from stored answers" in done.err
    bundle = Bundle.open(tmp_path / "kept")
    assert [call.outcome for call in bundle.calls()] == ["clean", "clean"] and bundle.manifest["model"]["name"] == "inline"
    assert len(server.bodies) == 2


def test_the_same_command_asks_nothing_twice(folder: Path, models: Path, tmp_path: Path, server: OpenAIServer) -> None:
    asked = ("--suite", folder, "--models", models, "--model", "inline", "--cache", tmp_path / "answers")
    first = Result(*asked, "--out", tmp_path / "one", "--json").json
    second = Result(*asked, "--out", tmp_path / "two", "--json").json
    assert len(server.bodies) == 2
    assert first["bundles"][0]["id"] == second["bundles"][0]["id"]
    again = Result(*asked, "--out", tmp_path / "one")
    assert again.status == 2 and "is there already and is not empty" in again.err


def test_a_dry_run_asks_nothing(folder: Path, models: Path, server: OpenAIServer) -> None:
    done = Result("--suite", folder, "--models", models, "--model", "inline", "--dry-run")
    assert done.status == 0 and "inline: 2 topics: 2 calls, at most 1 after each other" in done.out
    assert not server.bodies


def test_passages_are_cut_by_the_rule_of_the_suite(folder: Path, models: Path, server: OpenAIServer) -> None:
    long = json.dumps({"_id": "y", "text": "start " + "word " * 300 + "end"})
    texts = [long if json.loads(line)["_id"] == "y" else line for line in (folder / "corpus.jsonl").read_text().splitlines()]
    (folder / "corpus.jsonl").write_text("\n".join(texts))
    asked = ("--suite", folder, "--models", models, "--model", "inline", "--limit", 1)
    for tokens, words in ((), 302), (("--passage-tokens", 20), 20):
        done = Result(*asked, *tokens, "--json", "--quiet", "--out", f"cut-{words}")
        shown = next(line for line in server.bodies[-1]["messages"][-1]["content"].splitlines() if "start" in line)
        assert len(shown.split()) - 1 == words  # the first is its number
        assert Bundle.open(Path(done.json["bundles"][0]["folder"])).manifest["passage_tokens"] == (words if tokens else 512)


def test_topics_that_could_not_be_ranked_are_told(folder: Path, models: Path, tmp_path: Path) -> None:
    done = Result("--suite", folder, "--models", models, "--model", "wrong-key", "--out", tmp_path / "kept")
    assert done.status == 1 and "2 error" in done.err and "error: " in done.err
    assert "mine-wrong-key against the first stage" in done.out and "equal on all 2 queries" in done.out


def test_without_texts_the_first_stage_is_measured_and_the_corpus_named(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()
    done = Result("--suite", folder, "--model", "nano")
    assert done.status == 2
    assert "nano can't be asked: there are no texts of passages of mine (the first stage is measured above)" in done.err
    assert "50.0 now" in done.out


def test_a_model_that_is_not_there_is_named(folder: Path) -> None:
    done = Result("--suite", folder, "--model", "gpt-9")
    assert done.status == 2 and "gpt-9" in done.err


def test_an_evaluation_is_kept_in_the_studio(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    migrated(tmp_path / "studio" / "studio.db").close()
    done = Result("--suite", folder, "--model", "first_stage", "--out", tmp_path / "kept", "--keep", "--data-dir", tmp_path / "studio")
    assert done.status == 0 and f"kept mine-first_stage as {Bundle.open(tmp_path / 'kept').id[:12]}" in done.err
    again = Result("--suite", folder, "--keep", "--data-dir", tmp_path / "nowhere", "--out", tmp_path / "other")
    assert again.status == 2 and "there is no studio.db" in again.err


# The demo.


@pytest.mark.oracle
def test_the_demo_does_everything_on_a_fresh_clone(tmp_path: Path) -> None:
    """Shortened by two topics a split and twenty candidates; without the embedding model evidence is of words."""
    done = Result("--suite", "demo", "--limit", 2, "--depth", 20, "--json", "--quiet")
    assert done.status == 0
    found = done.json
    assert [one["name"] for one in found["bundles"]] == ["demo-first_stage", "demo-signals", "demo-nano"]
    assert [row["label"] for row in found["table"]["rows"]] == ["first stage", "demo-signals", "demo-nano"]
    report = Path(found["report"])
    assert report.is_file() and "<svg" in report.read_text()
    nano = Bundle.open(Path(found["bundles"][2]["folder"]))
    assert len(nano.topics) == 4 and all(row.outcome == "clean" and row.domain for row in nano.topics)
    assert any("sealed split is left out" in note for note in nano.manifest["notes"])


# Reference data.


def test_the_published_first_stage_scores_what_the_paper_says() -> None:
    folder = golden("bright")
    done = Result("--suite", "bright", "--data", folder, "--retrieval", folder / "runs", "--json")
    assert done.status == 0
    found = {one["name"]: round(100 * one["first"]["nDCG@10"], 2) for one in done.json["sets"]}
    assert found == {"biology": 43.49, "economics": 32.65, "stackoverflow": 30.96, "theoremqa_theorems": 36.68}
    ours = done.json["table"]["rows"][-1]
    theirs = next(row for row in done.json["table"]["rows"] if row["label"] == "ReasonIR-8B")
    assert all(round(value, 2) == theirs["values"][name] for name, value in ours["values"].items())
    text = Result("--suite", "bright", "--data", folder, "--retrieval", folder / "runs").out
    assert "economics, biology, stackoverflow, theoremqa_theorems: there is no file of topics" in text


@pytest.mark.parametrize(("name", "n", "ndcg"), [("noveleval", 21, None), ("dl19", 43, 0.5058)])
def test_other_suites_are_found_as_they_are_published(name: str, n: int, ndcg: float | None) -> None:
    folder = golden({"dl19": "dl19_replay"}.get(name, name))
    (one,) = Result("--suite", name, "--data", folder, "--json").json["sets"]
    assert one["n"] == n and (ndcg is None or one["first"]["nDCG@10"] == pytest.approx(ndcg, abs=5e-5))
