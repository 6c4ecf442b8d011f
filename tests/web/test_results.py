"""Evaluations over HTTP: the shapes that the document names, hostile names of topics, files, what is refused, and starting one."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.artifacts import ArtifactStore
from app.evaluations import keep
from tests.ranking.bundles.made import made

from .fakes import FakeStudio
from .house import HEADERS, House
from .schemas import faults

JOB = {"suite": "demo", "model": "nano", "strategy": "sliding", "thinking": "profile", "limit": 2}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def kept(house: House, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three evaluations: two of one make, one of free text."""
    store, folder = ArtifactStore(house.settings.artifacts_dir), tmp_path_factory.mktemp("bundles")
    ways: list[dict[str, Any]] = [{"name": "a"}, {"name": "b", "luck": 1, "seed": 1}, {"name": "<script>", "nano": False, "luck": 2}]
    for number, way in enumerate(ways):
        made(folder / str(number), **way)
    return [keep(house.database, store, folder / str(number)) for number in range(len(ways))]


@pytest.fixture(scope="module")
def admin(house: House) -> TestClient:
    return house.client(house.admin)


def test_the_real_answers_are_what_the_document_says(kept: list[str], admin: TestClient) -> None:
    document = admin.get("/api/v1/openapi.json").json()
    one, other, _ = kept
    asked = {
        "/results": "", "/results/{id}": f"/results/{one}", "/results/{id}/topics": f"/results/{one}/topics?sort=gain&limit=3",
        "/results/{id}/topic": f"/results/{one}/topic?set=biology&topic=b4", "/results/{id}/stability": f"/results/{one}/stability",
        "/results/compare": f"/results/compare?a={one}&b={other}",
    }  # fmt: skip
    for template, path in asked.items():
        answer = admin.get(f"/api/v1{path or template}")
        assert answer.status_code == 200, answer.text
        schema = document["paths"][f"/api/v1{template}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert list(faults(schema, answer.json(), document)) == [], template


def test_the_fake_gives_what_the_document_says_too(client: TestClient, studio: FakeStudio) -> None:
    document = client.get("/api/v1/openapi.json").json()
    for template, query in {
        "/results": "", "/results/{id}": "", "/results/{id}/topics": "", "/results/{id}/topic": "?set=a&topic=b",
        "/results/{id}/stability": "", "/results/compare": "?a=x&b=y",
    }.items():  # fmt: skip
        answer = client.get(f"/api/v1{template.replace('{id}', 'e' * 64)}{query}")
        schema = document["paths"][f"/api/v1{template}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer.status_code == 200 and list(faults(schema, answer.json(), document)) == [], template


def test_names_of_topics_may_hold_anything(client: TestClient, studio: FakeStudio) -> None:
    odd = "a/b c?&#%2F</script>\u05d0"
    assert client.get("/api/v1/results/x/topic", params={"set": odd, "topic": odd}).status_code == 200
    assert studio.asked[-1] == ("topic", {"id": "x", "key": (odd, odd)})
    client.get("/api/v1/results/x/topics", params={"set": odd, "sort": "room", "after": 5, "limit": 7})
    assert studio.asked[-1] == ("topics", {"id": "x", "within": odd, "sort": "room", "after": 5, "limit": 7})


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        (f"results/{'0' * 64}", 404, "no such evaluation"),
        (f"results/{'0' * 64}/file", 404, "no such evaluation"),
        ("results/ONE/topic?set=biology&topic=l1", 404, "no such topic"),
        ("results/ONE/topics?sort=luck", 400, "loss, gain"),
        ("results/ONE/topics?limit=201", 400, "limit"),
        ("results/ONE/topic?set=biology", 400, "topic"),
        ("results/compare?a=ONE", 400, "b"),
        (f"results/compare?a=ONE&b={'0' * 64}", 404, "no such evaluation"),
    ],
)
def test_what_can_not_be_answered_is_said_in_one_sentence(kept: list[str], admin: TestClient, path: str, status: int, says: str) -> None:
    answer = admin.get(f"/api/v1/{path.replace('ONE', kept[0])}")
    assert answer.status_code == status and says in answer.json()["error"]["message"]


def test_files_come_as_downloads_that_nothing_may_run_in(kept: list[str], admin: TestClient) -> None:
    bundle = admin.get(f"/api/v1/results/{kept[2]}/file")
    with tarfile.open(fileobj=io.BytesIO(bundle.content)) as tar:
        names = [name.partition("/")[2] for name in tar.getnames()]
    assert {"manifest.json", "topics.jsonl", "calls.jsonl.gz", "topics.csv"} <= set(names)
    for what, kind in (("file", "application/x-tar"), ("topics.csv", "text/csv"), ("report", "text/html")):
        answer = admin.get(f"/api/v1/results/{kept[2]}/{what}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"].startswith("attachment") and answer.headers["content-security-policy"]
    page = admin.get(f"/api/v1/results/{kept[2]}/report").text
    assert "<script>" not in page.replace("&lt;script&gt;", "") and "free" in page


def test_an_admin_starts_one_and_a_wrong_one_is_refused_by_name(house: House, admin: TestClient) -> None:
    def start(**arguments: object) -> tuple[int, Any]:
        body = {"kind": "evaluate", "arguments": arguments, "idempotency_key": f"0198c7a2-4d1e-7b3a-9c55-{len(str(arguments)):012d}"}
        told = admin.post("/api/v1/jobs", json=body, headers=HEADERS)
        return told.status_code, told.json()

    status, told = start(**JOB)
    assert status == 201 and told["about"] == "Evaluate nano on the suite demo (sliding, profile)" and told["state"] == "queued"
    status, told = start(**JOB, version="a" * 64, seed=3)
    assert status == 201 and told["about"].startswith("Evaluate nano aaaaaaaa on the suite demo")
    for wrong, says in (({"limit": "2"}, "limit (int)"), ({"speed": 1}, "takes no speed"), ({"suite": None}, "suite (str)")):
        status, told = start(**{**JOB, **wrong})
        assert status == 400 and says in told["error"]["message"]
