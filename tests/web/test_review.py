"""Routes of review, quality, objections and the dashboard: what they take, pass on and answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.services.actors import VISITOR
from db.session import Database
from tests.services.panel_world import World

from .conftest import OURS
from .fake_review import ADJUDICATION, TASK_ID
from .fakes import TOKEN, FakeStudio
from .house import HEADERS, House
from .schemas import faults

KEY = "0198c7a2-0000-7000-8000-000000000000"
DECISION: dict[str, Any] = {"idempotency_key": KEY, "base_version": 0, "order": [["a/1"]], "reason": "It answers."}
OBJECTION: dict[str, Any] = {"idempotency_key": KEY, "consent_version": "2026-11-28"}


def test_a_decision_is_201_then_200_and_stale_is_409_with_both(client: TestClient, studio: FakeStudio) -> None:
    path = f"/api/v1/tasks/{TASK_ID}/adjudications"
    assert [client.post(path, json=DECISION, headers=OURS).status_code for _ in range(2)] == [201, 200]
    assert studio.asked[0][1]["gold"] is False and studio.asked[0][1]["task"] == TASK_ID
    stale = client.post(path, json=DECISION | {"base_version": 1}, headers=OURS)
    assert stale.status_code == 409 and stale.json()["newest"] == ADJUDICATION and stale.json()["yours"]["reason"] == "It answers."
    assert stale.json()["error"]["code"] == "conflict"


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": " "}, {"order": [[]]}, {"order": None}, {"grades": {"a/1": -1}}, {"grades": {"a/1": 1.5}}, {"base_version": -1},
        {"idempotency_key": "x"}, {"picked_id": "../x"}, {"more": 1}, {"reason": "x" * 4_001}, {"reason": "a\x00b"},
    ],
)  # fmt: skip
def test_a_malformed_decision_never_reaches_the_service(client: TestClient, studio: FakeStudio, changes: dict[str, Any]) -> None:
    answer = client.post(f"/api/v1/tasks/{TASK_ID}/adjudications", json=DECISION | changes, headers=OURS)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "bad_input" and not studio.asked


def test_visitors_object_after_the_consent_line(client: TestClient, studio: FakeStudio) -> None:
    studio.actor = VISITOR
    told = client.get("/api/v1/consent").json()
    assert told["version"] == "2026-11-28" and "reviewer" in told["text"]
    path = f"/api/v1/runs/{TOKEN}/disagreements"
    assert [client.post(path, json=OBJECTION, headers=OURS).status_code for _ in range(2)] == [201, 200]
    assert client.post(path, json={"idempotency_key": KEY}, headers=OURS).status_code == 400
    assert client.post(path, json=OBJECTION | {"note": "x" * 2_001}, headers=OURS).status_code == 400
    assert client.post(path, json=OBJECTION).status_code == 403  # without our header
    assert client.post("/api/v1/runs/a%20b/disagreements", json=OBJECTION, headers=OURS).status_code == 404
    assert [what for what, _ in studio.asked] == ["object", "object"]
    assert client.get("/api/v1/disagreements").status_code == client.get("/api/v1/dashboard").status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"state": "accepted", "trust": 0.5}, 200), ({"state": "rejected"}, 200), ({"state": "accepted"}, 400),
        ({"state": "accepted", "trust": 0}, 400), ({"state": "accepted", "trust": 1.01}, 400), ({"state": "rejected", "trust": 1}, 400),
        ({"state": "new"}, 400),
    ],
)  # fmt: skip
def test_a_trust_belongs_to_what_is_accepted(client: TestClient, studio: FakeStudio, body: dict[str, Any], status: int) -> None:
    assert client.post(f"/api/v1/disagreements/{TASK_ID}/decision", json=body, headers=OURS).status_code == status
    assert len(studio.asked) == (status == 200)


def test_filters_are_passed_on_and_bounded(client: TestClient, studio: FakeStudio) -> None:
    assert client.get("/api/v1/dashboard/items", params={"topic": "a b", "bucket": "bin:1", "limit": 5}).json()["items"] == []
    assert client.get("/api/v1/disagreements", params={"state": "new", "before": "x"}).json()["counts"]["new"] == 1
    assert studio.asked == [
        ("items", {"topic": "a b", "bucket": "bin:1", "limit": 5}), ("list", {"state": "new", "before": "x", "limit": 100}),
    ]  # fmt: skip
    for path in ("dashboard/items?limit=0", "dashboard/items?limit=1001", "disagreements?state=odd", f"dashboard?project={'x' * 401}"):
        assert client.get(f"/api/v1/{path}").status_code == 400


def test_what_the_real_services_answer_is_what_the_document_says(tmp_path: Path) -> None:
    house = House(tmp_path)
    world = World(Database(house.settings.url))
    ann, bob = world.person("Ann Secret"), world.person("Bob Secret")
    tasks = [world.task(query, "abcd", topic="bread") for query in ("one", "two")]
    for query in ("one", "two"):
        world.run(query, "dbca")
        world.judge(ann, query, "a b | cd", grades={"a": 3})
        world.judge(bob, query, "b ac | d", grades={"a": 1})
    client = house.client(house.admin)
    document = client.get("/api/v1/openapi.json").json()

    def check(method: str, path: str, template: str = "", body: object = None) -> Any:
        answer = client.request(method, f"/api/v1/{path}", json=body, headers=HEADERS)
        told = document["paths"][f"/api/v1/{template or path}"][method.lower()]["responses"][str(answer.status_code)]
        assert list(faults(told["content"]["application/json"]["schema"], answer.json(), document)) == [], path
        assert "Secret" not in answer.text and ann.id not in answer.text, path
        return answer.json()

    project = world.project
    assert len(check("GET", f"projects/{project}/review", "projects/{id}/review")["tasks"]) == 2
    body = DECISION | {"order": [["a"]], "gold": True}
    saved = check("POST", f"tasks/{tasks[0]}/adjudications", "tasks/{id}/adjudications", body)
    told = check("GET", f"tasks/{tasks[0]}/review", "tasks/{id}/review")
    assert len(told["judgements"]) == 3 and told["adjudication"]["id"] == saved["adjudication"]["id"] and told["kind"] == "gold"
    check("GET", f"projects/{project}/agreement", "projects/{id}/agreement")
    for row in check("GET", f"projects/{project}/annotators", "projects/{id}/annotators")["annotators"]:
        one = check("GET", f"projects/{project}/annotators/{row['who']}", "projects/{id}/annotators/{who}")
        assert len(one["series"]) == 2
    check("GET", "consent")
    item = check("GET", "dashboard/items")["items"][0]
    check("POST", f"runs/{item['run']}/disagreements", "runs/{token}/disagreements", OBJECTION | {"order": [["a"], ["b"]]})
    (objection,) = check("GET", "disagreements")["disagreements"]
    # One's own objection is for somebody else to decide on.
    assert "error" in check_error(client, f"disagreements/{objection['id']}/decision", {"state": "rejected"})
    assert check("GET", "dashboard")["cells"][0]["objections"]["new"] == 1


def check_error(client: TestClient, path: str, body: object) -> Any:
    answer = client.post(f"/api/v1/{path}", json=body, headers=HEADERS)
    assert answer.status_code == 403
    return answer.json()
