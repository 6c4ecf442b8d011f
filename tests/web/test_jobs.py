"""Routes of jobs and schedules: what they take, pass on and answer, and the real services behind them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.services.actors import Actor
from db.store import jobs, workers

from .conftest import OURS
from .fake_jobs import JOB
from .fakes import FakeStudio
from .house import HEADERS, House
from .schemas import faults

KEY = "0198c7a2-0000-7000-8000-000000000000"
NEW: dict[str, Any] = {
    "kind": "synthesize", "arguments": {"recipe": "demo", "text": "", "teacher": "", "limit": 5}, "idempotency_key": KEY,
}  # fmt: skip
SCHEDULE: dict[str, Any] = {"name": "nightly", "cron": "0 3 * * 1", "kind": "synthesize", "arguments": NEW["arguments"]}
RESEARCHER = Actor(id="r", name="Rae", roles=frozenset({"visitor", "researcher"}))


def test_a_new_job_is_201_and_the_same_key_again_200(client: TestClient, studio: FakeStudio) -> None:
    assert [client.post("/api/v1/jobs", json=NEW, headers=OURS).status_code for _ in range(2)] == [201, 200]
    assert studio.asked[0] == ("start", {"kind": "synthesize", "key": KEY, "arguments": NEW["arguments"]})
    assert client.post("/api/v1/jobs", json=NEW).status_code == 403  # without our header


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "../x"}, {"kind": ""}, {"idempotency_key": "x"}, {"arguments": []}, {"more": 1},
        {"arguments": {"text": "x" * 200_001}}, {"arguments": {str(number): 1 for number in range(41)}},
    ],
)  # fmt: skip
def test_a_malformed_job_never_reaches_the_service(client: TestClient, studio: FakeStudio, changes: dict[str, Any]) -> None:
    answer = client.post("/api/v1/jobs", json=NEW | changes, headers=OURS)
    assert answer.status_code == 400 and not studio.asked


@pytest.mark.parametrize("changes", [{"cron": ""}, {"zone": "../../etc"}, {"name": " "}, {"enabled": "perhaps"}, {"cron": "x" * 201}])
def test_a_malformed_schedule_never_reaches_the_service(client: TestClient, studio: FakeStudio, changes: dict[str, Any]) -> None:
    assert client.post("/api/v1/schedules", json=SCHEDULE | changes, headers=OURS).status_code == 400 and not studio.asked


def test_researchers_look_on_and_admins_act(client: TestClient, studio: FakeStudio) -> None:
    studio.actor = RESEARCHER
    for path in ("jobs", f"jobs/{JOB['id']}", "schedules"):
        assert client.get(f"/api/v1/{path}").status_code == 200
    assert client.post("/api/v1/jobs", json=NEW, headers=OURS).status_code == 403
    assert client.post(f"/api/v1/jobs/{JOB['id']}/cancel", headers=OURS).status_code == 403
    assert client.delete(f"/api/v1/schedules/{JOB['id']}", headers=OURS).status_code == 403


def test_events_are_numbered_and_resume(client: TestClient, studio: FakeStudio) -> None:
    path = f"/api/v1/jobs/{JOB['id']}/events"
    whole = client.get(path)
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert re.findall(r"^(?:id|event): (.*)$", whole.text, re.M) == ["1", "log", "2", "progress", "3", "end"]
    rest = client.get(path, headers={"Last-Event-ID": "2"})
    assert re.findall(r"^id: (.*)$", rest.text, re.M) == ["3"] and studio.asked[-1] == ("events", {"id": JOB["id"], "after": 2})
    assert client.get("/api/v1/jobs/%00/events").status_code == 404


def test_a_change_passes_on_only_what_was_sent(client: TestClient, studio: FakeStudio) -> None:
    path = f"/api/v1/schedules/{JOB['id']}"
    assert client.patch(path, json={"enabled": False}, headers=OURS).status_code == 200
    assert studio.asked == [("change", {"id": JOB["id"], "enabled": False})]
    assert client.patch(path, json={"kind": "index"}, headers=OURS).status_code == 400
    assert client.delete(path, headers=OURS).json() == {"done": True}


def test_what_the_real_services_answer_is_what_the_document_says(tmp_path: Path) -> None:
    house = House(tmp_path)
    client = house.client(house.admin)
    document = client.get("/api/v1/openapi.json").json()

    def check(method: str, path: str, template: str = "", body: object = None) -> Any:
        answer = client.request(method, f"/api/v1/{path}", json=body, headers=HEADERS)
        told = document["paths"][f"/api/v1/{template or path}"][method.lower()]["responses"][str(answer.status_code)]
        assert list(faults(told["content"]["application/json"]["schema"], answer.json(), document)) == [], path
        return answer.json()

    def refused(path: str, body: object) -> str:
        return str(client.post(f"/api/v1/{path}", json=body, headers=HEADERS).json()["error"]["code"])

    job = check("POST", "jobs", body=NEW)
    assert refused("jobs", NEW | {"arguments": NEW["arguments"] | {"limit": 6}}) == "conflict"
    with house.database.write() as session:
        worker = workers.register(session, "here-1", {"kinds": ["synthesize"]})
        taken = jobs.take(session, worker, ["synthesize"], 60.0)
        assert taken is not None
        jobs.say(session, taken[1], [("log", {"text": "begun"})])
    told = check("GET", "jobs")
    assert told["workers"][0]["alive"] is True and told["jobs"][0]["worker"] == "here-1" and told["waiting"] == 0
    assert check("GET", f"jobs/{job['id']}", "jobs/{id}")["log"][0]["text"] == "begun"
    assert check("POST", f"jobs/{job['id']}/cancel", "jobs/{id}/cancel")["cancel"] is True
    with house.database.write() as session:
        assert jobs.end(session, taken[1], jobs.Ending(state="cancelled"))
    followed = client.get(f"/api/v1/jobs/{job['id']}/events")
    assert re.findall(r"^event: (.*)$", followed.text, re.M) == ["log", "end"]
    made = check("POST", "schedules", body=SCHEDULE)
    assert check("GET", "schedules")["schedules"] == [made]
    assert check("PATCH", f"schedules/{made['id']}", "schedules/{id}", {"zone": "Europe/Berlin"})["zone"] == "Europe/Berlin"
    assert refused("schedules", SCHEDULE | {"cron": "0 3 * * 9"}) == "bad_input" and refused("schedules", SCHEDULE) == "conflict"
    assert check("DELETE", f"schedules/{made['id']}", "schedules/{id}") == {"done": True}
    assert check("GET", "schedules")["schedules"] == []
