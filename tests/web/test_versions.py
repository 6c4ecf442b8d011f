"""Versions and updates over HTTP: what they look like, promotion under margins, going back, files, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.artifacts import ArtifactStore
from app.ranking.backends.nano import WEIGHTS
from app.ranking.evaluation.gate import Evidence, Margins, decide
from db.models_loop import DatasetVersion
from db.store import artifacts, jobs, updates, versions
from db.store.jobs import Lease, NewJob
from db.store.updates import NewStep, NewUpdate
from db.store.versions import NewModel

from .house import HEADERS, House

SHIPPED = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
# Better by 0.03 to 0.05 on every one of 40 lists; SLOW is as good and takes twice as long.
GOOD = Evidence(
    gold={f"q{number}": (0.5, 0.53 + number % 3 * 0.01) for number in range(40)}, outcomes=(1.0, 1.0), seconds=(0.1, 0.11)
)  # fmt: skip
SLOW = Evidence(gold=GOOD.gold, outcomes=(1.0, 1.0), seconds=(0.1, 0.2))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    asyncio.run(house.studio.serving.look())
    return house


@pytest.fixture
def admin(house: House) -> TestClient:
    return house.client(house.admin)


def version(house: House, number: int, evidence: Evidence | None, **changes: Any) -> str:
    """A rejected candidate with real weights that was measured."""
    from safetensors.numpy import load_file, save_file

    def make(aside: Path) -> None:
        shutil.copytree(WEIGHTS, aside, dirs_exist_ok=True)
        weights = load_file(aside / "model.safetensors")
        name = sorted(weights)[0]
        weights[name] = weights[name] + number * 1e-6
        save_file(weights, aside / "model.safetensors")
        (aside / "README.md").write_text("# Card <b>\n", encoding="utf-8")
        (aside / "completions.jsonl").write_text(
            "".join(json.dumps(answer(step, n)) + "\n" for step in (1, 2) for n in range(3)), encoding="utf-8"
        )

    store = ArtifactStore(house.settings.artifacts_dir)
    made = store.put(make, "model")
    version_id = hashlib.sha256((store.path(made.hash) / "model.safetensors").read_bytes()).hexdigest()
    report: dict[str, Any] | None = None
    if evidence is not None:
        report = {"evidence": evidence.plain, "margins": Margins().plain, "decision": decide(evidence).plain, "facts": {"against": SHIPPED}}
    with house.database.write() as session:
        artifacts.put(session, made.hash, made.kind, made.size)
        new = NewModel(id=version_id, name="nano", artifact_hash=made.hash, base_id=SHIPPED, recipe="quick", report=report, **changes)
        versions.add(session, new)
        versions.reject(session, version_id, "Not better.")
    return version_id


def answer(step: int, number: int) -> dict[str, Any]:
    return {
        "step": step, "prompt": "p", "completion": f"c{number}", "reward": 0.5, "parts": {"ndcg": 0.5}, "advantage": None,
        "outcome": "clean", "example": f"e{number}",
    }  # fmt: skip


def post(client: TestClient, path: str, body: object) -> tuple[int, Any]:
    told = client.post(f"/api/v1/{path}", json=body, headers=HEADERS)
    return told.status_code, told.json()


def test_a_new_studio_has_the_weights_that_ship(admin: TestClient) -> None:
    told = admin.get("/api/v1/versions").json()
    (only,) = told["versions"]
    assert (only["id"], only["state"], only["model"], only["gain"]) == (SHIPPED, "active", "nano", None)
    assert told["serving"] == [{"model": "nano", "version": SHIPPED, "state": "serving", "text": ""}]
    whole = admin.get(f"/api/v1/versions/{SHIPPED}").json()
    assert whole["report"] is None and whole["history"] == [] and whole["card"] == (WEIGHTS / "README.md").read_text(encoding="utf-8")
    refused = admin.get(f"/api/v1/versions/{SHIPPED}/file")
    assert refused.status_code == 409 and "ship with the program" in refused.json()["error"]["message"]
    assert admin.get(f"/api/v1/versions/{'0' * 64}").status_code == 404


def test_a_version_says_what_it_gained_and_is_promoted_and_taken_back(house: House, admin: TestClient) -> None:
    made = version(house, 1, GOOD, seed=7)
    (told,) = [one for one in admin.get("/api/v1/versions").json()["versions"] if one["id"] == made]
    check = decide(GOOD).checks[0]
    assert [told[name] for name in ("gain", "low", "high", "p", "n")] == [check.value, check.low, check.high, check.p, 40]
    assert (told["primary"], told["base"], told["seed"], told["state"], told["reason"]) == ("gold", SHIPPED, 7, "rejected", "Not better.")
    status, promoted = post(admin, f"versions/{made}/promote", {"note": "Now it is."})
    assert status == 200 and promoted["state"] == "active" and promoted["promotion"]["kind"] == "promoted"
    assert admin.get("/api/v1/versions").json()["serving"][0]["version"] == made
    assert f'reasonrank_model_version{{model="nano",version="{made}"}} 1.0' in house.client().get("/metrics").text
    assert post(admin, f"versions/{made}/promote", {})[0] == 409
    status, back = post(admin, "versions/rollback", {"model": "nano", "note": "Worse."})
    assert status == 200 and (back["promotion"]["version_id"], back["promotion"]["previous_id"]) == (SHIPPED, made)
    assert back["serving"][0]["version"] == SHIPPED
    history = admin.get(f"/api/v1/versions/{made}").json()["history"]
    assert [(one["kind"], one["note"]) for one in history] == [("rolled_back", "Worse."), ("promoted", "Now it is.")]
    assert post(admin, "versions/rollback", {"model": "nano"})[0] == 409


def test_the_gate_decides_again_under_margins_and_its_no_is_answered_with_the_decision(house: House, admin: TestClient) -> None:
    made = version(house, 1, SLOW)
    for margins in (None, {}, {"gold_drop": 0.5}):
        status, refused = post(admin, f"versions/{made}/promote", {"margins": margins})
        assert status == 409 and refused["decision"]["promote"] is False and refused["error"]["code"] == "conflict"
        assert [check["name"] for check in refused["decision"]["checks"] if not check["passed"]] == ["seconds"]
    status, told = post(admin, f"versions/{made}/promote", {"margins": {"slower": 2.5}, "note": "We can wait."})
    assert status == 200 and told["promotion"]["kind"] == "forced" and told["promotion"]["decision"]["promote"] is True
    assert told["promotion"]["margins"] == {**Margins().plain, "slower": 2.5}
    assert admin.get(f"/api/v1/versions/{made}").json()["report"]["decision"]["promote"] is False, "what was decided first stays"


def test_margins_that_can_not_be_are_refused(house: House, admin: TestClient) -> None:
    made = version(house, 1, SLOW)
    for margins in ({"slower": -1}, {"level": 1}, {"samples": 10**9}, {"gold_drop": "wide"}, {"seed": 3}, {"min_people": 0.5}):
        status, told = post(admin, f"versions/{made}/promote", {"margins": margins})
        assert (status, told["error"]["code"]) == (400, "bad_input"), margins


def test_what_was_not_measured_or_against_another_version_is_not_promoted(house: House, admin: TestClient) -> None:
    bare, first, second = version(house, 1, None), version(house, 2, GOOD), version(house, 3, GOOD)
    status, told = post(admin, f"versions/{bare}/promote", {"margins": {"slower": 9}})
    assert status == 409 and "nothing was measured" in told["error"]["message"]
    assert post(admin, f"versions/{first}/promote", {})[0] == 200
    status, told = post(admin, f"versions/{second}/promote", {})
    assert status == 409 and "another version serves" in told["error"]["message"]
    assert admin.get("/api/v1/versions").json()["serving"][0]["version"] == first


def test_a_version_is_taken_away_as_a_tar(house: House, admin: TestClient) -> None:
    made = version(house, 1, GOOD)
    told = admin.get(f"/api/v1/versions/{made}/file")
    assert told.status_code == 200 and made[:12] in told.headers["content-disposition"]
    with tarfile.open(fileobj=io.BytesIO(told.content)) as tar:
        weights = tar.extractfile(f"nano-{made[:12]}/model.safetensors")
        assert weights is not None and hashlib.sha256(weights.read()).hexdigest() == made
    assert admin.get(f"/api/v1/versions/{made}").json()["card"] == "# Card <b>\n"
    shutil.rmtree(house.settings.artifacts_dir)
    assert admin.get(f"/api/v1/versions/{made}/file").status_code == 503
    assert admin.get(f"/api/v1/versions/{made}").json()["card"] == ""


def update(house: House, key: str = "k") -> tuple[str, Lease]:
    """An update that a worker has begun."""
    with house.database.write() as session:
        job, _ = jobs.enqueue(session, NewJob(kind="update", idempotency_key=key))
        taken = jobs.take(session, "w", ["update"], 60.0)
        assert taken is not None and taken[0].id == job.id
        new = NewUpdate(id=job.id, recipe="quick", text="", model="nano", family="nano", seed=3, base_id=SHIPPED)
        return updates.begin(session, new).id, taken[1]


def test_an_update_is_told_with_its_steps_and_curves_while_it_runs(house: House, admin: TestClient) -> None:
    update_id, lease = update(house)
    with house.database.write() as session:
        updates.keep_step(session, NewStep(update_id=update_id, name="sft", key="1" * 64, result={"rows": 3}, seconds=1.5))
        points = [{"stage": "sft", "step": step, "steps": 5000, "values": {"loss": 1.0 / step}} for step in range(1, 5001)]
        jobs.say(session, lease, [("point", point) for point in points])
    (told,) = admin.get("/api/v1/updates").json()["updates"]
    assert (told["id"], told["state"], told["promoted"], told["base"], told["candidate"]) == (update_id, "running", None, SHIPPED, None)
    whole = admin.get(f"/api/v1/updates/{update_id}").json()
    assert whole["steps"] == [{"name": "sft", "seconds": 1.5, "result": {"rows": 3}}] and whole["decision"] is None
    assert 1000 < len(whole["points"]) <= 2000 and whole["points"][-1] == points[-1]
    assert admin.get(f"/api/v1/updates/{update_id}/completions").json() == {"completions": [], "more": False}
    assert admin.get(f"/api/v1/updates/{lease.job_id[:-1]}0").status_code == 404


def test_what_was_written_is_read_step_by_step(house: House, admin: TestClient) -> None:
    update_id, _ = update(house)
    made = version(house, 1, SLOW)
    with house.database.write() as session:
        decision = decide(SLOW)
        updates.finish(session, update_id, made, decision.plain)
    told = admin.get(f"/api/v1/updates/{update_id}").json()
    assert (told["promoted"], told["reason"], told["candidate"]) == (False, decision.reason, made)
    path = f"/api/v1/updates/{update_id}/completions"
    first = admin.get(f"{path}?step=2&limit=2").json()
    assert [(one["number"], one["step"], one["completion"]) for one in first["completions"]] == [(4, 2, "c0"), (5, 2, "c1")]
    assert first["more"] is True
    rest = admin.get(f"{path}?step=2&limit=2&after=5").json()
    assert [one["number"] for one in rest["completions"]] == [6] and rest["more"] is False
    assert len(admin.get(path).json()["completions"]) == 6
    assert admin.get(f"{path}?limit=0").status_code == 400


def test_an_update_is_started_as_a_job_and_a_schedule_may_count_judgements(house: House, admin: TestClient) -> None:
    key = "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47"
    arguments = {"recipe": "quick", "seed": 3, "from_scratch": False}
    status, told = post(admin, "jobs", {"kind": "update", "arguments": arguments, "idempotency_key": key})
    assert status == 201 and told["about"] == "Teach a model by the recipe quick"
    assert post(admin, "jobs", {"kind": "update", "arguments": {"recipe": "quick", "seed": "3"}, "idempotency_key": key})[0] == 400
    body = {"name": "By corrections", "kind": "update", "arguments": {"recipe": "quick", "seed": None, "from_scratch": False}}
    status, told = post(admin, "schedules", {**body, "judgements": 25})
    assert status == 201, told
    kept = admin.get("/api/v1/schedules").json()["schedules"][0]
    assert (kept["judgements"], kept["cron"], kept["next_at"], kept["says"]) == (25, "", None, "After every 25 new judgements")
    for wrong in ({}, {"judgements": 5, "cron": "0 3 * * 1"}, {"judgements": 0}, {"cron": ""}):
        assert post(admin, "schedules", {**body, "name": "Other", **wrong})[0] == 400


def test_a_dataset_row_is_no_version_of_a_model(house: House, admin: TestClient) -> None:
    with house.database.write() as session:
        artifacts.put(session, "d" * 64, "dataset", 1)
        session.add(DatasetVersion(id="d" * 64, name="n", artifact_hash="d" * 64))
    assert admin.get(f"/api/v1/versions/{'d' * 64}").status_code == 404
