"""The wall: who may ask, how much, and what every answer says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.services.actors import Actor
from app.web.page import with_nonce
from app.web.policy import MIB, Policy, host_is_ours, host_name, refusal_of_write

from .conftest import OURS
from .fakes import FakeStudio
from .routes import RUN, api_routes

NOBODY = Actor(id="nobody", name="Nobody", roles=frozenset())
POLICY = Policy(host_names=frozenset({"127.0.0.1", "localhost", "[::1]"}), max_upload=MIB)


@pytest.mark.parametrize(
    "hosts", [["evil.example"], ["127.0.0.1.evil.example"], [], ["127.0.0.1", "127.0.0.1"], ["127.0.0.1@evil.example"], ["127.0.0.1/x"]]
)
def test_foreign_hosts_are_not_ours(hosts: list[str]) -> None:
    assert not host_is_ours(POLICY, hosts)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7860", "LOCALHOST:1", "localhost.", "[::1]:7860"])
def test_our_hosts_are_ours_on_any_port(host: str) -> None:
    assert host_is_ours(POLICY, [host])


def test_nonsense_in_a_host_is_no_name() -> None:
    assert host_name("[::1") == "" and host_name("a:b") == "" and host_name("") == ""


@pytest.mark.parametrize("path", ["/", "/api/v1/models", "/healthz", "/static/studio.js", "/gradio_api/queue/join"])
def test_a_rebound_host_is_refused_everywhere(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Host": "evil.example:7860"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unknown_host" and "evil" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:7860"},
        {"Referer": "http://evil.example/x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:7860", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_cross_site_write_is_refused(client: TestClient, studio: FakeStudio, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/runs", json=RUN, headers={"X-Requested-With": "reasonrank"} | headers)
    assert answer.status_code == 403 and studio.started == []


def test_another_site_may_link_here_but_not_read(client: TestClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/api/v1/judgements", headers=foreign | {"Sec-Fetch-Mode": "cors"}).status_code == 403
    assert client.get("/api/v1/judgements", headers=foreign | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert client.get("/?run=x", headers=foreign | {"Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert client.get("/api/v1/judgements", headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}).status_code == 200


def test_a_write_without_our_mark_is_refused_and_a_script_without_origin_may_write(client: TestClient, studio: FakeStudio) -> None:
    assert client.post("/api/v1/runs", json=RUN, headers={"Origin": "http://127.0.0.1:7860"}).status_code == 403
    assert client.post("/api/v1/runs", json=RUN, headers={"X-Requested-With": "XMLHttpRequest"}).status_code == 403
    assert studio.started == []
    assert client.post("/api/v1/runs", json=RUN, headers={"X-Requested-With": "reasonrank"}).status_code == 201


def test_a_proxy_that_ends_tls_may_change_the_scheme() -> None:
    headers = {"host": "x.hf.space", "origin": "https://x.hf.space", "x-requested-with": "reasonrank"}
    assert refusal_of_write(headers, "/api/v1/runs") is None


def test_nobody_may_do_anything(app: FastAPI, client: TestClient, studio: FakeStudio) -> None:
    studio.actor = NOBODY
    routes = api_routes(app)
    assert len(routes) >= 13
    for method, path, body in routes:
        answer = client.request(method, path, json=body, headers=OURS)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), (method, path)


def test_a_visitor_may_look_and_run_but_not_judge_or_upload(app: FastAPI, client: TestClient, studio: FakeStudio) -> None:
    studio.actor = Actor(id="v", name="Visitor", roles=frozenset({"visitor"}))
    refused = {
        (method, path) for method, path, body in api_routes(app) if client.request(method, path, json=body, headers=OURS).status_code == 403
    }
    assert {("POST", "/api/v1/judgements"), ("POST", "/api/v1/collections"), ("POST", "/api/v1/projects")} <= refused
    assert not [path for _, path in refused if path.startswith(("/api/v1/runs", "/api/v1/models", "/api/v1/stats"))]


def test_a_large_body_is_refused_by_its_length_and_by_its_content(client: TestClient, studio: FakeStudio) -> None:
    large = b" " * (5 * MIB)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(large), MIB):
            yield large[start : start + MIB]

    for content in (large, pieces()):
        answer = client.post("/api/v1/judgements", content=content, headers=OURS | {"Content-Type": "application/json"})
        assert answer.status_code == 413 and "4 MB" in answer.json()["error"]["message"]
    assert client.post("/api/v1/runs", content=b"{}", headers=OURS | {"Content-Length": "x"}).status_code == 400
    assert studio.drafts == []


def test_every_answer_carries_the_policy(app: FastAPI, client: TestClient) -> None:
    paths = [path for method, path, _ in api_routes(app) if method == "GET"]
    paths += ["/", "/healthz", "/readyz", "/metrics", "/static/studio.js", "/static/none.js", "/nothing", "/theme.css", "/api/v1/none"]
    paths += ["/api/v1/openapi.json", "/favicon.ico"]
    for path in paths:
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
        assert "unsafe-eval" not in policy and "script-src 'unsafe" not in policy, path
        for name in ("x-content-type-options", "referrer-policy", "permissions-policy", "cross-origin-opener-policy", "x-frame-options"):
            assert name in answer.headers, (path, name)
        assert "server" not in answer.headers and not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-request-id"]


def test_no_foreign_origin_is_ever_allowed(client: TestClient) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-requested-with"}
    for path in ("/", "/theme.css", "/api/v1/runs"):
        answer = client.options(path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_each_page_has_a_nonce_of_its_own_on_every_inline_script(client: TestClient) -> None:
    nonces = set()
    for _ in range(3):
        answer = client.get("/")
        found = re.search(r"'nonce-([\w-]{22})'", answer.headers["content-security-policy"])
        assert found and answer.headers["cache-control"] == "no-store"
        nonces.add(found[1])
        inline = [tag for tag in re.findall(r"<script[^>]*>", answer.text) if " src=" not in tag]
        assert len(inline) >= 4 and all(f'nonce="{found[1]}"' in tag for tag in inline)
    assert len(nonces) == 3


def test_only_inline_scripts_get_the_nonce() -> None:
    html = b'<script>1</script><script type="module" src="/a.js"></script><script data-x>2</script><scripted>'
    assert with_nonce(html, "N") == (
        b'<script nonce="N">1</script><script type="module" src="/a.js"></script><script nonce="N" data-x>2</script><scripted>'
    )


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/proxy=https://evil.example",
        "/gradio_api/info",
        "/gradio_api/queue/join",
        "/gradio_api/runs",
        "/config",
        "/login",
        "/logout",
        "/monitoring",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/svelte/x",
        "/static/",
        "/static/ffmpeg/ffmpeg-core.js",
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/api/v1/docs",
    ],
)
def test_what_is_not_ours_does_not_exist(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 and answer.json()["error"]["message"]
    assert client.post(path, headers=OURS).status_code in (404, 405)


def test_a_forged_forwarded_host_does_not_move_the_page(client: TestClient) -> None:
    assert "evil.example" not in client.get("/", headers={"X-Forwarded-Host": "evil.example"}).text


def test_embedding_is_for_named_origins_only() -> None:
    open_to = Policy(host_names=POLICY.host_names, max_upload=MIB, frame_ancestors=("https://huggingface.co",))
    assert open_to.ancestors == "'self' https://huggingface.co" and POLICY.ancestors == "'none'"
