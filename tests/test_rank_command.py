"""`python -m app rank`: one query and batches, against the embedded model and a pretend server, without a process of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli import rank as rank_module
from app.cli import rank_model
from app.cli.rank_inputs import Inputs
from app.cli.rank_model import Tariff
from app.cli.rank_outputs import Outputs
from app.cli.rank_predict import must_ask, predicted_line
from app.cli.rank_report import Tally
from app.cli.rank_request import Request
from app.ranking.batch import Ranked, Topic
from app.ranking.estimate import Estimate
from app.ranking.formats.trec import read_run
from app.ranking.values import (
    PlanCost,
)
from tests.conftest import passages
from tests.openai_server import OpenAIServer

ROOT = Path(__file__).parent.parent
IDS = {"q1": ["a b/c.txt", "d2", "d3"], "q/2": ["d3", "d4", "a b/c.txt", "d5"]}


class Result:
    """A finished command: exit status, standard output and error."""

    def __init__(self, *arguments: object, input: str = "") -> None:
        done = CliRunner().invoke(cli, ["rank", *map(str, arguments)], input=input)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.status, self.out, self.err = done.exit_code, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedding model: evidence comes from words, and nothing heavy is loaded."""
    monkeypatch.setattr(rank_model, "default_embedder", lambda: None)
    monkeypatch.delenv("REASONRANK_MODELS", raising=False)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(pieces=3) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: OpenAIServer) -> Path:
    """A BEIR folder, a run, and a models file, as hostile as published ones are: CRLF, byte order marks, ids with blanks and slashes."""
    texts = [{"_id": id_, "title": "", "text": f"text of {id_}"} for id_ in ("a b/c.txt", "d2", "d3", "d4", "d5", "unused")]
    (tmp_path / "corpus.jsonl").write_text("\r\n".join(map(json.dumps, texts)))
    (tmp_path / "queries.jsonl").write_text("\ufeff" + "".join(json.dumps({"_id": id_, "text": f"why {id_}?"}) + "\r\n" for id_ in IDS))
    lines = [f"{topic} Q0 {id_} {rank} {9 - rank}.5 x" for topic, ids in IDS.items() for rank, id_ in enumerate(ids, start=1)]
    (tmp_path / "first.run.gz").write_bytes(gzip.compress("\r\n".join(lines).encode()))
    models = [f'[[model]]\nname = "{name}"\nbackend = "openai"\nmodel = "{name}"\naddress = "{server.address}"\n' for name in MODELS]
    (tmp_path / "models.toml").write_text("\n".join(models) + '[[model]]\nname = "keyed"\nbackend = "openai"\nkey_env = "NO_SUCH_KEY"\n')
    return tmp_path


MODELS = ("inline", "wrong-key", "too-short")


def batch(folder: Path, *more: object) -> tuple[object, ...]:
    """Arguments of a batch over the folder by the pretend server."""
    files = ("--run", folder / "first.run.gz", "--corpus", folder, "--models", folder / "models.toml", "--out", folder / "out.run")
    return (*files, "--model", "inline", *more)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# One query.


@pytest.fixture
def three(tmp_path: Path) -> Path:
    path = tmp_path / "three.jsonl"
    texts = {"cats/1": "Cats purr.", "b 2": "Water boils sooner on a mountain.", "x": "Water \x1b[31mis wet."}
    path.write_text("".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in texts.items()))
    return path


def test_one_query_by_the_embedded_model(three: Path) -> None:
    done = Result("--query", "Why does water boil sooner on a mountain?", "--passages", three)
    assert done.status == 0
    heading, *rows, facts, note = done.out.splitlines()
    assert heading.split() == ["rank", "id", "first", "text"]
    assert rows[0].split() == ["1", "b", "2", "2", "Water", "boils", "sooner", "on", "a", "mountain."]
    assert sorted(row.split()[0] for row in rows) == ["1", "2", "3"] and "\x1b" not in done.out
    assert facts.startswith("clean · 1 call in a depth of 1 · tokens ") and "(counted) · no request beyond the plan" in facts
    assert note.startswith("note: No embedding model is installed")


