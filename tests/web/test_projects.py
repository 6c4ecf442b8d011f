"""Routes of projects and tasks: forms, limits, files, and judgements of assignments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from .conftest import OURS
from .fake_projects import ASSIGNMENT, PROJECT, TASK
from .fakes import FakeStudio
from .house import HEADERS, House
from .routes import JUDGEMENT

PATH = f"/api/v1/projects/{PROJECT['id']}"


def test_projects_are_listed_made_and_changed(client: TestClient, studio: FakeStudio) -> None:
    assert client.get("/api/v1/projects").json() == {"projects": [PROJECT]}
    assert client.post("/api/v1/projects", json={"name": " A ", "overlap": 3}, headers=OURS).status_code == 201
    assert client.patch(PATH, json={"state": "closed"}, headers=OURS).json() == PROJECT
    assert studio.asked == [("create", {"name": "A", "overlap": 3}), ("update", {"state": "closed"})]
    assert client.post(f"{PATH}/guidelines", json={"text": "x"}, headers=OURS).json()["text"] == "x"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "name"),
        ({"overlap": 0}, "overlap"),
        ({"depth": 201}, "depth"),
        ({"gold_share": 1.0}, "gold_share"),
        ({"audit_share": -0.1}, "audit_share"),
        ({"grades": ["one"]}, "grades"),
        ({"view": "seen"}, "view"),
        ({"shown": "sorted"}, "shown"),
        ({"lease_minutes": 0}, "lease_minutes"),
        ({"actor_id": "x"}, "actor_id"),
    ],
)
def test_a_bad_project_is_refused_by_name(client: TestClient, studio: FakeStudio, change: dict[str, object], named: str) -> None:
    answer = client.post("/api/v1/projects", json={"name": "A"} | change, headers=OURS)
    assert answer.status_code == 400 and named in answer.json()["error"]["message"]
    assert studio.asked == []


def test_lists_are_taken_as_json(client: TestClient, studio: FakeStudio) -> None:
    lists = [{"topic": "q 1", "query": "why?", "passages": [{"id": "a b/1", "text": "x"}, {"text": "y", "score": 2}]}]
    answer = client.post(f"{PATH}/tasks", json={"lists": lists}, headers=OURS)
    assert answer.status_code == 201 and answer.json() == {"added": 1, "known": 0, "problems": []}
    assert studio.asked[0][1]["lists"][0]["passages"][1] == {"id": "", "title": "", "text": "y", "score": 2.0}
    client.post(f"{PATH}/tasks", json={"queries": ["why?"], "run": True, "model": "nano"}, headers=OURS)
    assert studio.asked[1][1]["asked"].model == "nano" and studio.asked[1][1]["asked"].collection is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "lists"),
        ({"lists": [], "queries": []}, "lists"),
        ({"lists": [{"query": "q", "passages": [{"text": "x"}]}]}, "lists.0.passages"),
        ({"lists": [{"query": "q", "passages": [{"text": "x"}, {"text": ""}]}]}, "lists.0.passages.1.text"),
        ({"lists": [{"query": "q", "passages": [{"text": "x"}, {"text": "\x00"}]}]}, "NUL"),
        ({"queries": ["q"], "run": True}, "model"),
        ({"queries": ["q"], "kind": "gold"}, "kind"),
        ({"lists": [{"query": "q", "passages": [{"text": "x"}] * 201}]}, "passages"),
    ],
)
def test_bad_lists_are_refused_by_name(client: TestClient, studio: FakeStudio, body: dict[str, object], named: str) -> None:
    answer = client.post(f"{PATH}/tasks", content=json.dumps(body), headers=OURS | {"Content-Type": "application/json"})
    assert answer.status_code == 400 and named in answer.json()["error"]["message"], answer.text
    assert studio.asked == []


def test_files_are_taken_each_by_its_name(client: TestClient, studio: FakeStudio) -> None:
    files = {"file": ("run.txt", b"q Q0 d 1 2 t"), "corpus": ("c.jsonl", b"{}"), "topics": ("t.tsv", b"q\tx"), "qrels": ("q", b"q 0 d 1")}
    answer = client.post(f"{PATH}/tasks", files=files, data={"format": "trec", "kind": "gold"}, headers=OURS)
    assert answer.status_code == 201
    held = {"file": b"q Q0 d 1 2 t", "corpus": b"{}", "topics": b"q\tx", "qrels": b"q 0 d 1"}
    assert studio.asked == [("add_file", {"name": "run.txt", "format": "trec", "kind": "gold", **held})]
    studio.problems = ("line 3: holds a zero byte",)
    refused = client.post(f"{PATH}/tasks", files={"file": ("a.jsonl", b"x")}, headers=OURS)
    assert refused.status_code == 200 and refused.json()["problems"] == ["line 3: holds a zero byte"]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"files": {"corpus": ("c", b"x")}}, "file"),
        ({"files": {"file": ("c", b"x")}, "data": {"format": "exe"}}, "format"),
        ({"files": {"file": ("c", b"x")}, "data": {"kind": "silver"}}, "kind"),
        ({"files": {"file": ("c", b"x" * 3_000_000)}}, "2 MB"),
    ],
)
def test_a_bad_form_is_refused_by_name(client: TestClient, studio: FakeStudio, form: dict[str, object], named: str) -> None:
    answer = client.post(f"{PATH}/tasks", headers=OURS, **form)
    assert answer.status_code in (400, 413) and named in answer.json()["error"]["message"]
    assert studio.asked == []


def test_a_task_is_given_put_off_renewed_and_listed(client: TestClient) -> None:
    assert client.post(f"{PATH}/next", headers=OURS).json() == {"task": TASK, "left": 2, "why": ""}
    assert client.get(f"/api/v1/assignments/{ASSIGNMENT}").json() == TASK
    assert client.post(f"/api/v1/assignments/{ASSIGNMENT}/later", headers=OURS).json() == {}
    assert client.post(f"/api/v1/assignments/{ASSIGNMENT}/renew", headers=OURS).json() == {"lease_until": TASK["lease_until"]}
    assert client.get(f"{PATH}/mine").json()["assignments"][0]["assignment"] == ASSIGNMENT
    assert client.get(f"/api/v1/judgements?assignment={ASSIGNMENT}").json() == {"judgement": None}
    assert client.get(f"/api/v1/judgements/versions?assignment={ASSIGNMENT}").json() == {"versions": []}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"assignment": ASSIGNMENT}, "not both"),
        ({"run": None}, "run or assignment"),
        ({"grades": {"a": 4}}, "grades"),
        ({"run": None, "assignment": ASSIGNMENT, "grades": {"a": 10}}, "grades"),
        ({"spans": [{"passage_id": "a", "start": 3, "end": 3}]}, "backwards"),
        ({"spans": [{"passage_id": "a", "start": -1, "end": 3}]}, "start"),
        ({"state": "expired"}, "state"),
    ],
)
def test_a_bad_judgement_is_refused_by_name(client: TestClient, studio: FakeStudio, change: dict[str, object], named: str) -> None:
    answer = client.post("/api/v1/judgements", json=JUDGEMENT | change, headers=OURS)
    assert answer.status_code == 400 and named in answer.json()["error"]["message"], answer.text
    assert studio.drafts == []


def test_a_judgement_of_an_assignment_carries_no_run(client: TestClient, studio: FakeStudio) -> None:
    body = {name: value for name, value in JUDGEMENT.items() if name != "run"} | {"assignment": ASSIGNMENT, "state": "cannot_judge"}
    answer = client.post("/api/v1/judgements", json=body, headers=OURS)
    assert answer.status_code == 201 and answer.json()["feedback"] is None
    assert studio.drafts == [body]


def test_two_people_through_the_real_app_never_see_each_others_work(tmp_path: Path) -> None:
    house = House(tmp_path)
    admin, ann, ben = house.client(house.admin), house.client(house.account(("annotator",))), house.client(house.account(("annotator",)))
    made = admin.post("/api/v1/projects", json={"name": "A", "tutorial": False, "overlap": 1}, headers=HEADERS).json()
    lists = [{"query": f"why {n}?", "passages": [{"id": "a b/1", "text": "x"}, {"id": "c", "text": "y"}]} for n in (1, 2)]
    path = f"/api/v1/projects/{made['id']}"
    assert admin.post(f"{path}/tasks", json={"lists": lists}, headers=HEADERS).json()["added"] == 2
    assert ann.post(f"{path}/tasks", json={"lists": lists}, headers=HEADERS).status_code == 403
    first, other = (one.post(f"{path}/next", headers=HEADERS).json()["task"] for one in (ann, ben))
    assert first["query"] != other["query"] and {first["kind"], other["kind"]} == {"task"}
    body = {name: value for name, value in JUDGEMENT.items() if name not in ("run", "claims", "spans", "not_relevant", "grades")}
    body |= {"assignment": first["assignment"], "order": [["a b/1"], ["c"]], "shown_order": first["shown_order"]}
    assert ben.post("/api/v1/judgements", json=body, headers=HEADERS).status_code == 404
    saved = ann.post("/api/v1/judgements", json=body, headers=HEADERS)
    assert saved.status_code == 201 and saved.json()["judgement"]["run"] == "" and saved.json()["judgement"]["model_visible"] is None
    for route in (f"assignments/{first['assignment']}", f"judgements?assignment={first['assignment']}"):
        assert ann.get(f"/api/v1/{route}").status_code == 200
        assert ben.get(f"/api/v1/{route}").status_code == 404
    assert ann.get(path).json()["mine"]["submitted"] == 1 and ben.get(path).json()["mine"]["submitted"] == 0
