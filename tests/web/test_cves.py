"""One test (or more) for each kind of hole that was found in tools of this sort: what they had, and that it is not here.

Kinds and examples: labelled content that runs as script (CVE-2024-26152), filters that reach into other tables (CVE-2023-47117) and known
secrets (CVE-2023-43791), fetching what a user names (CVE-2022-36551), paths out of a folder (CVE-2023-51449), open redirects
(CVE-2026-28415), a pretended sign-in that gives a token away (CVE-2026-27167), calls from other sites (CVE-2024-1727), models that run code
when loaded (CVE-2025-5173), floods of a queue (CVE-2026-2108), other people's objects (CVE-2026-2109), sign-in that is printed but not
enforced (CVE-2026-48797), and rigged votes (arXiv 2603.15220).
"""

from __future__ import annotations

import ast
import json
import socket
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.ranking.errors import SettingsError
from app.services.secret import read_or_make
from app.services.studio import Studio
from app.settings import Settings
from app.web.limits import LIMITS, Limits

from .house import HEADERS, House
from .test_matrix import ID, MATRIX, call

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(autouse=True)
def no_limits(house: House) -> None:
    house.app.state.limits = Limits(dict.fromkeys(LIMITS, "100000/second"))


def project(house: House, name: str = SCRIPT) -> str:
    """A project of one hostile task for one person; its id."""
    admin = house.client(house.admin)
    rules = {"name": f"{name} {uuid4()}"[:200], "about": SCRIPT, "guidelines": SCRIPT, "tutorial": False, "overlap": 1}
    made = admin.post("/api/v1/projects", json=rules, headers=HEADERS)
    assert made.status_code == 201, made.text
    lists = [{"topic": SCRIPT, "query": SCRIPT, "passages": [{"id": f"{SCRIPT}{i}", "title": SCRIPT, "text": SCRIPT} for i in range(3)]}]
    added = admin.post(f"/api/v1/projects/{made.json()['id']}/tasks", json={"lists": lists}, headers=HEADERS)
    assert added.status_code == 201, added.text
    return str(made.json()["id"])


def leased(house: House, project_id: str, token: str) -> dict[str, Any]:
    answer = house.client(token).post(f"/api/v1/projects/{project_id}/next", headers=HEADERS)
    assert answer.status_code == 200 and answer.json()["task"], answer.text
    return dict(answer.json()["task"])


def saved(house: House, token: str, task: dict[str, Any]) -> Any:
    order = [[one] for one in task["shown_order"]]
    posted = {"assignment": task["assignment"], "idempotency_key": str(uuid4()), "base_version": 0, "order": order, "note": SCRIPT,
              "shown_order": task["shown_order"], "state": "submitted"}  # fmt: skip
    return house.client(token).post("/api/v1/judgements", json=posted, headers=HEADERS)


# 1. Labelled content that runs as script.


def test_hostile_content_is_answered_as_data_and_never_as_a_page(house: House) -> None:
    token = house.account(("annotator",))
    task = leased(house, project(house), token)
    assert task["query"] == SCRIPT and saved(house, token, task).status_code == 201
    admin = house.client(house.admin)
    for path in ("projects", f"assignments/{task['assignment']}", "judgements/recent", "accounts", "stats"):
        reader = house.client(token) if path.startswith("assignments") else admin
        answer = reader.get(f"/api/v1/{path}")
        assert answer.headers["content-type"] == "application/json", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (
            "script-src" not in answer.headers["content-security-policy"]
            and "default-src 'none'" in answer.headers["content-security-policy"]
        )


def test_a_download_is_an_attachment_in_a_sandbox(house: House) -> None:
    answer = house.client(house.admin).get("/api/v1/export/judgements.jsonl")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"] and "html" not in answer.headers["content-type"]


# 2. Filters that reach into other tables, and known secrets.


@pytest.mark.parametrize("route", [route for route in MATRIX if route.startswith("GET ")])
@pytest.mark.parametrize(
    "query", ["actor__password_hash=x", "filter=actor.password_hash", "order_by=password_hash", "fields=password_hash,email"]
)
def test_no_parameter_reaches_what_is_not_offered(house: House, route: str, query: str) -> None:
    path = route.split(" ", 1)[1].replace("{token}", "a-token-of-nothing").replace("{name}", "judgements.jsonl")
    for part in ("{id}", "{who}", "{account}", "{invite}"):
        path = path.replace(part, ID)
    if path.endswith("/events"):
        return
    admin = house.client(house.admin)
    plain, asked = admin.get(path), admin.get(f"{path}?{query}")
    assert plain.status_code == asked.status_code
    assert "password_hash" not in asked.text and "token_hash" not in asked.text and "$argon2" not in asked.text


