"""The OpenAI backend against a real server on a real socket: what comes back, what is said of failures, and what is never said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from app.ranking.backends import BACKENDS, backend_class
from app.ranking.backends.openai import Endpoint, Limits, OpenAIBackend
from app.ranking.errors import BackendBusy, BackendError, BackendUnavailable, SettingsError
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.values import Completion, Delta, Finished, Message, Prompt, Ranking, Sampling, TraceDelta
from app.settings import load_models
from tests.conftest import passages
from tests.openai_server import OpenAIServer

KEY = "sk-very-secret-0123456789"
QUICK = Limits(backoff=0.01, first=5, gap=5, total=10)
PROMPT = Prompt(messages=(Message(role="user", content="[1] a\n[2] b\n[3] c\n"),), template="studio")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the host must not stand between a test and its own server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def backend(server: OpenAIServer, model: str, limits: Limits = QUICK, key: str = KEY) -> OpenAIBackend:
    return OpenAIBackend(Endpoint(name="teacher", address=server.address, model=model, key=key), limits)


def ranker(used: OpenAIBackend) -> Ranker:
    return Ranker(backend=used, template=builtin_profile("studio"), strategy=Sliding())


def rank(server: OpenAIServer, model: str, limits: Limits = QUICK) -> Ranking:
    return ranker(backend(server, model, limits)).rank("why", passages(3))


async def pieces(used: OpenAIBackend, prompt: Prompt = PROMPT, sampling: Sampling | None = None) -> list[Delta | Completion]:
    return [piece async for piece in used.stream(prompt, sampling or Sampling())]


@pytest.mark.parametrize("model", ["inline", "reasoning", "reasoning_content"])
def test_an_answer_reorders_and_its_reasoning_is_told_apart(server: OpenAIServer, model: str) -> None:
    ranking = rank(server, model)
    completion = ranking.calls[0].completion
    assert (ranking.ids, ranking.outcome) == (("p3", "p2", "p1"), "clean")
    assert completion.reasoning.startswith("What would answer this? [3] begins with")
    assert completion.answer.strip() == "<answer> [3] > [2] > [1] </answer>"
    assert (completion.tokens_in, completion.tokens_out, completion.counted, completion.finish) == (321, 123, True, "stop")
    assert completion.seconds > 0


def test_text_arrives_piece_by_piece_and_adds_up(server: OpenAIServer) -> None:
    server.pieces, server.seconds = 20, 0.4

    async def watch() -> tuple[list[float], list[TraceDelta], Ranking]:
        times, deltas, ranking = [], [], None
        async for event in ranker(backend(server, "reasoning")).stream_rank("why", passages(3)):
            if isinstance(event, TraceDelta):
                times.append(time.monotonic())
                deltas.append(event)
            if isinstance(event, Finished):
                ranking = event.ranking
        assert ranking is not None
        return times, deltas, ranking

    times, deltas, ranking = asyncio.run(watch())
    assert len(deltas) >= 5 and times[-1] - times[0] > 0.2
    completion = ranking.calls[0].completion
    assert "".join(d.text for d in deltas if d.channel == "reasoning") == completion.reasoning
    assert "".join(d.text for d in deltas if d.channel == "answer") == completion.answer


def test_what_is_sent(server: OpenAIServer) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=20, max_tokens=77, stop=("END",), seed=3)
    asyncio.run(pieces(backend(server, "inline"), sampling=sampling))
    asyncio.run(pieces(backend(server, "inline", key="")))
    (headers, body), (keyless, plain) = server.requests
    asked = {name: body[name] for name in ("temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "stream")}
    assert asked == {"temperature": 0.5, "top_p": 0.9, "top_k": 20, "max_tokens": 77, "stop": ["END"], "seed": 3, "stream": True}
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [{"role": "user", "content": PROMPT.messages[0].content}]
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in keyless
    assert not {"top_k", "stop", "seed"} & set(plain)


def test_a_key_of_the_environment_goes_to_no_other_server(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody-else")
    asyncio.run(pieces(backend(server, "inline", key="")))
    assert "somebody-else" not in str(server.requests)


def test_tokens_are_an_estimate_where_the_server_counts_none(server: OpenAIServer) -> None:
    completion = rank(server, "no-usage").calls[0].completion
    assert not completion.counted and completion.tokens_in > 100 and completion.tokens_out > 10


FAILURES = [
    ("wrong-key", "refused the key", 1),
    ("no-model", "no such model", 1),
    ("too-long", "longer than its context", 1),
    ("bad-request", "refused the request (HTTP 400)", 1),
    ("busy", "takes no more requests", 4),
    ("busy-long", "takes no more requests", 1),
    ("broken", "failed (HTTP 500)", 4),
    ("hang-up", "hung up before the first word", 4),
    ("disconnect", "broke off in the middle", 1),
    ("garbage", "unreadable in the middle", 1),
    ("odd-chunk", "unreadable in the middle", 1),
    ("error-event", "broke off in the middle", 1),
    ("page", "no stream of a chat completion", 1),
]


@pytest.mark.parametrize(("model", "said", "asked"), FAILURES, ids=[model for model, _, _ in FAILURES])
def test_a_failure_keeps_the_order_and_says_one_clean_sentence(server: OpenAIServer, model: str, said: str, asked: int) -> None:
    ranking = rank(server, model)
    error = ranking.calls[0].error
    assert (ranking.ids, ranking.outcome) == (("p1", "p2", "p3"), "error")
    assert error.startswith("model 'teacher' was asked to rank and") and said in error and "\n" not in error
    assert KEY not in error and "127.0.0.1" not in error and str(server.port) not in error
    assert len(server.requests) == asked


@pytest.mark.parametrize(("model", "kind"), [("wrong-key", BackendUnavailable), ("busy", BackendBusy), ("broken", BackendError)])
def test_the_class_of_an_error_says_who_can_mend_it(server: OpenAIServer, model: str, kind: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught:
        asyncio.run(pieces(backend(server, model)))
    assert type(caught.value) is kind


@pytest.mark.parametrize("model", ["busy-once", "broken-once"])
def test_a_passing_failure_is_asked_again(server: OpenAIServer, model: str) -> None:
    ranking = rank(server, model)
    assert (ranking.outcome, ranking.ids, len(server.requests)) == ("clean", ("p3", "p2", "p1"), 2)


@pytest.mark.parametrize(
    ("model", "outcome", "finish"),
    [
        ("cut", "truncated", "cut"),
        ("empty", "no_answer", "stop"),
        ("refusal", "refused", "refused"),
        ("content-filter", "refused", "refused"),
        ("too-short", "clean", "length"),
    ],
)
def test_streams_that_end_oddly(server: OpenAIServer, model: str, outcome: str, finish: str) -> None:
    ranking = rank(server, model)
    assert (ranking.outcome, ranking.calls[0].completion.finish, ranking.calls[0].error) == (outcome, finish, "")
    assert outcome == "clean" or ranking.ids == ("p1", "p2", "p3")


@pytest.mark.parametrize(
    ("model", "limits", "said"),
    [
        ("hang", Limits(first=0.2), "wrote nothing for 0.2 s"),
        ("stall", Limits(gap=0.2), "fell silent for 0.2 s"),
        ("stall", Limits(total=0.3), "was not done after 0.3 s"),
    ],
)
def test_a_silent_server_is_not_waited_for_and_is_let_go(server: OpenAIServer, model: str, limits: Limits, said: str) -> None:
    ranking = rank(server, model, limits)
    assert ranking.outcome == "error" and said in ranking.calls[0].error
    assert server.left.acquire(timeout=3)


def test_nobody_there() -> None:
    with OpenAIServer() as server:
        used = backend(server, "inline")
    ranking = ranker(used).rank("why", passages(3))
    assert ranking.outcome == "error" and "can't be reached" in ranking.calls[0].error
    assert str(server.port) not in ranking.calls[0].error


@pytest.mark.parametrize("address", ["", "ftp://host/v1", "http://", "http://[::1", "127.0.0.1:8000/v1"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(BackendUnavailable, match="no usable address"):
        asyncio.run(pieces(OpenAIBackend(Endpoint(name="teacher", address=address, model="inline"))))


def test_stopping_closes_the_connection(server: OpenAIServer) -> None:
    server.pieces, server.seconds = 50, 30

    async def stop_early() -> None:
        async with aclosing(ranker(backend(server, "inline")).stream_rank("why", passages(3))) as events:
            async for event in events:
                if isinstance(event, TraceDelta):
                    break

    asyncio.run(stop_early())
    assert server.left.acquire(timeout=3)


def test_cancelling_before_the_first_word_closes_the_connection(server: OpenAIServer) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(pieces(backend(server, "hang")))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert server.left.acquire(timeout=3)


def test_calls_at_once_are_limited_and_all_are_answered(server: OpenAIServer) -> None:
    server.seconds = 0.1

    async def many() -> list[list[Delta | Completion]]:
        used = backend(server, "inline", Limits(concurrent=2))
        return await asyncio.gather(*(pieces(used) for _ in range(5)))

    answers = asyncio.run(many())
    assert [type(answer[-1]) for answer in answers] == [Completion] * 5
    assert server.most_at_once == 2


def test_one_backend_serves_many_loops(server: OpenAIServer) -> None:
    used = ranker(backend(server, "inline"))
    assert [used.rank("why", passages(3)).outcome for _ in range(2)] == ["clean", "clean"]


def test_what_a_backend_is_not_able_to_do_is_refused_before_any_request(server: OpenAIServer) -> None:
    begun = Prompt(messages=PROMPT.messages, template="studio", prefix="<answer>")
    with pytest.raises(BackendError, match="begun answer"):
        asyncio.run(pieces(backend(server, "inline"), begun))
    with pytest.raises(BackendError, match="log-probabilities"):
        asyncio.run(pieces(backend(server, "inline"), sampling=Sampling(top_logprobs=5)))
    assert not server.requests


def test_nothing_secret_in_a_printed_endpoint(server: OpenAIServer) -> None:
    assert repr(Endpoint(name="teacher", address=server.address, model="m", key=KEY)) == "Endpoint(name='teacher')"


def test_every_registered_backend_can_be_had_by_name() -> None:
    assert {name: backend_class(name).__name__ for name in BACKENDS}["openai"] == "OpenAIBackend"
    with pytest.raises(SettingsError, match="there are nano, openai"):
        backend_class("magic")


def test_the_example_of_a_models_file_is_valid() -> None:
    entries = load_models(Path(__file__).parents[2] / "docs" / "models.example.toml")
    assert {entry.backend for entry in entries} == {"openai", "transformers"} <= set(BACKENDS)
    assert all(bool(entry.address) != bool(entry.path) for entry in entries)
