"""Routes: forms, limits, streams, and what a failure looks like from outside."""

from __future__ import annotations

import json
import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.ranking.errors import BackendBusy, BackendUnavailable, Conflict, Forbidden, InputError, NotFound, RankingError, StoreError
from app.ranking.values import Passage
from app.web.logs import short

from .conftest import OURS
from .fakes import TOKEN, FakeStudio
from .routes import JUDGEMENT, RUN


def test_the_readers_answer(client: TestClient) -> None:
    assert client.get("/api/v1/models").json()["models"][0] == {"name": "nano", "default": True}
    assert client.get("/api/v1/examples").json()["examples"][0]["id"] == "q1"
    assert client.get("/api/v1/collections").json()["collections"][0]["id"] == "0" * 64
    assert client.get("/api/v1/judgements").json() == {"judgements": []}
    assert client.get(f"/api/v1/judgements?run={TOKEN}").json() == {"judgement": None}
    assert client.get("/api/v1/stats").json() == {"runs": 0}
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "ReasonRank Studio"


def test_a_run_starts_over_a_collection_or_over_pasted_passages(client: TestClient, studio: FakeStudio) -> None:
    assert client.post("/api/v1/runs", json=RUN, headers=OURS).json() == {"run": TOKEN}
    pasted = {"query": "  why?  ", "model": "nano", "depth": 50, "passages": [{"text": "a"}, {"id": "1", "text": "b"}, {"text": "c"}]}
    assert client.post("/api/v1/runs", json=pasted, headers=OURS).status_code == 201
    request = studio.started[1]
    assert request.query == "why?" and request.collection is None and request.depth == 50
    assert request.passages == (Passage(id="4", text="a"), Passage(id="1", text="b"), Passage(id="3", text="c"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"query": "x" * 4_001}, "query"),
        ({"query": "   "}, "query"),
        ({"query": "\x00"}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"depth": 21}, "depth"),
        ({"passages": [{"text": "x"}]}, "either"),
        ({"passages": [{"text": "x"}]}, "not both"),
        ({"collection": "../x"}, "collection"),
        ({"collection": None, "passages": [{"text": "x"}] * 201}, "passages"),
        ({"collection": None, "passages": [{"text": "x" * 20_001}]}, "passages.0.text"),
        ({"collection": None, "passages": [{"id": "a", "text": "x"}] * 2}, "twice"),
        ({"api_key": "x"}, "api_key"),
    ],
)
def test_a_bad_run_is_refused_by_name(client: TestClient, studio: FakeStudio, change: dict[str, object], named: str) -> None:
    answer = client.post("/api/v1/runs", content=json.dumps(RUN | change), headers=OURS | {"Content-Type": "application/json"})
    assert answer.status_code == 400 and named in answer.json()["error"]["message"]
    assert studio.started == []


@pytest.mark.parametrize("content", ["{", "[" * 50_000, "null", "[]", '{"query": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(client: TestClient, content: str) -> None:
    answer = client.post("/api/v1/runs", content=content, headers=OURS | {"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_a_run_is_read_and_stopped(client: TestClient) -> None:
    assert client.get(f"/api/v1/runs/{TOKEN}").json()["state"] == "running"
    assert client.post(f"/api/v1/runs/{TOKEN}/stop", headers=OURS).json()["state"] == "stopped"
    for unknown in ("unknown-token", "x", "a%20b"):
        for path in (f"/api/v1/runs/{unknown}", f"/api/v1/runs/{unknown}/events"):
            assert client.get(path).status_code == 404


def _events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_events_are_numbered_and_resume_where_they_broke_off(client: TestClient, studio: FakeStudio) -> None:
    answer = client.get(f"/api/v1/runs/{TOKEN}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = _events(answer.text)
    assert [event["id"] for event in events] == list("123456")
    assert [event["event"] for event in events] == ["start", "window", "trace", "standing", "done", "end"]
    assert all(json.loads(event["data"])["run"]["token"] == TOKEN for event in events)
    again = _events(client.get(f"/api/v1/runs/{TOKEN}/events", headers={"Last-Event-ID": "4"}).text)
    assert [event["id"] for event in again] == ["5", "6"]
    for nonsense in ("-1", "x", "9" * 40, ""):
        assert len(_events(client.get(f"/api/v1/runs/{TOKEN}/events", headers={"Last-Event-ID": nonsense}).text)) == 6
    assert studio.released


def test_a_judgement_is_saved_once_per_key(client: TestClient, studio: FakeStudio) -> None:
    first = client.post("/api/v1/judgements", json=JUDGEMENT, headers=OURS)
    assert first.status_code == 201 and first.json()["judgement"]["version"] == 1
    assert client.post("/api/v1/judgements", json=JUDGEMENT, headers=OURS).status_code == 200
    assert studio.drafts[0] == JUDGEMENT


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"run": "x"}, "run"),
        ({"idempotency_key": "x"}, "idempotency_key"),
        ({"base_version": -1}, "base_version"),
        ({"order": [["a"], ["a"]]}, "two places"),
        ({"order": [[]]}, "order"),
        ({"not_relevant": ["a/1"]}, "two places"),
        ({"grades": {"a": 4}}, "grades"),
        ({"grades": {"\ud800": 1}}, "grades"),
        ({"note": "x" * 10_001}, "note"),
        ({"confidence": 1.5}, "confidence"),
        ({"active_seconds": float("inf")}, "active_seconds"),
        ({"claims": [{"claim_id": "c", "verdict": "wrong", "span": [5, 5]}]}, "span"),
        ({"claims": [{"claim_id": "c", "verdict": "maybe"}]}, "verdict"),
        ({"shown_order": ["x" * 201]}, "shown_order"),
        ({"state": "done"}, "state"),
        ({"actor": "somebody else"}, "actor"),
    ],
)
def test_a_bad_judgement_is_refused_by_name(client: TestClient, studio: FakeStudio, change: dict[str, object], named: str) -> None:
    answer = client.post("/api/v1/judgements", content=json.dumps(JUDGEMENT | change), headers=OURS | {"Content-Type": "application/json"})
    assert answer.status_code == 400 and named in answer.json()["error"]["message"], answer.text
    assert studio.drafts == []


def test_a_file_becomes_a_collection(client: TestClient, studio: FakeStudio) -> None:
    answer = client.post("/api/v1/collections", files={"file": ("a.txt", b"x" * 300_000)}, data={"format": "text"}, headers=OURS)
    assert answer.status_code == 202 and answer.json() == {"id": "1" * 64}
    assert studio.uploads == [("a.txt", "text", b"x" * 300_000)]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"data": {"name": "x"}}, "file"),
        ({"files": {"file": ("a", b"x")}, "data": {"format": "exe"}}, "format"),
        ({"files": {"file": ("a", b"x")}, "data": {"name": "x" * 201}}, "name"),
        ({"files": {"file": ("a", b"x" * 3_000_000)}}, "2 MB"),
        ({"files": [("file", ("a", b"x")), ("file", ("b", b"y"))]}, "files"),
        ({"json": {}}, "file"),
    ],
)
def test_a_bad_upload_is_refused_by_name(client: TestClient, studio: FakeStudio, form: dict[str, object], named: str) -> None:
    answer = client.post("/api/v1/collections", headers=OURS, **form)
    assert answer.status_code in (400, 413) and named in answer.json()["error"]["message"]
    assert studio.uploads == []


