"""Collections through a ranker into a bundle: what is kept, what is asked again after a kill, and what becomes of topics that fail."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.errors import BackendError, InputError, SettingsError
from app.ranking.evaluation import metrics
from app.ranking.evaluation.bundles.evaluating import Plain, Watching, evaluate
from app.ranking.evaluation.bundles.made_by import code_revision, made_now
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header
from app.ranking.formats.topics import read_texts
from app.ranking.fusion import Fusion
from app.ranking.prompts import prompt_hash
from app.ranking.response_cache import ResponseCache
from app.ranking.strategies import Consensus, Sliding
from app.ranking.values import Completion, Delta, Passage, Prompt, Sampling

from .test_files import contents
from .world import MEASURES, PASSAGES, TOPICS, Reacting, Settings, World


def header(**fields: object) -> Header:
    made = {"date": "2026-11-01", "commit": "c", "python": "3", "packages": {}}
    return Header(**{"name": "x", "made": made, "measures": MEASURES, **fields})  # type: ignore[arg-type]


def test_what_a_bundle_holds(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    bundle = world.evaluated(tmp_path / "out")
    bundle.verify()
    (biology, law) = world.collections()
    assert [row.key for row in bundle.topics] == [(one.name, topic) for one in (biology, law) for topic in one.qrels]
    for row in bundle.topics:
        collection = biology if row.set == "biology" else law
        run, grades = dict(bundle.run(row.set)[row.topic]), collection.qrels[row.topic]
        assert sorted(run) == sorted(id_ for id_, _ in collection.run[row.topic])
        order = list(run)
        # Strictly falling whole scores: no tool can order them otherwise.
        assert list(run.values()) == [float(score) for score in range(PASSAGES, 0, -1)]
        assert row.values["nDCG@10"] == pytest.approx(metrics.ndcg(order, grades))
        assert row.first["RR@10"] == pytest.approx(metrics.reciprocal_rank([id_ for id_, _ in collection.run[row.topic]], grades, 10))
        assert row.first["nDCG@10"] <= row.ceiling["100"] == pytest.approx(1.0)
        assert row.query == collection.topics[row.topic].text
        assert (row.calls, row.depth, row.outcomes, row.seconds) == (5, 5, {"clean": 5}, 2.5)
        assert (row.tokens_in, row.tokens_out, row.requests) == (5 * 108, 5 * 8, 5)
    manifest = bundle.manifest
    assert manifest["model"] == {"name": "reacting", "revision": "r1", "engine": {"backend": "Reacting", "exact_tokens": False}}
    assert manifest["profile"]["name"] == "plain" and len(manifest["profile"]["hash"]) == 16
    assert manifest["strategy"] == {"name": "sliding", "size": 8, "step": 4, "passes": 1}
    assert (manifest["seed"], manifest["passage_tokens"], manifest["thinking"]["mode"]) == (1, 40, "profile")
    assert manifest["outcomes"] == {"clean": 80}
    assert manifest["sets"][1]["in_source"] is True
    assert manifest["sets"][0]["headroom"]["100"] == pytest.approx(1.0)
    assert manifest["sets"][0]["hashes"] == dict(biology.hashes)


def test_calls_are_kept_as_they_were_asked(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    bundle = world.evaluated(tmp_path / "out")
    (collection, _) = world.collections()
    calls = list(bundle.calls("biology", "3"))
    assert [call.number for call in calls] == [1, 2, 3, 4, 5]
    assert calls[0].shown == tuple(id_ for id_, _ in collection.run["3"])[-8:]
    assert sorted(calls[-1].order) == sorted(calls[-1].shown)
    assert calls[-1].answer.startswith("<answer>[")
    ranking = world.ranker(Settings()).rank(collection.topics["3"].text, _passages(world, "3"))
    assert [prompt_hash(call.prompt) for call in ranking.calls] == [call.prompt_hash for call in calls]
    assert list(ranking.ids) == [id_ for id_, _ in bundle.run("biology")["3"]]


def _passages(world: World, topic: str) -> list[Passage]:
    (collection, _) = world.collections()
    texts = read_texts(world.path("biology", "corpus.jsonl"), {id_ for id_, _ in collection.run[topic]})
    return [texts[id_] for id_, _ in collection.run[topic]]


def test_the_first_stage_alone(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    bundle = evaluate(world.collections(), None, header(), tmp_path / "out")
    assert all(row.values == row.first and row.calls == 0 for row in bundle.topics)
    assert bundle.run("law") == bundle.first("law") != {}
    assert not bundle.has_calls
    assert bundle.manifest["model"] == {"name": "x"}


@pytest.mark.parametrize("strategy", [Sliding(size=8, step=4), Consensus(k=3, strategy=Sliding(size=8, step=4))], ids=["sliding", "fork"])
def test_the_same_answers_make_the_same_bytes_whatever_comes_first(tmp_path: Path, strategy: Sliding | Consensus) -> None:
    world = World(tmp_path / "world", 1)
    ranker = world.ranker(Settings(strategy=strategy))
    cache = ResponseCache(tmp_path / "answers")
    bundles = [
        evaluate(world.collections(), Plain(ranker=ranker), header(), tmp_path / f"out{at_once}", kept, Watching(at_once=at_once))
        for at_once, kept in ((1, None), (5, cache), (7, cache))
    ]
    cache.close()
    assert contents(bundles[0].folder) == contents(bundles[1].folder) == contents(bundles[2].folder)


class Fatal(Reacting):
    """Dies after some answers, as a process does that is killed; writes down every prompt that it is asked."""

    def __init__(self, book: Path, after: int) -> None:
        super().__init__()
        self.book, self.after = book, after

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        with self.book.open("a") as file:
            file.write(prompt_hash(prompt) + "\n")
        if self.asked >= self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        async for piece in super().stream(prompt, sampling):
            yield piece


AT_ONCE = 3


def _evaluate_with_cache(world: World, folder: Path, after: int) -> None:
    cache = ResponseCache(folder / "answers")
    ranker = replace(world.ranker(Settings()), backend=Fatal(folder / "book", after))
    engine = {"engine": {"backend": "Reacting"}}
    evaluate(world.collections(), Plain(ranker=ranker), header(model=engine), folder / "out", cache, Watching(at_once=AT_ONCE))
    cache.close()


@pytest.mark.process
def test_a_killed_evaluation_goes_on_and_asks_nothing_twice_that_was_answered(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    kills = 0
    for after in (7, 25, 1_000):
        process = multiprocessing.get_context("fork").Process(target=_evaluate_with_cache, args=(world, tmp_path, after))
        process.start()
        process.join(120)
        kills += process.exitcode == -signal.SIGKILL
        assert (tmp_path / "out").exists() == (after == 1_000)
    asked = (tmp_path / "book").read_text().split()
    assert kills == 2
    assert len(set(asked)) == 2 * TOPICS * 5
    assert len(asked) - len(set(asked)) <= kills * AT_ONCE  # what was in flight
    whole = evaluate(
        world.collections(), Plain(ranker=world.ranker(Settings())), header(model={"engine": {"backend": "Reacting"}}), tmp_path / "whole"
    )
    assert contents(tmp_path / "out") == contents(whole.folder)


class Failing(Reacting):
    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        if "question 3 " in prompt.messages[-1].content:
            raise BackendError("the server is gone")
        async for piece in super().stream(prompt, sampling):
            yield piece


def test_topics_that_fail_count_with_their_incoming_order(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    ranker = replace(world.ranker(Settings()), backend=Failing())
    bundle = evaluate(world.collections(), Plain(ranker=ranker), header(), tmp_path / "out")
    failed = [row for row in bundle.topics if row.outcome == "error"]
    assert [row.key for row in failed] == [("biology", "3"), ("law", "3")]
    assert all(row.values == row.first and row.error == "the server is gone" and not row.missing for row in failed)
    assert any("1 topics met an error, '3' is the first" in note for note in bundle.manifest["notes"])
    assert bundle.manifest["outcomes"]["error"] == 10


def test_candidates_and_topics_without_a_text_are_named(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    corpus = world.path("biology", "corpus.jsonl")
    lines = corpus.read_text().splitlines(keepends=True)
    gone = {json.loads(line)["_id"] for line in lines[:2]}
    corpus.write_text("".join(lines[2:]))
    (biology, law) = world.collections()
    law = replace(law, topics={topic: replace(one, text="" if topic == "5" else one.text) for topic, one in law.topics.items()})
    bundle = evaluate([biology, law], Plain(ranker=world.ranker(Settings())), header(), tmp_path / "out")
    row = bundle.by_key["biology", "0"]
    assert row.candidates == PASSAGES - 2
    assert not gone & dict(bundle.run("biology")["0"]).keys()
    assert any("2 candidates have no text" in note for note in bundle.manifest["notes"])
    silent = bundle.by_key["law", "5"]
    assert (silent.outcome, silent.values, silent.missing) == ("error", silent.first, False)
    assert "no text" in silent.error


def test_a_topic_that_the_first_stage_lacks_counts_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    (biology, _) = world.collections()
    biology = replace(biology, run={topic: order for topic, order in biology.run.items() if topic != "2"})
    bundle = evaluate([biology], Plain(ranker=world.ranker(Settings())), header(), tmp_path / "out")
    row = bundle.by_key["biology", "2"]
    assert (row.missing, row.values["nDCG@10"], row.ceiling["100"], row.relevant) == (True, 0.0, 0.0, 6)
    assert bundle.manifest["sets"][0]["missing"] == 1


class Thoughtful(Reacting):
    """Says of the passage that it puts first that it answers the query, and of the last that it is irrelevant; of some the opposite."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        async for piece in super().stream(prompt, sampling):
            if isinstance(piece, Completion):
                numbers = piece.answer.removeprefix("<answer>").removesuffix("</answer>").split(" > ")
                best, last = (numbers[0], numbers[-1]) if "biology" in prompt.messages[-1].content else (numbers[-1], numbers[0])
                piece = replace(piece, reasoning=f"Passage {best} answers the query directly.\nPassage {last} is irrelevant.")
            yield piece


