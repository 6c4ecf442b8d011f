"""POST /rerank: bodies of other services' clients, limits, streams, and clients that go away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.testclient import TestClient
from starlette.types import Message

from app.ranking.errors import BackendBusy, BackendUnavailable
from app.ranking.options import Options
from app.ranking.strategies import TopDown
from app.ranking.values import Passage
from app.settings import Settings
from app.web.policy import MARK, MIB
from app.web.rerank import OUTCOME
from app.web.server import close_streams
from app.web.streams import Streams

from .conftest import BASE, OURS
from .fakes import HOSTILE, TOKEN, FakeStudio

PATH = "/api/v1/rerank"
# As cohere 5.x (ClientV2.rerank) sends it.
COHERE: dict[str, Any] = {
    "model": "nano",
    "query": "What is the capital of the United States?",
    "documents": ["Carson City is the capital of Nevada.", "Washington, D.C. is the capital.", "Capital letters begin a sentence."],
    "top_n": 2,
    "max_tokens_per_doc": 4096,
}
# As clients of Jina's reranker send it.
JINA: dict[str, Any] = {
    "model": "nano",
    "query": "skin care for sensitive skin",
    "documents": [{"text": "Aloe vera."}, {"text": "Make-up trends."}],
    "top_n": 2,
    "return_documents": True,
}


def post(client: TestClient, body: object, **headers: str) -> Any:
    return client.post(PATH, content=json.dumps(body), headers={"Content-Type": "application/json", **headers})


def test_a_client_of_cohere_reads_what_it_expects(client: TestClient, studio: FakeStudio) -> None:
    answer = post(client, COHERE, Authorization="Bearer none-of-our-business", **{"X-Client-Name": "langchain"})
    assert answer.status_code == 200 and answer.headers[OUTCOME] == "clean"
    told = answer.json()
    assert told["results"] == [{"index": 2, "relevance_score": 1.0}, {"index": 1, "relevance_score": 2 / 3}]
    assert told["id"] == told["run"] == TOKEN
    assert told["meta"]["api_version"] == {"version": "2"} and told["meta"]["billed_units"] == {"search_units": 0}
    assert told["notes"][0].startswith("max_tokens_per_doc: ") and told["meta"]["warnings"] == told["notes"]
    (started,) = studio.started
    assert started.model == "nano" and started.depth == 3 and started.collection is None
    assert started.passages == tuple(Passage(id=str(n), text=text) for n, text in enumerate(COHERE["documents"], start=1))


def test_a_client_of_jina_reads_what_it_expects(client: TestClient) -> None:
    told = post(client, JINA).json()
    assert told["model"] == "nano" and told["usage"]["total_tokens"] == 42
    assert told["results"] == [
        {"index": 1, "relevance_score": 1.0, "document": {"text": "Make-up trends."}},
        {"index": 0, "relevance_score": 0.5, "document": {"text": "Aloe vera."}},
    ]


def test_a_newer_cohere_client_finds_it_under_v2(client: TestClient) -> None:
    assert client.post("/api/v2/rerank", json=COHERE).json() == post(client, COHERE).json()


def test_what_is_ours_is_beside_it(client: TestClient, studio: FakeStudio) -> None:
    studio.outcome = "repaired"
    documents = ["same", {"id": "1", "title": "T", "text": "same"}, "same"]
    body = {"query": " q ", "documents": documents, "return_documents": True, "strategy": "top_down", "fusion": {}, "thinking": None}
    answer = post(client, body)
    told = answer.json()
    assert answer.headers[OUTCOME] == told["outcome"] == "repaired" and "repaired, not clean" in told["meta"]["warnings"][0]
    assert [one["index"] for one in told["results"]] == [2, 1, 0]
    assert told["results"][1]["document"] == {"id": "1", "title": "T", "text": "same"} and told["results"][0]["document"] == {
        "text": "same"
    }
    assert told["trace"] == [
        {
            "window": "w1", "depth": 1, "passages": [0, 1, 2], "reasoning": HOSTILE, "answer": "[2] > [1]", "outcome": "repaired",
            "problems": [], "error": "",
        }
    ]  # fmt: skip
    (started,) = studio.started
    assert started.query == "q" and started.model == "nano" and len({passage.id for passage in started.passages or ()}) == 3
    assert started.options == Options.of({"strategy": {"name": "top_down"}, "fusion": {"weight": 0.5}})
    assert isinstance(started.options.strategy, TopDown)


def _events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_a_stream_ends_with_the_whole_answer(client: TestClient) -> None:
    answer = post(client, COHERE | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = _events(answer.text)
    assert [event["event"] for event in events] == ["window", "trace", "standing", "done", "result"]
    assert [event["id"] for event in events] == list("12345")
    data = [json.loads(event["data"]) for event in events]
    assert data[0]["passages"] == [0, 1, 2] and data[1] == {"window": "w1", "channel": "reasoning", "text": HOSTILE}
    assert data[2] == {"indices": [2, 1, 0], "provisional": True}
    assert data[4] == post(client, COHERE).json()


TOO_MANY = ["x"] * 1_001


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"documents": []}, "documents"),
        ({"documents": TOO_MANY}, "1000 items"),
        ({"documents": ["x" * 20_001]}, "documents.0.text"),
        ({"documents": ["a", " "]}, "documents.1: the document is empty"),
        ({"documents": ["a", {"title": "b"}]}, "documents.1.text"),
        ({"documents": ["a", 5]}, "documents.1: a document is a text"),
        ({"documents": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]}, "twice"),
        ({"documents": [{"text": "x", "image": "y"}]}, "documents.0.image"),
        ({"documents": None}, "documents"),
        ({"query": ""}, "query"),
        ({"query": "x" * 4_001}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": -1}, "top_n"),
        ({"top_k": 1}, "top_k"),
        ({"strategy": "fastest"}, "sliding"),
        ({"strategy": {"name": "sliding", "size": 0}}, "size"),
        ({"strategy": {"name": "sliding", "size": "20"}}, "size"),
        ({"strategy": {"name": "sliding", "passes": 10**9}}, "passes"),
        ({"strategy": {"size": 20}}, "strategy.name"),
        ({"strategy": ["sliding"]}, "strategy"),
        ({"thinking": {"mode": "hard"}}, "reasoned"),
        ({"thinking": {"budget": -1}}, "budget"),
        ({"thinking": {"budget": "many"}}, "thinking.budget"),
        ({"thinking": {"settle": 5}}, "thinking.settle"),
        ({"thinking": {"patience": 5}}, "patience"),
        ({"fusion": {"weight": 2}}, "weight"),
        ({"fusion": {"weight": float("nan")}}, "weight"),
        ({"fusion": 0.5}, "fusion"),
    ],
)
def test_a_bad_rerank_is_refused_by_name(client: TestClient, studio: FakeStudio, change: dict[str, object], named: str) -> None:
    answer = post(client, COHERE | change)
    assert answer.status_code == 400 and named in answer.json()["error"]["message"], answer.text
    assert studio.started == []


def test_an_unknown_model_is_answered_with_those_there_are(client: TestClient, studio: FakeStudio) -> None:
    answer = post(client, COHERE | {"model": "rerank-v3.5"})
    assert answer.status_code == 404 and "nano, signals" in answer.json()["error"]["message"]
    assert studio.started == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("error", [BackendBusy("64 runs are at work already"), BackendUnavailable("the variable KEY is not set")])
def test_a_model_that_can_not_be_asked_now_says_so(client: TestClient, studio: FakeStudio, error: Exception, stream: bool) -> None:
    class Refusing(FakeStudio):
        async def start(self, *_: Any) -> str:
            raise error

    client.app.state.studio = Refusing()  # type: ignore[attr-defined]
    answer = post(client, COHERE | {"stream": stream})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
    assert answer.json()["error"]["message"] == str(error)


@pytest.mark.parametrize("content", ["{", "[" * 50_000, "null", "[]", '"x"', '{"query": NaN}', ""])
def test_a_body_that_is_no_json_object_is_refused(client: TestClient, content: str) -> None:
    answer = client.post(PATH, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", None])
def test_only_json_is_taken_because_no_other_site_can_send_it(client: TestClient, studio: FakeStudio, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post(PATH, content=json.dumps(COHERE), headers=headers)
    assert answer.status_code == 415 and "application/json" in answer.json()["error"]["message"]
    assert studio.started == []
    assert client.post(PATH, content=json.dumps(COHERE), headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Referer": "http://evil.example"}]
)
@pytest.mark.parametrize("path", [PATH, "/api/v2/rerank"])
def test_another_site_is_refused_and_gets_no_preflight(client: TestClient, studio: FakeStudio, headers: dict[str, str], path: str) -> None:
    assert client.post(path, json=COHERE, headers=headers).status_code == 403
    assert client.options(path, headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}).status_code >= 400
    assert studio.started == []


def test_the_mark_is_asked_for_everywhere_else(client: TestClient) -> None:
    for path in ("/api/v1/estimate", "/api/v1/runs", PATH + "/", PATH + "x", "/api/v1//rerank"):
        answer = client.post(path, json=COHERE)
        assert answer.status_code == 403 and MARK in answer.json()["error"]["message"], path


def test_a_large_body_is_refused_by_its_length_and_by_its_content(client: TestClient, studio: FakeStudio) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * MIB

    for content in (b" " * (16 * MIB + 1), pieces()):
        answer = client.post(PATH, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413 and "16 MB" in answer.json()["error"]["message"]
    assert studio.started == []


def _scope(app: FastAPI, body: bytes) -> dict[str, Any]:
    headers = {"host": "127.0.0.1:7860", "content-type": "application/json", "content-length": str(len(body))}
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7860), "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "app": app,
    }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("who", ["client", "server"])
def test_whoever_goes_away_stops_the_run(app: FastAPI, studio: FakeStudio, stream: bool, who: str) -> None:
    studio.stuck = True
    body = json.dumps(COHERE | {"stream": stream}).encode()
    sent: list[Message] = []

    async def main() -> None:
        gone = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        answering = asyncio.create_task(app(_scope(app, body), receive, send))
        await asyncio.sleep(0.1)
        assert studio.started and not studio.stopped
        if who == "client":
            gone.set()
        else:
            close_streams(app)
        await asyncio.wait_for(answering, 5)
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert studio.stopped == [TOKEN] and studio.released
    statuses = [message["status"] for message in sent if message["type"] == "http.response.start"]
    assert statuses == ([200] if stream else [503] if who == "server" else [])


def test_work_that_fails_is_raised_to_whoever_waits() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    async def failing() -> None:
        raise BackendBusy("later")

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def main(receive: Any, work: Any) -> None:
        from prometheus_client import CollectorRegistry, Gauge

        streams = Streams(Gauge("x", "x", registry=CollectorRegistry()))
        await streams.wait(Request({"type": "http"}, receive), work)

    with pytest.raises(BackendBusy):
        asyncio.run(main(never, failing()))
    with pytest.raises(ClientDisconnect):
        asyncio.run(main(gone, asyncio.sleep(5)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["sliding", "consensus", "setwise", "tournament", "top_down", "two_level", "x"])
ARGUMENTS = st.dictionaries(st.sampled_from(["size", "step", "k", "strategy", "stages", "top", "budget", "seed"]), VALUES, max_size=3)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "strategy": VALUES | NAMES | st.builds(lambda name, rest: {**rest, "name": name}, NAMES, ARGUMENTS),
        "thinking": VALUES | st.dictionaries(st.sampled_from(["mode", "budget", "settle", "audit"]), VALUES, max_size=3),
        "fusion": VALUES | st.dictionaries(st.sampled_from(["weight", "k"]), VALUES, max_size=2),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=OPTIONS)
def test_no_options_break_the_server(client: TestClient, options: dict[str, Any]) -> None:
    answer = post(client, COHERE | options)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.model
def test_the_embedded_model_ranks_by_meaning(tmp_path: Path) -> None:
    from app.services.studio import Studio
    from app.ui.page import build_blocks
    from app.web.server import build_app

    app = build_app(Studio.open(Settings(data_dir=tmp_path)), build_blocks())
    documents = ["January sales begin.", "Bread flour is sold in bags.", "Dough rises slowly in the cold, when yeast is sluggish."] * 10
    body = {"query": "Why does my bread rise so slowly in January?", "documents": documents, "top_n": 5}
    with TestClient(app, base_url=BASE) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        told = post(client, body)
        answer = told.json()
        assert told.status_code == 200 and told.headers[OUTCOME] == answer["outcome"] == "clean", answer
        assert [one["index"] % 3 for one in answer["results"]] == [2] * 5
        assert answer["usage"]["calls"] == 2 and len(answer["trace"]) == 2
        events = _events(post(client, body | {"stream": True}).text)
        assert events[-1]["event"] == "result" and json.loads(events[-1]["data"])["results"] == answer["results"]
        stored = client.get(f"/api/v1/runs/{answer['run']}").json()
        assert stored["depth"] == 30 and len(stored["passages"]) == 30 and stored["order"][0] == str(answer["results"][0]["index"] + 1)
        predicted = client.post("/api/v1/estimate", json={"query": body["query"], "model": "nano", "depth": 50}, headers=OURS).json()
        assert predicted["calls"] == [4, 4] and predicted["tokens_in"][0] > 0 and predicted["text"].startswith("4 calls, 4 deep")
