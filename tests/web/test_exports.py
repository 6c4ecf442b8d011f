"""Exports over HTTP: what may be asked, what comes, and that a file is always a download."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.exports.registry import FORMATS
from app.services.actors import Actor
from app.services.exports import Withdrawn

from .conftest import OURS
from .fake_exports import MADE, VERSION
from .fakes import FakeStudio
from .schemas import faults

ROUTES = (("GET", "/exports/formats"), ("GET", "/exports"), ("GET", f"/exports/{'0' * 64}/manifest"))


def test_a_version_is_made_of_what_was_asked(client: TestClient) -> None:
    MADE.clear()
    answer = client.post("/api/v1/exports", json={"format": "rows", "project": "p-1", "all_versions": True, "texts": False}, headers=OURS)
    assert (answer.status_code, answer.json()) == (201, {"export": VERSION})
    ((name, query),) = MADE
    assert name == "rows" and (query["project"], query["all_versions"], query["texts"], query["include_holdout"]) == (
        "p-1",
        True,
        False,
        False,
    )


@pytest.mark.parametrize("body", [{}, {"format": "../x"}, {"format": "rows", "colour": 1}, {"format": "rows", "states": ["lost"]}])
def test_what_can_not_be_asked_is_refused(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/api/v1/exports", json=body, headers=OURS).status_code == 400


def test_the_answers_are_as_documented(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    for method, path in ROUTES:
        answer = client.request(method, f"/api/v1{path}", headers=OURS)
        template = f"/api/v1{path.replace('0' * 64, '{id}')}"
        schema = document["paths"][template][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
        assert list(faults(schema, answer.json(), document)) == [], path
    formats = client.get("/api/v1/exports/formats").json()["formats"]
    assert [one["name"] for one in formats] == [form.name for form in FORMATS] and all(one["columns"] for one in formats)


def test_a_file_of_a_version_is_a_download(client: TestClient, studio: FakeStudio) -> None:
    answer = client.get(f"/api/v1/exports/{'0' * 64}/file")
    assert answer.status_code == 200 and answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/api/v1/exports/..%2Fstudio.db/file").status_code in (400, 404)
    studio.error = Withdrawn("1 of its 2 judgements went")
    gone = client.get(f"/api/v1/exports/{'0' * 64}/file")
    assert gone.status_code == 409 and "1 of its 2" in gone.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("POST", "/exports"), ("GET", f"/exports/{'0' * 64}/file")])
def test_they_take_the_role_of_a_researcher(client: TestClient, studio: FakeStudio, method: str, path: str) -> None:
    studio.actor = Actor(id="x", name="Ann", roles=frozenset({"visitor", "annotator", "reviewer", "admin"}))
    answer = client.request(method, f"/api/v1{path}", json={"format": "rows"} if method == "POST" else None, headers=OURS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
