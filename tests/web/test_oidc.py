"""Signing in with a provider that speaks OpenID Connect on a socket of its own: the whole round, and what a false one can't do."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from app.ranking.errors import SettingsError
from app.web.oidc import START
from app.web.who import SESSION

from .house import HEADERS, House

pytestmark = pytest.mark.process


class Provider(ThreadingHTTPServer):
    """Knows one person; gives codes, checks PKCE, signs tokens. `spoil` changes the claims of the next token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.key = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.spoil: dict[str, Any] = {}
        self.challenges: dict[str, dict[str, str]] = {}

    def token(self, code: str) -> str:
        asked = self.challenges[code]
        claims = {
            "iss": self.issuer, "sub": "42", "aud": asked["client_id"], "nonce": asked["nonce"], "iat": int(time.time()),
            "exp": int(time.time()) + 60, "email": "ann@example.org", "email_verified": True, "name": "Ann", **self.spoil,
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        own = self.server
        if self.path.endswith("openid-configuration"):
            self.tell({"issuer": own.issuer, "authorization_endpoint": f"{own.issuer}/authorize", "token_endpoint": f"{own.issuer}/token",
                       "jwks_uri": f"{own.issuer}/keys", "id_token_signing_alg_values_supported": ["RS256"]})  # fmt: skip
        else:
            self.tell({"keys": [own.key.as_dict(private=False)]})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        code, verifier = form["code"][0], form["code_verifier"][0]
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if made != self.server.challenges[code]["code_challenge"]:
            self.tell({"error": "invalid_grant"}, 400)
            return
        self.tell({"access_token": "x", "token_type": "Bearer", "id_token": self.server.token(code)})

    def tell(self, data: object, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONRANK_OIDC_SECRET", "a secret")
        yield House(tmp_path_factory.mktemp("house"), oidc_issuer=provider.issuer, oidc_client_id="studio", oidc_label="Example")


def go(house: House, provider: Provider, *, invite: str = "", state: str = "") -> Any:
    """A browser's way there and back; the last answer."""
    browser = house.client()
    sent = browser.get(START + (f"?invite={invite}" if invite else ""))
    assert sent.status_code == 302 and sent.headers["location"].startswith(provider.issuer)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    provider.challenges["code-1"] = asked
    back = urlsplit(asked["redirect_uri"])
    assert back.netloc == "studio.example.org" and asked["code_challenge_method"] == "S256"
    return browser.get(f"{back.path}?code=code-1&state={state or asked['state']}")


def test_somebody_with_an_invite_comes_in_and_is_known_the_next_time(house: House, provider: Provider) -> None:
    assert house.client().get("/api/v1/me").json()["oidc"] == "Example"
    made = house.client(house.admin).post("/api/v1/invites", json={"roles": ["reviewer"]}, headers=HEADERS).json()
    answer = go(house, provider, invite=made["link"].partition("invite=")[2])
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert house.client(answer.cookies[SESSION]).get("/api/v1/me").json()["roles"] == ["reviewer", "visitor"]
    assert SESSION in go(house, provider).cookies


@pytest.mark.parametrize(
    "spoil",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"nonce": "old"},
        {"email_verified": False},
        {"email": None},
        {"sub": "43", "email": "eve@example.org"},
    ],
)
def test_a_token_that_is_not_for_us_or_a_stranger_does_not_come_in(house: House, provider: Provider, spoil: dict[str, Any]) -> None:
    provider.spoil = spoil
    answer = go(house, provider)
    provider.spoil = {}
    assert SESSION not in answer.cookies
    assert answer.status_code == 303 and answer.headers["location"].startswith("/?trouble=")


def test_a_state_of_another_browser_is_refused(house: House, provider: Provider) -> None:
    answer = go(house, provider, state="forged")
    assert SESSION not in answer.cookies and answer.headers["location"].startswith("/?trouble=")


def test_without_the_providers_secret_the_server_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REASONRANK_OIDC_SECRET", raising=False)
    with pytest.raises(SettingsError, match="REASONRANK_OIDC_SECRET"):
        House(tmp_path, oidc_issuer="https://id.example.org", oidc_client_id="studio")


def test_where_no_provider_is_named_there_are_no_such_routes(tmp_path: Path) -> None:
    assert House(tmp_path).client().get(START).status_code == 404
