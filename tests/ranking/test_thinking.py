"""Thinking controls: what is cut, when, what is asked for instead, and what is refused with its reason."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.backends.scripted import Scripted
from app.ranking.errors import SettingsError
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.thinking import LOOK_EVERY, Settle, Thinking, Watch, overlap
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Delta, Finished, Forcing, Prompt, Ranking, Sampling, TraceDelta
from tests.conftest import passages
from tests.ranking.thinker import Thinker, list_of

# The order of first mention settles at word 3; 60 words of nothing follow.
TRACE = "see [3] [2] [1] " + "and so it goes on " * 12


def ranker(backend: Thinker, thinking: Thinking) -> Ranker:
    return Ranker(backend=backend, template=builtin_profile("studio"), strategy=Sliding(), thinking=thinking)


def forced_of(ranking: Ranking) -> Forcing:
    forced = ranking.calls[0].completion.forced
    assert forced is not None
    return forced


def test_a_settled_trace_is_closed_and_the_answer_forced_with_it() -> None:
    backend = Thinker(TRACE, lambda _: list_of(1, 2, 3), lambda _: list_of(3, 2, 1))
    ranking = ranker(backend, Thinking(settle=Settle(top=2, patience=15))).rank("why", passages(3))
    assert (ranking.ids, ranking.outcome) == (("p3", "p2", "p1"), "clean")
    assert 15 < backend.wrote < 40, "the stream was left long before its 64 words were over"
    completion, forced = ranking.calls[0].completion, forced_of(ranking)
    assert (forced.reason, forced.guess, forced.kept) == ("settled", (2, 1, 0), 1.0)
    assert forced.trace_tokens < 64 and completion.requests == 2 and ranking.requests == 2
    assert forced.saved_tokens is None, "what the rest of the trace would have been nobody knows"
    assert backend.prompts[1].prefix == f"<think>{completion.reasoning.strip()}</think>\n<answer>"
    assert backend.samplings[1].max_tokens == builtin_profile("studio").answer_tokens(3)


def test_a_top_that_keeps_changing_is_not_settled() -> None:
    restless = " ".join(f"[{1 + i % 3}]" for i in range(9)) + " then"
    backend = Thinker(restless, lambda _: list_of(2, 1, 3), lambda _: list_of(3, 2, 1))
    ranking = ranker(backend, Thinking(settle=Settle(top=3, patience=30))).rank("why", passages(3))
    assert ranking.ids == ("p2", "p1", "p3") and ranking.calls[0].completion.forced is None
    assert ranking.requests == 1


def test_a_budget_closes_the_trace_when_it_is_used_up() -> None:
    backend = Thinker(TRACE, lambda _: list_of(1, 2, 3), lambda _: list_of(2, 3, 1))
    ranking = ranker(backend, Thinking(budget=20)).rank("why", passages(3))
    assert ranking.ids == ("p2", "p3", "p1")
    assert forced_of(ranking).reason == "budget" and 20 <= forced_of(ranking).trace_tokens < 30
    assert not ranking.calls[0].completion.counted, "the server was left before it gave its numbers"


def test_an_audit_measures_and_changes_nothing() -> None:
    backend = Thinker(TRACE, lambda _: list_of(1, 2, 3), lambda _: list_of(3, 2, 1))
    ranking = ranker(backend, Thinking(settle=Settle(top=1, patience=15), audit=True)).rank("why", passages(3))
    assert ranking.ids == ("p1", "p2", "p3") and backend.wrote == 64
    forced, completion = forced_of(ranking), ranking.calls[0].completion
    assert forced.saved_tokens == 69 - forced.trace_tokens - 3, "words of trace and answer, less the cut trace and the forced answer"
    assert (forced.same_top, forced.kept) == (0.0, 1.0)
    assert completion.tokens_out == 69 + 3 and completion.tokens_in == 7 + 10


def test_a_trace_cut_by_the_limit_gets_one_forced_answer() -> None:
    backend = Thinker(TRACE, lambda _: list_of(1, 2, 3), lambda _: list_of(2, 1, 3), limit=10)
    ranking = ranker(backend, Thinking()).rank("why", passages(3))
    assert (ranking.ids, ranking.outcome) == (("p2", "p1", "p3"), "clean")
    assert forced_of(ranking).reason == "truncated" and ranking.requests == 2 and len(ranking.calls) == 1


def test_a_forced_answer_that_is_no_list_keeps_the_order() -> None:
    backend = Thinker(TRACE, lambda _: "", lambda _: "<answer>I can't say</answer>", limit=10)
    ranking = ranker(backend, Thinking()).rank("why", passages(3))
    assert ranking.ids == ("p1", "p2", "p3") and ranking.outcome == "no_answer"
    assert len(backend.prompts) == 2, "one forced answer, not more"


def test_without_the_ability_a_cut_trace_stays_truncated() -> None:
    backend = Thinker(TRACE, lambda _: "", limit=10)
    ranking = ranker(backend, Thinking()).rank("why", passages(3))
    assert (ranking.ids, ranking.outcome) == (("p1", "p2", "p3"), "truncated") and len(backend.prompts) == 1


def test_direct_leaves_the_trace_out() -> None:
    backend = Thinker(TRACE, lambda _: "", lambda _: list_of(2, 3, 1))
    ranking = ranker(backend, Thinking(mode="direct")).rank("why", passages(3))
    assert ranking.ids == ("p2", "p3", "p1") and backend.wrote == 0
    assert backend.prompts[0].prefix.startswith("<think>") and "</think>" in backend.prompts[0].prefix


@pytest.mark.parametrize(
    ("thinking", "profile", "can", "reason"),
    [
        (Thinking(mode="direct"), "studio", False, "needs a model that can continue a begun answer"),
        (Thinking(budget=9), "studio", False, "a budget or early exit needs a model that can continue"),
        (Thinking(settle=Settle()), "direct", True, "asks for no trace, so there is none to close"),
        (Thinking(mode="reasoned"), "direct", True, "choose a reasoning profile"),
    ],
)
def test_what_can_not_be_had_is_refused_with_its_reason(thinking: Thinking, profile: str, can: bool, reason: str) -> None:
    backend = Thinker("", lambda _: "", (lambda _: "") if can else None)
    with pytest.raises(SettingsError, match=reason):
        Ranker(backend=backend, template=builtin_profile(profile), strategy=Sliding(), thinking=thinking)


def test_the_embedded_model_can_not_answer_directly() -> None:
    from app.ranking.models.nano.template import NanoTemplate

    with pytest.raises(SettingsError, match="can't be had from profile 'nano'"):
        Ranker(
            backend=Thinker("", lambda _: "", lambda _: ""), template=NanoTemplate(), strategy=Sliding(), thinking=Thinking(mode="direct")
        )


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "loud"}, {"budget": -1}, {"mode": "direct", "budget": 5}, {"audit": True}],
)
def test_controls_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Thinking(**wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        Settle(top=0)


def test_a_watch_stops_looking_once_the_answer_begins() -> None:
    watch = Watch(builtin_profile("studio"), 3, (Thinking(settle=Settle(top=1, patience=1)), WordTokenizer()))
    assert not watch.feed(Delta(channel="reasoning", text="[2]"))
    assert not watch.feed(Delta(channel="answer", text="<answer>"))
    assert not watch.feed(Delta(channel="reasoning", text="x " * LOOK_EVERY))
    assert watch.reason is None and watch.cut == ""


@given(
    st.lists(st.sampled_from(["[1]", "[12] > [3]", "see", "wörter", "段落很长", "\n", "x" * 70]), min_size=5, max_size=60).map(" ".join),
    st.lists(st.integers(1, 90), min_size=1, max_size=30),
    st.sampled_from([Thinking(settle=Settle(top=2, patience=9)), Thinking(budget=12)]),
)
def test_where_a_trace_is_closed_does_not_depend_on_how_it_came_in_pieces(trace: str, sizes: list[int], thinking: Thinking) -> None:
    def watched(pieces: list[str]) -> tuple[object, ...]:
        watch = Watch(builtin_profile("studio"), 12, (thinking, WordTokenizer()))
        for piece in pieces:
            if watch.feed(Delta(channel="reasoning", text=piece)):
                break
        if watch.reason:
            assert watch.reasoning.startswith(watch.cut) and watch.beyond == len(watch.reasoning) - len(watch.cut)
            edge = trace[len(watch.cut) - 1 : len(watch.cut) + 1]
            assert " " in edge or "\n" in edge or max(edge) > "\u2e80" or edge == "xx", "between words, or within one that is very long"
        return watch.reason, watch.cut, watch.guess

    pieces, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(trace):
            break
        pieces.append(trace[at : at + size])
        at += size
    assert watched(pieces) == watched(list(trace)) == watched([trace])


def test_what_came_after_the_place_of_closing_is_not_shown() -> None:
    class AtOnce(Thinker):
        """Sends all words in one piece, as a server does to a reader that was busy."""

        async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
            waiting = ""
            async for piece in super().stream(prompt, sampling):
                if isinstance(piece, Delta) and piece.channel == "reasoning":
                    waiting += piece.text
                    continue
                if waiting:
                    yield Delta(channel="reasoning", text=waiting)
                    waiting = ""
                yield piece

    async def shown(backend: Thinker) -> tuple[str, str]:
        events = ranker(backend, Thinking(settle=Settle(top=2, patience=15))).stream_rank("why", passages(3))
        told = [event async for event in events]
        text = "".join(event.text for event in told if isinstance(event, TraceDelta) and event.channel == "reasoning")
        return text, next(event.ranking for event in told if isinstance(event, Finished)).calls[0].completion.reasoning

    answers = (lambda _: list_of(1, 2, 3)), (lambda _: list_of(3, 2, 1))
    slow, quick = (asyncio.run(shown(kind(TRACE, *answers))) for kind in (Thinker, AtOnce))
    assert quick == slow and quick[0] == quick[1]


def test_overlap_counts_shared_passages_at_the_top() -> None:
    assert overlap((0, 1, 2, 3), (1, 0, 3, 2), 2) == 1.0
    assert overlap((0, 1, 2, 3), (2, 0, 1, 3), 2) == 0.5
    assert overlap((), (), 10) == 1.0


def test_a_scripted_backend_has_no_abilities_of_its_own() -> None:
    assert "prefix" not in Scripted([]).can