def test_one_query_as_json(three: Path, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("\ufeffWhy does water boil?\r\n")
    done = Result("--query-file", tmp_path / "q.txt", "--passages", three, "--json", "--traces", tmp_path / "t.jsonl")
    found = json.loads(done.out)
    assert found["query"] == "Why does water boil?" and found["outcome"] == "clean" and found["calls"] == 1
    assert {(item["id"], item["first_stage_rank"]) for item in found["passages"]} == {("cats/1", 1), ("b 2", 2), ("x", 3)}
    (trace,) = lines_of(tmp_path / "t.jsonl")
    assert trace["order"] == [item["id"] for item in found["passages"]] and len(trace["revision"]) >= 16
    assert trace["topic"].startswith("q") and trace["template"] == "nano"


def test_only_so_many_passages_as_the_depth_says(three: Path) -> None:
    done = Result("--query", "water", "--passages", three, "--depth", 2, "--json", "--model", "first_stage")
    assert [item["id"] for item in json.loads(done.out)["passages"]] == ["cats/1", "b 2"]
    assert "only the first 2 of 3 passages are ranked" in done.err


def test_signals_need_no_model(three: Path) -> None:
    found = json.loads(Result("--query", "sooner on a mountain", "--passages", three, "--json", "--model", "signals").out)
    assert (found["passages"][0]["id"], found["calls"], found["outcome"]) == ("b 2", 0, "clean")


# A batch.


def test_a_batch_gives_a_run_and_traces(folder: Path, server: OpenAIServer) -> None:
    done = Result(*batch(folder, "--traces", folder / "t.jsonl", "--json"))
    assert done.status == 0, done.err
    run = (folder / "out.run").read_text()
    # The server reverses what it is shown.
    assert run.splitlines()[:3] == ["q1 Q0 d3 1 3 inline", "q1 Q0 d2 2 2 inline", "q1 Q0 a b/c.txt 3 1 inline"]
    assert {topic: list(scores) for topic, scores in read_run(run).items()} == {topic: ids[::-1] for topic, ids in IDS.items()}
    traces = {line["topic"]: line for line in lines_of(folder / "t.jsonl")}
    one = traces["q/2"]
    assert (one["query"], one["order"], one["first_stage"], one["outcome"]) == ("why q/2?", IDS["q/2"][::-1], IDS["q/2"], "clean")
    assert (one["model"], one["template"], len(one["template_hash"]), one["strategy"]) == ("inline", "studio", 16, "sliding")
    assert one["strategy_args"] == {"size": 20, "step": 10, "passes": 1} and one["sampling"]["temperature"] >= 0
    (call,) = one["calls"]
    assert (call["window"], call["passages"], call["order"], call["outcome"]) == ("w1", IDS["q/2"], [3, 2, 1, 0], "clean")
    assert (call["tokens_in"], call["tokens_out"], call["counted"]) == (321, 123, True)
    assert (call["cached"], call["forced"], call["error"]) == (False, None, "")
    assert len(call["prompt_hash"]) == 64 and call["reasoning"].startswith("What would answer this?") and call["requests"] == 1
    report = json.loads(done.out)
    assert (report["topics"], report["outcomes"], report["problems"]) == (2, {"clean": 2}, {})
    assert (report["calls"], report["requests"], report["beyond_plan"]) == (2, 2, 0) and report["planned"]["calls"] == [2, 2]
    assert (report["cache"]["hits"], report["cache"]["misses"], report["cache"]["repeated_ever"]) == (0, 2, 0)
    assert (report["tokens_in"], report["tokens_out"]) == (642, 246)
    assert not list(folder.glob("*.part"))


def test_the_same_command_again_asks_nothing(folder: Path, server: OpenAIServer) -> None:
    Result(*batch(folder))
    before = (folder / "out.run").read_bytes()
    done = Result(*batch(folder, "--json"))
    report = json.loads(done.out)
    assert len(server.requests) == 2 and (folder / "out.run").read_bytes() == before
    assert (report["cache"]["hits"], report["requests"], report["tokens_in"]) == (2, 0, 0)
    assert "2 from the file of answers, 0 asked" in done.err


def test_what_failed_is_said_kept_in_first_stage_order_and_asked_again(folder: Path, server: OpenAIServer) -> None:
    for _ in range(2):
        done = Result(*batch(folder, "--model", "wrong-key", "--traces", folder / "t.jsonl"))
        assert done.status == 1 and "topics     2: 2 error" in done.err and "run the same command again" in done.err
        assert server.address not in done.err
    assert (folder / "out.run").read_text().splitlines()[0] == "q1 Q0 a b/c.txt 1 3 wrong-key+error"
    assert {line["topic"]: line["order"] for line in lines_of(folder / "t.jsonl")} == IDS
    assert {(line["outcome"], bool(line["calls"][0]["error"])) for line in lines_of(folder / "t.jsonl")} == {("error", True)}
    assert len(server.requests) == 4


def test_a_topic_that_fails_as_a_whole_is_written_and_counted(tmp_path: Path) -> None:
    topic = Topic(id="t", query="q", passages=tuple(passages(2)))
    request = Request(out=tmp_path / "o.run", traces=tmp_path / "t.jsonl", model="first_stage")
    ranked, tally = Ranked(topic=topic, error="no prompt can be made"), Tally()
    inputs = Inputs(topics=(topic,))
    with Outputs(request, rank_model.choose(request), inputs) as outputs:
        outputs.add(ranked)
        tally.add(ranked)
        outputs.finish()
    assert (tmp_path / "o.run").read_text() == "t Q0 p1 1 2 first_stage+error\nt Q0 p2 2 1 first_stage+error\n"
    (line,) = lines_of(tmp_path / "t.jsonl")
    assert (line["outcome"], line["error"], line["order"], line["calls"]) == ("error", "no prompt can be made", ["p1", "p2"], [])
    assert tally.by_outcome == {"error": 1} and tally.reasons == {"no prompt can be made": 1}


def test_a_cut_answer_is_named_in_the_tag(folder: Path) -> None:
    done = Result(*batch(folder, "--model", "too-short", "--tag", "mine", "--limit", 1))
    tags = {line.split()[-1] for line in (folder / "out.run").read_text().splitlines()}
    assert done.status == 0 and tags <= {"mine", "mine+truncated"} and set(read_run((folder / "out.run").read_text())) == {"q1"}


def test_excluded_and_missing_passages_are_left_out_and_said(folder: Path) -> None:
    topics = [{"id": "q1", "query": "why?", "excluded_ids": ["d2", "N/A"]}, {"id": "q/2", "query": "how?"}]
    (folder / "topics.jsonl").write_text("\n".join(map(json.dumps, topics)))
    (folder / "some.tsv").write_text("\n".join(f"{id_}\ttext" for id_ in ("a b/c.txt", "d2", "d3", "d4")))
    more = ("--topics", folder / "topics.jsonl", "--corpus", folder / "some.tsv", "--traces", folder / "t.jsonl")
    refused = Result(*batch(folder, *more))
    assert refused.status == 2 and "1 candidates of 1 topics have no text in the corpus, 'd5' is the first" in refused.err
    done = Result(*batch(folder, *more, "--skip-missing"))
    assert (
        done.status == 0 and "1 candidates are excluded by their topics" in done.err and "'d5' is the first: they were left out" in done.err
    )
    ranked = {topic: list(scores) for topic, scores in read_run((folder / "out.run").read_text()).items()}
    assert ranked == {"q1": ["d3", "a b/c.txt"], "q/2": ["a b/c.txt", "d4", "d3"]}
    left_out = {line["topic"]: line["left_out"] for line in lines_of(folder / "t.jsonl")}
    assert left_out == {"q1": {"missing": [], "excluded": ["d2"]}, "q/2": {"missing": ["d5"], "excluded": []}}


def test_depth_cuts_after_exclusion_and_ties_stay_as_they_stand(folder: Path) -> None:
    (folder / "tied.run").write_text("q1 Q0 d2 1 1 x\nq1 Q0 d3 2 1 x\nq1 Q0 d4 3 2 x\nq1 Q0 d5 4 0 x\n")
    Result(*batch(folder, "--run", folder / "tied.run", "--depth", 3, "--model", "first_stage"))
    assert list(read_run((folder / "out.run").read_text())["q1"]) == ["d4", "d2", "d3"]


def test_strategy_arguments_reach_the_traces(folder: Path) -> None:
    inner = '{"name": "sliding", "size": 2, "step": 1}'
    more = (
        "--strategy",
        "consensus",
        "--set",
        f"strategy={inner}",
        "--set",
        "k=3",
        "--fuse",
        0.5,
        "--traces",
        folder / "t.jsonl",
        "--limit",
        1,
    )
    done = Result(*batch(folder, *more))
    assert done.status == 0, done.err
    (line,) = lines_of(folder / "t.jsonl")
    assert line["strategy"] == "consensus" and line["strategy_args"]["k"] == 3
    assert line["strategy_args"]["strategy"] == {"name": "sliding", "size": 2, "step": 1, "passes": 1}
    assert len(line["calls"]) == 6 and line["options"]["fusion"]["weight"] == 0.5 and sorted(line["unfused"]) == sorted(IDS["q1"])
    assert set(line["intervals"]) == set(IDS["q1"])


def test_a_price_is_that_of_what_was_sent(folder: Path, server: OpenAIServer) -> None:
    entry = f'[[model]]\nname = "paid"\nbackend = "openai"\nmodel = "inline"\naddress = "{server.address}"\n'
    with (folder / "models.toml").open("a") as file:
        file.write(entry + 'price_in = 2.0\nprice_out = 10.0\ncurrency = "EUR"\n')
    report = json.loads(Result(*batch(folder, "--model", "paid", "--json")).out)
    # 642 x 2 + 246 x 10 millionths.
    assert (round(report["price"], 9), report["currency"]) == (0.003744, "EUR")
    again = Result(*batch(folder, "--model", "paid", "--json"))
    assert json.loads(again.out)["price"] == 0.0 and "price about" in again.err and "EUR" in again.err


# Before anything is asked.


def test_a_dry_run_says_the_cost_and_asks_nothing(folder: Path, server: OpenAIServer) -> None:
    done = Result(*batch(folder, "--dry-run", "--window", 3, "--step", 2))
    # 3 passages fit one window; 4 are read as [1, 4) and [0, 2), as in the official loop.
    assert done.status == 0 and done.out.startswith("2 topics: 3 calls, at most 2 after each other; 8 passages read; about ")
    assert "estimated by words" in done.out and server.requests == [] and not list(folder.glob("out*"))
    keyed = Result(*batch(folder, "--dry-run", "--model", "keyed", "--json"))
    assert json.loads(keyed.out)["calls"] == [2, 2] and "NO_SUCH_KEY is not set" in keyed.err


def test_the_prediction_in_words() -> None:
    plan = PlanCost(calls=(4, 6), depth=(2, 3), passages_read=(80, 120))
    predicted = Estimate(plan=plan, tokens_in=(10_000, 20_000), tokens_out=(1_000, 2_000), most_out=12_000, exact=True)
    said = predicted_line(predicted, 2, Tariff(tokens_in=1.0, tokens_out=10.0, currency="EUR"))
    # 10,000 x 1 + 1,000 x 10 = 20,000 millionths; 20,000 + 20,000; 20,000 + 120,000.
    assert said.endswith("counted with the model's tokenizer; price about 0.02 to 0.04 EUR, at most 0.14: an estimate, without retries")
    assert said.startswith("2 topics: 4 to 6 calls, at most 3 after each other; 80 to 120 passages read; about 10,000 to 20,000 tokens in")
    assert "price" not in predicted_line(predicted, 1, None)


def test_somebody_who_is_there_is_asked_before_money_is_spent(folder: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert must_ask(Tariff(tokens_in=1.0, currency="EUR"), yes=False)
    assert not must_ask(None, yes=False) and not must_ask(Tariff(tokens_in=1.0, currency="EUR"), yes=True)
    monkeypatch.setattr(rank_module, "must_ask", lambda price, yes: not yes)
    refused = Result(*batch(folder), input="n\n")
    assert refused.status == 2 and "nothing was asked" in refused.err and server.requests == []
    assert Result(*batch(folder), input="y\n").status == 0
    assert Result(*batch(folder, "--yes")).status == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--query", "q"), "not both"),
        (("--topics", "no.tsv"), "'no.tsv' can't be read: No such file"),
        (("--model", "gpt"), "no model is called 'gpt'"),
        (("--model", "keyed"), "the environment variable NO_SUCH_KEY is not set"),
        (("--model", "nano", "--profile", "studio"), "built in with what it is shown"),
        (("--profile", "nonsense"), "no profile 'nonsense'"),
        (("--strategy", "random"), "no strategy is called 'random'"),
        (("--set", "speed=1"), "speed"),
        (("--set", "size"), "--set 'size' sets nothing"),
        (("--window", 3, "--step", 4), "would skip passages"),
        (("--thinking", "hard"), "thinking 'hard' is unknown"),
        (("--budget", 5), "can't: leave it out"),
        (("--fuse", 2), "the weight is between 0 and 1"),
        (("--tag", "two words"), "tag 'two words' can't stand in a TREC file"),
        (("--out", "no/such/folder/x.run"), "can't be written"),
        (("--traces", "."), "can't be written"),
        (("--models", "no.toml"), "models file 'no.toml' can't be read"),
    ],
)  # fmt: skip
def test_what_can_not_be_gives_one_sentence(folder: Path, server: OpenAIServer, more: tuple[object, ...], says: str) -> None:
    done = Result(*batch(folder, *more))
    assert done.status == 2 and says in done.err and "Traceback" not in done.err and server.requests == []


def test_files_that_do_not_belong_together(folder: Path) -> None:
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": " "}\n')
    assert "1 of the run's 2 topics are not among the topics, 'q/2' is the first" in Result(*batch(folder)).err
    assert "1 of the run's 1 topics have no text, 'q1' is the first" in Result(*batch(folder, "--limit", 1)).err
    assert "no topic is left" in Result(*batch(folder, "--skip-missing")).err
    (folder / "bad.run").write_text("q1 Q0 d2 1\n")
    assert "bad.run: line 1: is no run line" in Result(*batch(folder, "--run", folder / "bad.run")).err
    (folder / "bad.run").write_text("\n")
    assert "names no topic" in Result(*batch(folder, "--run", folder / "bad.run")).err
    assert "name its file with --out" in Result("--run", folder / "first.run.gz", "--corpus", folder).err
    assert "there is nothing to rank" in Result().err
    assert "and --passages" in Result("--query", "q").err
