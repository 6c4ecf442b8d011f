"""What a comparison says where one thing differs in a way that has its own trap, and that its account always adds up."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ranking.batch import Ranked, Topic
from app.ranking.errors import InputError
from app.ranking.evaluation.bundles.assembling import strictly
from app.ranking.evaluation.bundles.compare import compare
from app.ranking.evaluation.bundles.comparison import UNEXPLAINED, Comparison
from app.ranking.evaluation.bundles.evaluating import Plain, evaluate
from app.ranking.evaluation.bundles.of_run import RunFiles, of_run
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header, Scored
from app.ranking.evaluation.bundles.write import run_lines
from app.ranking.evaluation.suites.values import TestCollection
from app.ranking.formats.trec import write_qrels
from app.ranking.prompts import ProfileTemplate
from app.ranking.protocols import Tokenizer
from app.ranking.ranker import Ranker
from app.ranking.strategies import Consensus, Sliding
from app.ranking.values import Completion, Delta, Message, Passage, Prompt, Sampling

from .made import made
from .world import MEASURES, SETS, Reacting, Settings, World

Qrels = dict[str, dict[str, int]]
MADE = {"date": "2026-11-01", "commit": "c", "python": "3", "packages": {"vllm": "1"}}


def of_files(folder: Path, name: str, parts: tuple[Scored, Qrels], first: Scored | None = None) -> Bundle:
    """A bundle of one set from a run and judgements in memory, by way of files."""
    run, qrels = parts
    paths = {kind: folder / f"{name}.{kind}" for kind in ("run", "qrels", "first")}
    paths["run"].write_text("".join(run_lines(run, "t")))
    paths["qrels"].write_text("".join(write_qrels(qrels)))
    paths["first"].write_text("".join(run_lines(first or {}, "t")))
    source = RunFiles(name="s", run=paths["run"], qrels=paths["qrels"], first=paths["first"] if first else None)
    return of_run([source], Header(name=name, measures=MEASURES), folder / name)


def names(found: Comparison) -> list[str]:
    return [cause.name for cause in found.causes]


def evaluated(world: World, out: Path, ranker: Ranker, **fields: object) -> Bundle:
    header = Header(**{"name": "x", "made": MADE, "measures": MEASURES, **fields})  # type: ignore[arg-type]
    return evaluate(world.collections(), Plain(ranker=ranker), header, out)


ONE = {"q": {"d3": 1}}
TIED = {"q": (("d1", 2.0), ("d3", 1.0), ("d2", 1.0), ("d4", 1.0))}  # d4, d3, d2 by id; d3, d2, d4 by the file


def test_equal_scores_by_id_or_as_the_file_has_them(tmp_path: Path) -> None:
    # RR: the tied run has d3 third (d1, d4, d3), the same file read strictly has it second: 1/3 and 1/2.
    tied = of_files(tmp_path, "tied", (TIED, ONE))
    strict = of_files(tmp_path, "strict", ({"q": strictly([id_ for id_, _ in TIED["q"]])}, ONE))
    found = compare(strict, tied, "RR@10", samples=10)
    assert names(found) == ["ties"]
    assert (found.causes[0].share, found.causes[0].measured) == (1.0, True)
    assert found.causes[0].effect == pytest.approx(1 / 3 - 1 / 2)
    assert "without it the second has 0.5000 instead of 0.3333 RR@10" in found.causes[0].text


def test_a_first_stage_whose_equal_scores_two_readers_order_in_two_ways(tmp_path: Path) -> None:
    by_file = of_files(tmp_path, "file", ({"q": strictly(["d1", "d3", "d2", "d4"])}, ONE), TIED)
    by_id = of_files(tmp_path, "id", ({"q": strictly(["d1", "d4", "d3", "d2"])}, ONE), TIED)
    assert names(compare(by_file, by_id, "RR@10", samples=10)) == ["ties"]
    other = of_files(tmp_path, "other", ({"q": strictly(["d3", "d1", "d2", "d4"])}, ONE), TIED)
    assert names(compare(by_file, other, "RR@10", samples=10)) == [UNEXPLAINED]


@pytest.mark.parametrize(("ties", "cause"), [(True, "ties"), (False, "first stage")])
def test_candidates_in_another_order(tmp_path: Path, ties: bool, cause: str) -> None:
    """The same first-stage file but for the order of its lines, with equal scores or without."""
    world = World(tmp_path / "world", 1)
    if ties:
        for name in SETS:
            lines = [line.split() for line in world.path(name, "run").read_text().splitlines()]
            world.path(name, "run").write_text("".join(f"{a} {b} {c} {d} {float(e) // 3} {f}\n" for a, b, c, d, e, f in lines))
    first = world.evaluated(tmp_path / "first")
    for name in SETS:
        lines = [line.split() for line in world.path(name, "run").read_text().splitlines()]
        random.Random(4).shuffle(lines)
        lines.sort(key=lambda cells: (int(cells[0]), -float(cells[4]) if ties else 0.0))
        text = "".join(f"{a} {b} {c} {d} {e if ties else 100 - at % 24} {f}\n" for at, (a, b, c, d, e, f) in enumerate(lines))
        world.path(name, "run").write_text(text)
    found = compare(first, world.evaluated(tmp_path / "second"), samples=10)
    assert names(found) == [cause]
    assert found.causes[0].share == 1.0


class Slipped(ProfileTemplate):
    """A template whose code was changed so that no hash of its profile shows it: a blank more in prompts of over two passages."""

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        prompt = super().render(query, window, tokenizer)
        tail = " " if len(window) > 2 else ""
        return replace(prompt, messages=tuple(Message(role=one.role, content=one.content + tail) for one in prompt.messages))


def test_a_prompt_byte_that_no_setting_and_no_hash_shows(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    plain = world.ranker(Settings())
    assert isinstance(plain.template, ProfileTemplate)
    first = evaluated(world, tmp_path / "first", plain)
    second = evaluated(world, tmp_path / "second", replace(plain, template=Slipped(plain.template.profile)))
    found = compare(first, second, samples=10)
    assert found.differs == ()
    assert names(found) == ["prompt"]
    assert "16 of 16 topics" in found.causes[0].text


def test_passages_that_are_cut_elsewhere_though_no_setting_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    first = evaluated(world, tmp_path / "first", world.ranker(Settings()), passage_tokens=512)
    second = evaluated(world, tmp_path / "second", world.ranker(Settings(passage_tokens=22)), passage_tokens=512)
    found = compare(first, second, samples=10)
    assert found.differs == ()
    assert names(found) == ["truncation"]


def test_the_length_after_which_passages_are_cut(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    found = compare(
        world.evaluated(tmp_path / "first"), world.evaluated(tmp_path / "second", Settings(passage_tokens=12)), samples=10
    )  # every passage is longer: all prompts lose words, and all windows are of one size
    assert names(found) == ["truncation"]
    assert "passage_tokens 40 against 12" in found.causes[0].text


def test_the_seed_of_shuffles(tmp_path: Path) -> None:
    """Shuffles change what is shown and no answer to the same prompt."""
    world = World(tmp_path / "world", 1)
    one, other = (Settings(strategy=Consensus(k=3, seed=seed, strategy=Sliding(size=8, step=4))) for seed in (0, 1))
    found = compare(world.evaluated(tmp_path / "first", one), world.evaluated(tmp_path / "second", other), samples=10)
    assert names(found) == ["seed"]
    assert found.causes[0].topics == 16


class Shuffling(Plain):
    """Shuffles the candidates of every topic before anybody is asked."""

    def rank(self, topics: Iterable[Topic], at_once: int, **how: Any) -> AsyncGenerator[Ranked]:
        dice = random.Random(self.ranker.effective_sampling.seed)
        return super().rank([replace(one, passages=tuple(dice.sample(one.passages, 24))) for one in topics], at_once, **how)


def test_candidates_that_were_shuffled_by_another_seed(tmp_path: Path) -> None:
    world, bundles = World(tmp_path / "world", 1), []
    for seed in (1, 2):
        ranker = world.ranker(Settings(seed=seed))
        strategy = {"name": "sliding", "size": 8, "step": 4, "shuffle": seed}
        header = Header(name="x", made=MADE, measures=MEASURES, strategy=strategy)
        bundles.append(evaluate(world.collections(), Shuffling(ranker=ranker), header, tmp_path / f"{seed}"))
    found = compare(bundles[0], bundles[1], samples=10)
    assert names(found) == ["seed"]
    assert found.differs == (("seed", 1, 2),)


def test_lines_dropped_from_a_run_that_goes_on_below_the_cut(tmp_path: Path) -> None:
    """Others come up from below, so that there are as many candidates as before."""
    world = World(tmp_path / "world", 1)

    def cut(out: Path) -> Bundle:
        shown = [replace(one, run={topic: order[:15] for topic, order in one.run.items()}) for one in world.collections()]
        return evaluate(shown, Plain(ranker=world.ranker(Settings())), Header(name="x", made=MADE, measures=MEASURES), out)

    first = cut(tmp_path / "first")
    for name in SETS:
        lines = world.path(name, "run").read_text().splitlines(keepends=True)
        world.path(name, "run").write_text("".join(line for at, line in enumerate(lines) if at % 24 not in (2, 7, 11)))
    found = compare(first, cut(tmp_path / "second"), samples=10)
    assert names(found) == ["dropped lines"]
    assert found.causes[0].share == 1.0


class Moody(Reacting):
    """Answers that hang on something that nobody wrote down."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        async for piece in super().stream(prompt, replace(sampling, seed=4711)):
            yield piece


