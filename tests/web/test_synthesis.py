"""Routes of syntheses and dataset versions: what they take, pass on and answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.artifacts import ArtifactStore
from app.services.actors import VISITOR
from db.models_loop import Artifact, DatasetVersion, Synthesis, SynthesisItem
from db.store import lists, workers
from db.store.lists import Candidates
from tests.conftest import passages

from .conftest import OURS
from .fake_synthesis import DATASET_ID, SYNTHESIS_ID
from .fakes import FakeStudio
from .house import HEADERS, House
from .schemas import faults

KEY = "0198c7a2-0000-7000-8000-000000000000"
START: dict[str, Any] = {"idempotency_key": KEY, "recipe": "demo"}
BUILD: dict[str, Any] = {"idempotency_key": KEY, "name": "strict", "thresholds": {"consistency": 0.6}}
ONE = f"/api/v1/syntheses/{SYNTHESIS_ID}"


def test_a_start_and_a_build_are_201_then_200(client: TestClient, studio: FakeStudio) -> None:
    assert [client.post("/api/v1/syntheses", json=START, headers=OURS).status_code for _ in range(2)] == [201, 200]
    assert [client.post(f"{ONE}/datasets", json=BUILD, headers=OURS).status_code for _ in range(2)] == [201, 200]
    assert studio.asked[0] == ("start", {"recipe": "demo", "idempotency_key": KEY, "text": "", "teacher": "", "limit": 0})
    assert studio.asked[2] == ("build", {"synthesis": SYNTHESIS_ID, "name": "strict", "thresholds": {"consistency": 0.6}, "key": KEY})
    assert client.post("/api/v1/syntheses", json=START).status_code == 403  # without our header


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("syntheses", START | {"limit": -1}), ("syntheses", START | {"limit": 1.5}), ("syntheses", START | {"recipe": " "}),
        ("syntheses", START | {"text": "x" * 200_001}), ("syntheses", START | {"text": "a\x00b"}), ("syntheses", START | {"more": 1}),
        ("syntheses", {"recipe": "demo"}), (f"syntheses/{SYNTHESIS_ID}/datasets", BUILD | {"name": ""}),
        (f"syntheses/{SYNTHESIS_ID}/datasets", BUILD | {"thresholds": {"consistency": "x"}}),
        (f"syntheses/{SYNTHESIS_ID}/datasets", BUILD | {"thresholds": {"consistency": 1e300}}),
        (f"syntheses/{SYNTHESIS_ID}/datasets", BUILD | {"thresholds": {str(n): 0.0 for n in range(101)}}),
    ],
)  # fmt: skip
def test_what_is_malformed_never_reaches_the_service(client: TestClient, studio: FakeStudio, path: str, body: dict[str, Any]) -> None:
    answer = client.post(f"/api/v1/{path}", json=body, headers=OURS)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "bad_input" and not studio.asked


def test_items_are_asked_for_by_number_or_page_by_page(client: TestClient, studio: FakeStudio) -> None:
    for query in ("numbers=3,1", "after=7&limit=9", ""):
        assert client.get(f"{ONE}/items?{query}").status_code == 200
    assert [told for _, told in studio.asked] == [
        {"wanted": [3, 1], "after": None, "limit": 50}, {"wanted": None, "after": 7, "limit": 9},
        {"wanted": None, "after": None, "limit": 50},
    ]  # fmt: skip
    for query in ("numbers=", "numbers=1,x", "numbers=-1", f"numbers={'1,' * 100}1", "numbers=%C2%B2", "after=-2", "limit=0", "limit=201"):
        assert client.get(f"{ONE}/items?{query}").status_code == 400, query
    assert client.get(f"{ONE}/items/x").status_code == client.get(f"{ONE}/items/-1").status_code == 400
    assert client.get("/api/v1/syntheses/odd").status_code == 404 and client.get(f"/api/v1/datasets/{DATASET_ID}x").status_code == 400


def test_a_version_is_a_download_that_can_show_nothing(client: TestClient, studio: FakeStudio) -> None:
    answer = client.get(f"/api/v1/datasets/{DATASET_ID}/file")
    assert answer.status_code == 200 and answer.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get(f"/api/v1/datasets/{DATASET_ID}/diff?other={'0' * 64}").status_code == 200
    assert studio.asked == [("diff", {"from": DATASET_ID, "to": "0" * 64})]
    assert client.get(f"/api/v1/datasets/{DATASET_ID}/diff").status_code == 400
    studio.actor = VISITOR
    assert client.get(f"/api/v1/datasets/{DATASET_ID}/file").status_code == 403


def _version(folder: Path) -> None:
    for name, text in (("README.md", "# Card"), ("examples.jsonl", ""), ("verdicts.jsonl", "")):
        (folder / name).write_text(text, encoding="utf-8")


def test_what_the_real_services_answer_is_what_the_document_says(tmp_path: Path) -> None:
    house = House(tmp_path)
    filters = [{"name": "consistency", "about": "x", "keeps": "at_least", "threshold": 0.4, "low": 0.0, "high": 1.0}]
    digest = ArtifactStore(house.settings.artifacts_dir).put(_version, "dataset").hash
    with house.database.write() as session:
        recipe = {"name": "demo", "about": "x", "text": "", "teacher": "nano"}
        offers = {"kinds": ["synthesize"], "recipes": [recipe], "teachers": ["nano"]}
        workers.register(session, "one", offers)
        session.add(Synthesis(id=SYNTHESIS_ID, name="demo", recipe="", teacher="nano", filters=filters))
        list_id = lists.put(session, Candidates(query="why?", passages=tuple(passages(2)), retriever="t", signals_version=""))
        session.flush()
        item = {"synthesis_id": SYNTHESIS_ID, "number": 1, "source_id": "q1", "domain": "a", "state": "made", "list_id": list_id}
        session.add(SynthesisItem(**item, item={"query": "why?"}, scores={"consistency": 0.5}, reasons={"consistency": ["so"]}))
        session.add(Artifact(hash=digest, kind="dataset", size=6))
        session.flush()
        session.add(DatasetVersion(id=DATASET_ID, name="demo", artifact_hash=digest, synthesis_id=SYNTHESIS_ID, counts={"examples": 1}))
    client = house.client(house.admin)
    document = client.get("/api/v1/openapi.json").json()

    def check(method: str, path: str, template: str = "", body: object = None) -> Any:
        answer = client.request(method, f"/api/v1/{path}", json=body, headers=HEADERS)
        told = document["paths"][f"/api/v1/{template or path.split('?')[0]}"][method.lower()]["responses"][str(answer.status_code)]
        assert list(faults(told["content"]["application/json"]["schema"], answer.json(), document)) == [], path
        return answer.json()

    one, version = f"syntheses/{SYNTHESIS_ID}", f"datasets/{DATASET_ID}"
    assert check("GET", "recipes")["worker"] is True
    assert check("GET", "syntheses")["syntheses"][0]["items"]["made"] == 1
    assert check("GET", one, "syntheses/{id}")["spent"][0]["domain"] == "a"
    assert check("GET", f"{one}/scores", "syntheses/{id}/scores")["scores"] == {"consistency": [0.5]}
    assert check("GET", f"{one}/items?numbers=1", "syntheses/{id}/items")["items"][0]["query"] == "why?"
    assert len(check("GET", f"{one}/items/1", "syntheses/{id}/items/{number}")["passages"]) == 2
    assert check("POST", "syntheses", body=START | {"text": 'name = "x"'})["job"]["kind"] == "synthesize"
    assert check("POST", f"{one}/datasets", "syntheses/{id}/datasets", BUILD)["job"]["kind"] == "dataset"
    assert check("GET", "datasets")["datasets"][0]["id"] == DATASET_ID
    assert check("GET", version, "datasets/{id}")["card"] == "# Card"
    assert check("GET", f"{version}/diff?other={DATASET_ID}", "datasets/{id}/diff")["added"] == []
    assert client.get(f"/api/v1/{version}/file").content.startswith(b"d1d1d1d1d1d1/README.md")