def test_how_true_traces_are_to_their_answers(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    ranker = replace(world.ranker(Settings()), backend=Thoughtful())
    bundle = evaluate(world.collections(), Plain(ranker=ranker), header(), tmp_path / "out")
    # All of one set are consistent, none of the other; two of eight passages are spoken of.
    assert bundle.manifest["traces"] == {
        "consistency": 0.5, "claims_per_passage": 0.25, "spoken": 0.25, "contradiction_rate": 0.0, "n": 80, "n_told": 80, "n_spoken": 80,
    }  # fmt: skip
    assert world.evaluated(tmp_path / "silent").manifest["traces"] is None


def test_fusion_and_notes_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    ranker = replace(world.ranker(Settings(passage_tokens=5)), fusion=Fusion(weight=0.5))
    bundle = evaluate(world.collections(), Plain(ranker=ranker), header(), tmp_path / "out")
    assert bundle.manifest["fusion"]["weight"] == 0.5
    assert any("were cut after 5 words" in note for note in bundle.topics[0].notes)


def test_what_can_not_be_evaluated_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    ranker = world.ranker(Settings())
    with pytest.raises(InputError, match="no test collection"):
        evaluate([], Plain(ranker=ranker), header(), tmp_path / "out")
    world.evaluated(tmp_path / "taken")
    with pytest.raises(SettingsError, match="never written over"):
        evaluate(world.collections(), Plain(ranker=ranker), header(), tmp_path / "taken")
    with pytest.raises(SettingsError, match="unknown"):
        evaluate(world.collections(), Plain(ranker=ranker), header(measures=("nonsense",)), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "world"]
    assert isinstance(ranker.backend, Reacting) and ranker.backend.asked == 0
    assert Bundle.open(tmp_path / "taken").name == "reacting"


@pytest.mark.process
def test_the_code_is_named_by_its_commit(tmp_path: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()
    assert code_revision().removesuffix("-dirty") in (head, "")
    assert code_revision(tmp_path) == ""
    assert made_now()["packages"]["numpy"]