@pytest.mark.parametrize(("packages", "cause"), [({"vllm": "1"}, UNEXPLAINED), ({"vllm": "2"}, "code and packages")])
def test_answers_that_change_without_a_setting(tmp_path: Path, packages: dict[str, str], cause: str) -> None:
    world = World(tmp_path / "world", 1)
    plain = world.ranker(Settings())
    first = evaluated(world, tmp_path / "first", plain, model={"engine": {}})
    moody = replace(plain, backend=Moody())
    second = evaluated(world, tmp_path / "second", moody, made={**MADE, "packages": packages}, model={"engine": {}})
    found = compare(first, second, samples=10)
    assert names(found) == [cause]
    if cause == UNEXPLAINED:
        assert "answered otherwise to the same prompt" in found.causes[0].text


class Cut(Reacting):
    """Runs into its limit on some queries."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        async for piece in super().stream(prompt, sampling):
            cut = isinstance(piece, Completion) and "question 3" in prompt.messages[-1].content
            yield replace(piece, answer="", reasoning="so", finish="length") if cut and isinstance(piece, Completion) else piece


def test_truncated_traces(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    plain = world.ranker(Settings())
    first = evaluated(world, tmp_path / "first", plain, model={"engine": {}})
    second = evaluated(world, tmp_path / "second", replace(plain, backend=Cut()), model={"engine": {}})
    found = compare(first, second, samples=10)
    assert names(found) == ["outcomes"]
    assert found.causes[0].topics == 2
    assert "second 2 truncated" in found.causes[0].text


def test_other_texts_that_are_no_cut(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    first = world.evaluated(tmp_path / "first")
    path = world.path("law", "corpus.jsonl")
    path.write_text(path.read_text().replace("word1", "wort1"))
    found = compare(first, world.evaluated(tmp_path / "second"), samples=10)
    assert names(found) == ["texts"]
    assert found.causes[0].topics == 8


def test_a_profile_that_says_a_word_more_of_every_passage_is_no_cut(tmp_path: Path) -> None:
    """The prompts of windows of several sizes then differ by several numbers of words."""
    world = World(tmp_path / "world", 1)
    for name in SETS:
        lines = world.path(name, "run").read_text().splitlines(keepends=True)
        world.path(name, "run").write_text("".join(line for line in lines if line.split()[0] != "1" or "-7" not in line.split()[2]))
    first = world.evaluated(tmp_path / "first")
    path = world.folder / "plain.toml"
    path.write_text(path.read_text() + 'line = "[{number}] {text} (passage)\\n"\n')
    found = compare(first, world.evaluated(tmp_path / "second"), samples=10)
    assert names(found) == ["prompt"]


def test_another_model_with_a_profile_of_its_own(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    first = world.evaluated(tmp_path / "first")
    other = world.ranker(Settings(profile="other.toml", revision="r9"))
    second = evaluated(world, tmp_path / "second", other, model={"name": "another"}, depth=24)
    found = compare(first, second, samples=10)
    assert names(found) == ["model", "template"]


def test_topics_of_one_bundle_alone(tmp_path: Path) -> None:
    both: Qrels = {"q": {"a": 1}, "r": {"b": 1}}
    first = of_files(tmp_path, "first", ({"q": strictly("ab"), "r": strictly("ab")}, both))
    second = of_files(tmp_path, "second", ({"q": strictly("ab")}, {"q": {"a": 1}}))
    found = compare(first, second, "RR@10", samples=10)
    # RR is 1 for q and 1/2 for r: without r the mean rises from 3/4 to 1.
    assert found.change == pytest.approx(0.25)
    assert names(found) == ["missing topics"]
    assert (found.causes[0].topics, found.causes[0].share) == (1, 1.0)
    assert found.causes[0].effect == pytest.approx(0.25)


def test_a_topic_that_only_one_of_the_judgements_has(tmp_path: Path) -> None:
    """The run is the same: it is the judgements that differ, not the topics that were asked about."""
    run: Scored = {"q": strictly("ab"), "r": strictly("ab")}
    first = of_files(tmp_path, "first", (run, {"q": {"a": 1}, "r": {"b": 1}}))
    second = of_files(tmp_path, "second", (run, {"q": {"a": 1}}))
    found = compare(first, second, "RR@10", samples=10)
    assert names(found) == ["qrels"]
    assert found.causes[0].topics == 1
    assert found.causes[0].effect == pytest.approx(0.25)
    assert "1 topics have judgements in the first alone" in found.causes[0].text


def test_nothing_in_common(tmp_path: Path) -> None:
    first = of_files(tmp_path, "first", ({"q": strictly("ab")}, {"q": {"a": 1}}))
    second = of_files(tmp_path, "second", ({"r": strictly("ab")}, {"r": {"b": 1}}))
    found = compare(first, second, "RR@10", samples=10)
    assert found.difference is None and found.rows == ()
    assert "no topic in common" in found.notes[0]


def test_a_bundle_that_was_changed_is_said_to_be(tmp_path: Path) -> None:
    bundle = made(tmp_path / "b")
    (bundle.folder / "qrels/law.qrels").write_text("l1 0 l1-p1 1\n")
    found = compare(made(tmp_path / "a"), bundle, samples=10)
    assert any("was changed after it was made" in note for note in found.notes)


def test_a_measure_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no measure 'AP'"):
        compare(made(tmp_path / "a"), made(tmp_path / "b"), "AP")


def test_a_comparison_as_json(tmp_path: Path) -> None:
    found = compare(made(tmp_path / "a"), made(tmp_path / "b", luck=1, seed=9), samples=10)
    plain = json.loads(json.dumps(found.plain))
    assert plain["causes"][0]["name"] == "seed"
    assert len(plain["topics"]) == sum(row.change != 0 for row in found.rows)
    assert plain["first"]["usage"]["calls"] == 2.0
    assert [abs(row["change"]) for row in plain["topics"]] == sorted((abs(row["change"]) for row in plain["topics"]), reverse=True)
    frame = found.to_frame()
    assert frame["seed"].sum() == pytest.approx(frame["change"].sum())


IDS = "abcdef"


@st.composite
def sides(draw: st.DrawFn) -> tuple[Scored, Qrels]:
    """A run with ties, and judgements, over up to four topics; the run may lack some."""
    topics = draw(st.lists(st.sampled_from("qrst"), min_size=1, unique=True))
    qrels = {topic: draw(st.dictionaries(st.sampled_from(IDS), st.integers(0, 2), min_size=1)) for topic in topics}
    listed = st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 3).map(float)), unique_by=lambda item: item[0], min_size=1)
    run = {topic: tuple(sorted(draw(listed), key=lambda item: -item[1])) for topic in topics if topic == topics[0] or draw(st.booleans())}
    return run, qrels


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=sides(), second=sides())
def test_the_account_adds_up(tmp_path_factory: pytest.TempPathFactory, first: tuple[Scored, Qrels], second: tuple[Scored, Qrels]) -> None:
    folder = tmp_path_factory.mktemp("sides")
    found = compare(of_files(folder, "first", first), of_files(folder, "second", second), samples=10)
    assert sum(cause.effect for cause in found.causes) == pytest.approx(found.change, abs=1e-9)
    shares = [cause.share for cause in found.causes]
    assert all(0.0 <= share <= 1.0 for share in shares)
    if any(row.change for row in found.rows):
        assert sum(shares) == pytest.approx(1.0)
    for row in found.rows:
        assert sum(row.moved.values()) == pytest.approx(row.change, abs=1e-9)


def test_shares_are_those_worked_by_hand(tmp_path: Path) -> None:
    """q: other judgements halve RR (1 to 1/2). r: the second run lacks it (1/2 to 0). s: same judgements, another order (1 to 1/2)."""
    one: Qrels = {"q": {"a": 1}, "r": {"b": 1}, "s": {"a": 1}}
    other: Qrels = {**one, "q": {"b": 1}}
    first = of_files(tmp_path, "first", ({topic: strictly("ab") for topic in one}, one))
    second = of_files(tmp_path, "second", ({"q": strictly("ab"), "s": strictly("ba")}, other))
    found = compare(first, second, "RR@10", samples=10)
    assert {cause.name: round(cause.share, 6) for cause in found.causes} == {
        "qrels": round(1 / 3, 6),
        "missing topics": round(1 / 3, 6),
        UNEXPLAINED: round(1 / 3, 6),
    }
    assert names(found)[-1] == UNEXPLAINED
    assert "nothing is known that would make them" in found.causes[-1].text


def test_a_collection_without_texts_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "world", 1)
    bare = [replace(one, corpus=None) for one in world.collections()]
    assert isinstance(bare[0], TestCollection)
    with pytest.raises(InputError, match="has no texts of its passages"):
        evaluate(bare, Plain(ranker=world.ranker(Settings())), Header(name="x", made=MADE), tmp_path / "out")