def test_every_server_makes_a_secret_of_its_own(tmp_path: Path) -> None:
    assert read_or_make(tmp_path / "a") != read_or_make(tmp_path / "b")
    (tmp_path / "c").write_text("secret")
    with pytest.raises(SettingsError, match="shorter than"):
        read_or_make(tmp_path / "c")


# 3. Fetching what a user names.


def test_nothing_that_is_posted_makes_the_server_fetch_an_address(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.5)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
        admin, files = (
            house.client(house.admin),
            {"file": ("x.jsonl", json.dumps({"url": url, "query": url, "passages": [{"id": url, "text": url}]}))},
        )
        admin.post("/api/v1/runs", json={"query": url, "model": url}, headers=HEADERS)
        admin.post("/api/v1/runs", json={"query": url, "model": "nano", "collection": "x", "address": url}, headers=HEADERS)
        admin.post("/api/v1/rerank", json={"query": url, "documents": [url], "model": url}, headers=HEADERS)
        admin.post("/api/v1/collections", files=files, data={"name": url, "format": "jsonl"}, headers=HEADERS)
        admin.post(f"/api/v1/projects/{project(house)}/tasks", files=files, data={"format": "jsonl"}, headers=HEADERS)
        admin.post("/gradio_api/queue/join", json={"data": [{"path": url, "url": url}], "fn_index": 0}, headers=HEADERS)
        with pytest.raises(TimeoutError):
            trap.accept()


# 4. Paths out of a folder.


@pytest.mark.parametrize(
    "path",
    [
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/static/%2e%2e%2f%2e%2e%2fsettings.py",
        "/static//etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=app.py",
        "/GRADIO_API/FILE=/etc/passwd",
        "/proxy=http://x/",
        "/assets/../../app.py",
        "/assets/%2e%2e/%2e%2e/gradio/__init__.py",
        "/static/js/../../../blocks.py",
        "/api/v1/export/..%2f..%2fsecret.key",
        "/api/v1/export/%2e%2e",
        "/gradio_api/stream/../../x",
    ],
)
def test_no_path_leads_out(house: House, path: str) -> None:
    answer = house.client(house.admin).get(path)
    assert answer.status_code in (400, 403, 404), (path, answer.status_code)
    assert "root:" not in answer.text and "import" not in answer.text


# 5. Open redirects.


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "/\\evil.example", "/?next=//evil.example", "/login?next=https://evil.example", "/file=https://evil.example"],
)
def test_nothing_redirects_elsewhere(house: House, path: str) -> None:
    answer = house.client().get(path)
    assert not (300 <= answer.status_code < 400) and "location" not in answer.headers


# 6. A pretended sign-in.


@pytest.mark.parametrize(
    "path", ["/login/huggingface", "/login/callback", "/login", "/token", "/user", "/app_id", "/logout", "/auth/oidc/back"]
)
def test_there_is_no_pretended_sign_in(house: House, path: str) -> None:
    for method in ("GET", "POST"):
        assert house.client().request(method, path, headers=HEADERS).status_code == 404


# 7. Calls from other sites.


@pytest.mark.parametrize("route", [route for route in MATRIX if not route.startswith("GET ")])
def test_another_site_changes_nothing_with_the_cookie_of_an_admin(house: House, route: str) -> None:
    method, path = route.split(" ", 1)
    foreign = {"Origin": "https://evil.example", "X-Requested-With": "reasonrank", "Sec-Fetch-Site": "cross-site"}
    for headers in (foreign, {"Origin": "null"}, {"Referer": "https://studio.example.org.evil.example/"}):
        answer = house.client(house.admin).request(method, path, headers=headers, json={})
        assert answer.status_code == 403 and answer.json()["error"]["code"] == "not_from_here"
        assert not any(name.startswith("access-control-") for name in answer.headers)


# 8. Models that run code when loaded.