def test_an_export_is_a_download_in_a_sandbox(client: TestClient) -> None:
    answer = client.get("/api/v1/export/judgements.jsonl")
    assert answer.text == '{"a":1}\n{"a":2}\n'
    assert answer.headers["content-disposition"] == 'attachment; filename="a__b___.jsonl"'
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert client.get("/api/v1/export/users.sql").status_code == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("the query is empty"), 400),
        (Forbidden("may not"), 403),
        (NotFound("no such run"), 404),
        (BackendBusy("64 runs are at work"), 503),
        (BackendUnavailable("the model is not there"), 503),
        (StoreError("the database is read-only"), 503),
    ],
)
def test_our_errors_become_one_sentence(client: TestClient, studio: FakeStudio, error: Exception, status: int) -> None:
    studio.error = error
    answer = client.post("/api/v1/runs", json=RUN, headers=OURS)
    assert answer.status_code == status and answer.json()["error"]["message"] == str(error)
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_stale_save_shows_both_versions(client: TestClient, studio: FakeStudio) -> None:
    error = Conflict("somebody saved version 2 meanwhile")
    error.yours, error.newest = {"version": 1}, {"version": 2}  # type: ignore[attr-defined]
    studio.error = error
    answer = client.post("/api/v1/judgements", json=JUDGEMENT, headers=OURS)
    assert answer.status_code == 409
    assert answer.json() == {
        "error": {"code": "conflict", "message": str(error)},
        "yours": {"version": 1},
        "newest": {"version": 2},
    }


@pytest.mark.parametrize("error", [RuntimeError("secret at /home/x"), RankingError("secret at /home/x"), KeyError("secret")])
@pytest.mark.parametrize("path", ["/api/v1/models", f"/api/v1/runs/{TOKEN}/events", "/api/v1/export/judgements.jsonl"])
def test_a_crash_tells_the_log_and_not_the_visitor(
    client: TestClient, studio: FakeStudio, caplog: pytest.LogCaptureFixture, error: Exception, path: str
) -> None:
    studio.error = error
    with caplog.at_level(logging.ERROR):
        answer = client.get(path)
    assert answer.status_code == 500
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    assert answer.headers["content-security-policy"]
    assert any("secret" in (record.exc_text or str(record.exc_info)) for record in caplog.records)


def test_health_and_readiness(client: TestClient, studio: FakeStudio) -> None:
    assert client.get("/healthz").text == "ok"
    assert client.get("/readyz").json() == {"ready": True, "waiting_for": []}
    studio.waiting = ("the embedded model",)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json() == {"ready": False, "waiting_for": ["the embedded model"]}


def test_metrics_count_by_route_and_never_by_run(client: TestClient) -> None:
    client.get(f"/api/v1/runs/{TOKEN}")
    client.get("/wp-admin.php")
    text = client.get("/metrics").text
    assert 'reasonrank_runs_total{outcome="clean"} 3.0' in text
    assert "reasonrank_active_runs 2.0" in text and 'reasonrank_tokens_total{direction="out"} 20.0' in text
    assert 'route="/api/v1/runs/{token}"' in text
    assert TOKEN not in text and "wp-admin" not in text


def test_the_access_log_names_the_run_but_not_its_token(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="studio.access"):
        client.get(f"/api/v1/runs/{TOKEN}?x=secret")
    assert [record.getMessage() for record in caplog.records] == ["GET /api/v1/runs/{token} 200"]
    assert len(short(TOKEN)) < len(TOKEN) // 2


def test_static_files_have_types_and_etags(client: TestClient) -> None:
    answer = client.get("/static/studio.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8" and answer.headers["cache-control"] == "no-cache"
    assert client.get("/static/studio.js", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert client.get("/static/studio.css").headers["content-type"] == "text/css; charset=utf-8"
    assert client.get("/static/js/iframeResizer.contentWindow.min.js").status_code == 200


def test_the_studio_warms_up_with_the_server_and_is_closed_with_it(app: FastAPI, studio: FakeStudio) -> None:
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        assert client.get("/healthz").status_code == 200 and studio.warmed
    assert studio.closed
