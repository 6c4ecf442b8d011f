"""The OpenAPI document: every route is in it, its examples fit their schemas, and the app takes and gives what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.settings import Settings

from .conftest import BASE, OURS
from .fakes import TOKEN, FakeStudio
from .routes import JUDGEMENT, RERANK, RUN, api_routes
from .schemas import faults

Document = dict[str, Any]


@pytest.fixture
def document(client: TestClient) -> Document:
    found: Document = client.get("/api/v1/openapi.json").json()
    return found


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def body_schema(operation: Document) -> Document:
    content: Document = operation.get("requestBody", {}).get("content", {})
    found: Document = content.get("application/json", {}).get("schema", {})
    return found


def test_every_route_is_in_it_and_says_what_it_gives(app: FastAPI, document: Document) -> None:
    told = {(method, path) for method, path, _ in operations(document)}
    real = {(method, route) for method, route, _ in api_routes(app, templates=True)}
    assert told == real and ("POST", "/api/v1/rerank") in told and ("GET", "/api/v1/strategies") in told and len(told) >= 16
    for method, path, operation in operations(document):
        assert operation["summary"] and operation["description"], path
        assert {"4XX", "5XX"} <= set(operation["responses"]) and "422" not in operation["responses"], path
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert success["content"] and all(kind["schema"] for kind in success["content"].values()), (method, path)


def test_it_can_be_read_without_anything_of_another_host(document: Document, client: TestClient) -> None:
    assert "servers" not in document and "http://" not in json.dumps(document) and "https://" not in json.dumps(document)
    assert client.get("/docs").status_code == client.get("/redoc").status_code == client.get("/api/v1/docs").status_code == 404


def test_every_example_fits_its_schema(document: Document) -> None:
    count = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            assert list(faults(schema, example, document)) == [], name
            count += 1
    assert count >= 6


def test_every_posted_example_is_taken(document: Document, client: TestClient, studio: FakeStudio) -> None:
    sent = 0
    for method, path, operation in operations(document):
        reference = body_schema(operation).get("$ref", "")
        schema = document["components"]["schemas"].get(reference.rsplit("/", 1)[-1], {})
        for example in schema.get("examples", ()):
            answer = client.request(method, path.replace("{token}", TOKEN), json=example, headers=OURS)
            assert answer.status_code < 300, (path, answer.text)
            success = next(told for status, told in operation["responses"].items() if status == str(answer.status_code))
            if path != "/api/v1/judgements":  # the fake gives back what it got
                assert list(faults(success["content"]["application/json"]["schema"], answer.json(), document)) == [], path
            sent += 1
    assert sent >= 7 and len(studio.started) >= 4 and studio.predicted and studio.drafts


@pytest.mark.parametrize(
    ("path", "body", "right"),
    [
        ("/api/v1/runs", RUN, True),
        ("/api/v1/judgements", JUDGEMENT, True),
        ("/api/v1/rerank", RERANK, True),
        ("/api/v1/rerank", RERANK | {"strategy": "sliding"}, True),
        ("/api/v1/rerank", RERANK | {"documents": []}, False),
        ("/api/v1/rerank", RERANK | {"documents": [5]}, False),
        ("/api/v1/rerank", RERANK | {"top_n": 0}, False),
        ("/api/v1/rerank", RERANK | {"top_k": 1}, False),
        ("/api/v1/runs", RUN | {"depth": 21}, False),
        ("/api/v1/estimate", {"model": "nano"}, True),
        ("/api/v1/estimate", {}, False),
    ],
)
def test_schema_and_app_agree(document: Document, client: TestClient, path: str, body: Document, right: bool) -> None:
    fits = not list(faults(body_schema(document["paths"][path]["post"]), body, document))
    assert fits == right == (client.post(path, json=body, headers=OURS).status_code < 300)


def test_the_judge_of_schemas_can_fail() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"], "additionalProperties": False}
    assert len(list(faults(schema, {"a": 0, "b": 1}, {}))) == 2
    assert list(faults(schema, {}, {})) and list(faults(schema, [], {})) and not list(faults(schema, {"a": 1}, {}))
    with pytest.raises(KeyError):
        list(faults({"unheard": 1}, 1, {}))


@pytest.mark.model
def test_the_real_studio_gives_what_the_document_says(tmp_path: Path) -> None:
    from app.services.studio import Studio
    from app.ui.page import build_blocks
    from app.web.server import build_app

    app = build_app(Studio.open(Settings(data_dir=tmp_path)), build_blocks())
    with TestClient(app, base_url=BASE) as client:
        document = client.get("/api/v1/openapi.json").json()

        def check(method: str, path: str, body: object = None, template: str = "") -> Any:
            answer = client.request(method, path, json=body, headers=OURS)
            told = document["paths"][template or path][method.lower()]["responses"][str(answer.status_code)]
            assert list(faults(told["content"]["application/json"]["schema"], answer.json(), document)) == [], path
            return answer.json()

        reranked = check("POST", "/api/v1/rerank", RERANK | {"strategy": {"name": "consensus", "k": 2}, "return_documents": True})
        assert [one["best"] <= one["worst"] for one in reranked["intervals"]] == [True, True]
        run = check("GET", f"/api/v1/runs/{reranked['run']}", template="/api/v1/runs/{token}")
        judgement = JUDGEMENT | {"run": run["token"], "order": [["1"], ["2"]], "not_relevant": [], "grades": {}, "claims": [], "spans": []}
        check("POST", "/api/v1/judgements", judgement | {"shown_order": ["1", "2"], "state": "submitted"})
        for path in ("models", "strategies", "examples", "collections", "judgements", "judgements/recent", "stats"):
            check("GET", f"/api/v1/{path}")
        check("POST", "/api/v1/estimate", {"model": "nano", "depth": 100, "options": {"strategy": {"name": "top_down"}}})
        check("POST", f"/api/v1/runs/{run['token']}/stop", template="/api/v1/runs/{token}/stop")