def test_nothing_of_ours_unpickles_or_trusts_remote_code() -> None:
    wrong = []
    for path in [*ROOT.glob("app/**/*.py"), *ROOT.glob("db/**/*.py"), *ROOT.glob("training/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                true = {one.arg for one in node.keywords if isinstance(one.value, ast.Constant) and one.value.value is True}
                if name in ("torch.load", "pickle.load", "pickle.loads", "eval", "exec") or true & {"trust_remote_code", "allow_pickle"}:
                    wrong.append(f"{path}: {ast.unparse(node)[:80]}")
    assert wrong == []


# 9. Floods of a queue. (Runs: tests/web/test_accounts.py and tests/services/test_runs.py.)


def test_saves_uploads_and_exports_of_one_person_are_bounded(house: House) -> None:
    house.app.state.limits = Limits({**LIMITS, "change": "3/minute", "upload": "1/hour", "export": "1/hour"})
    client = house.client(house.account(("annotator", "researcher")))
    saves = [client.post("/api/v1/judgements", json={}, headers=HEADERS).status_code for _ in range(4)]
    assert saves == [400, 400, 400, 429]
    for method, path in (("POST", "/api/v1/collections"), ("GET", "/api/v1/export/judgements.jsonl")):
        assert [client.request(method, path, headers=HEADERS).status_code == 429 for _ in range(2)] == [False, True], path
    assert client.get("/api/v1/exports").status_code == 200
    assert client.get(f"/api/v1/exports/{'0' * 64}/file").status_code == 429


# 10. Other people's objects.


def test_nobody_reaches_what_another_annotator_has_in_hand(house: House) -> None:
    mine, theirs = house.account(("annotator",)), house.account(("annotator",))
    task = leased(house, project(house), mine)
    assert saved(house, mine, task).status_code == 201
    other = house.client(theirs)
    for method, path in (
        ("GET", f"assignments/{task['assignment']}"), ("POST", f"assignments/{task['assignment']}/later"),
        ("POST", f"assignments/{task['assignment']}/renew"), ("GET", f"judgements?assignment={task['assignment']}"),
        ("GET", f"judgements/versions?assignment={task['assignment']}"),
    ):  # fmt: skip
        answer = other.request(method, f"/api/v1/{path}", headers=HEADERS)
        assert answer.status_code == 404, (path, answer.text)
    assert saved(house, theirs, task).status_code == 404
    assert house.client(mine).get(f"/api/v1/judgements?assignment={task['assignment']}").json()["judgement"]["version"] == 1


def test_a_key_of_another_person_is_not_theirs_to_read(house: House) -> None:
    key = str(uuid4())
    answers = []
    for _ in range(2):
        token = house.account(("annotator",))
        task = leased(house, project(house), token)
        order = [[one] for one in task["shown_order"]]
        posted = {"assignment": task["assignment"], "idempotency_key": key, "base_version": 0, "order": order,
                  "shown_order": task["shown_order"], "state": "submitted"}  # fmt: skip
        answers.append(house.client(token).post("/api/v1/judgements", json=posted, headers=HEADERS))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["judgement"]["id"] != answers[1].json()["judgement"]["id"]


# 11. Sign-in that is printed but not enforced.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"host": "0.0.0.0"}, "no admin account"), ({"host": "192.0.2.1"}, "no admin account"), ({"host": "::"}, "no admin account")],
)
def test_a_server_that_others_can_reach_refuses_to_start_open(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Studio.open(Settings(data_dir=tmp_path, **settings))  # type: ignore[arg-type]


def test_visitors_only_really_lets_nobody_do_more(tmp_path: Path) -> None:
    house = House(tmp_path, visitors_only=True)
    for route, role in MATRIX.items():
        if role != "visitor":
            assert call(house, route, house.admin)[1] == "forbidden", route
    assert house.client(house.admin).post(
        "/api/v1/session", json={"email": "p0@example.org", "password": "x"}, headers=HEADERS
    ).status_code in (401, 403)


# 12. Rigged votes.


def test_a_visitors_objection_counts_once_and_is_nowhere_among_judgements(house: House) -> None:
    with house.database.read() as session:
        from sqlalchemy import text

        assert session.execute(text("SELECT count(*) FROM judgements WHERE actor_id IN (SELECT actor_id FROM disagreements)")).scalar() == 0
    exported = house.client(house.admin).get("/api/v1/export/judgements.jsonl").text
    assert "consent" not in exported or "disagreement" not in exported


def test_many_people_at_once_open_no_more_than_the_overlap(house: House) -> None:
    made, got = project(house), []
    tokens = [house.account(("annotator",)) for _ in range(8)]

    def ask(token: str) -> None:
        got.append(house.client(token).post(f"/api/v1/projects/{made}/next", headers=HEADERS).json()["task"])

    threads = [threading.Thread(target=ask, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(task is not None for task in got) == 1 and len(got) == 8
