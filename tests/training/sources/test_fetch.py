"""Fetching against a real server on this machine: what is let through, and each thing that is refused before it is asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from training.synthesis.fetch import AGENT, Fetched, Fetcher, Refused
from training.synthesis.network import Network, addresses, public

PAGE = b"<p>A page.</p>"


class Site(BaseHTTPRequestHandler):
    """Pages by path; what was asked is kept in `asked`."""

    asked: list[tuple[str, dict[str, str]]] = []
    robots: tuple[int, bytes] = (404, b"")

    def do_GET(self) -> None:
        Site.asked.append((self.path, dict(self.headers)))
        moves = {
            "/moved": "/page", "/away": f"http://inside.test:{self.connection.getsockname()[1]}/page", "/number": "http://127.0.0.1/page",
            "/loop": "/loop", "/other": "http://strange.test/page", "/file": "file:///etc/passwd", "/1": "/2", "/2": "/3", "/3": "/page",
        }  # fmt: skip
        if self.path == "/robots.txt":
            self._answer(Site.robots[0], Site.robots[1], "text/plain")
        elif self.path in moves:
            self.send_response(302)
            self.send_header("Location", moves[self.path])
            self.end_headers()
        elif self.path in ("/404", "/500", "/429"):
            self._answer(int(self.path[1:]), b"", "text/html")
        elif self.path == "/unending":
            self._unending()
        elif self.path == "/slow":
            self._slow()
        elif self.path == "/cut":
            self._answer(200, PAGE, "text/html", **{"Content-Length": "1000"})
        elif self.path == "/packed":
            self._answer(200, PAGE, "text/html", **{"Content-Encoding": "gzip"})
        elif self.path == "/pdf":
            self._answer(200, PAGE, "application/pdf")
        elif self.path == "/big":
            self._answer(200, b"x" * 5_000, "text/plain")
        else:
            self._answer(200, PAGE, "text/html; charset=ISO-8859-1", **{"Set-Cookie": "a=b"})

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _unending(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 10_000)
        except OSError:
            pass

    def _slow(self) -> None:
        """A byte at a time, each of them soon enough for a limit on single reads."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            for _ in range(600):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    Site.asked, Site.robots = [], (404, b"")
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


NAMES = {
    "pages.test": ["127.0.0.1"],
    "www.pages.test": ["127.0.0.1"],
    "inside.test": ["127.0.0.2"],
    "mixed.test": ["127.0.0.1", "127.0.0.2"],
}


def resolve(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise socket.gaierror(host)
    return NAMES[host]


def fetcher(port: int, network: Network | None = None, **changes: Any) -> Fetcher:
    network = network or Network(resolve=resolve, open=lambda address: address == "127.0.0.1", ports=frozenset({port, 80}))
    allow = ("pages.test", "inside.test", "mixed.test", "nowhere.test", "127.0.0.1")
    return Fetcher(**{"allow": allow, "pause": 0.0, "seconds": 30.0, "network": network, **changes})


def paths() -> list[str]:
    return [path for path, _ in Site.asked]


def test_a_page_is_fetched_by_its_name_without_cookies(port: int) -> None:
    web = fetcher(port)
    page = web.get(f"http://www.pages.test:{port}/a b".replace(" ", "%20") + "?q=é#part")
    assert page == Fetched(url=f"http://www.pages.test:{port}/a%20b?q=é", kind="text/html", charset="iso-8859-1", data=PAGE)
    web.get(f"http://www.pages.test:{port}/again")
    assert paths() == ["/robots.txt", "/a%20b?q=%C3%A9", "/again"]
    for _, headers in Site.asked:
        assert headers["Host"] == f"www.pages.test:{port}" and headers["User-Agent"] == AGENT and "ReasonRank" in AGENT
        assert "Cookie" not in headers and headers["Accept-Encoding"] == "identity"


def test_redirects_are_followed_three_times_under_the_same_rules(port: int) -> None:
    assert fetcher(port).get(f"http://pages.test:{port}/1").url == f"http://pages.test:{port}/page"
    for path, reason in (
        ("/loop", "redirected more than 3 times"), ("/away", "not public"), ("/number", "a number and not a name"),
        ("/other", "not in the list"), ("/file", "only http and https"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=reason) as error:
            fetcher(port).get(f"http://pages.test:{port}{path}")
        assert error.value.final


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://pages.test/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("http://other.test/", "not in the list"),
        ("http://notpages.test/", "not in the list"),
        ("http://pages.test.evil.test/", "not in the list"),
        ("http:///page", "not in the list"),
        ("http://user:secret@pages.test/", "name or password"),
        ("http://pages.test@other.test/", "name or password"),
        ("http://pages.test:22/", "port"),
        ("http://pages.test:99999/", "can't be read"),
        ("http://127.0.0.1/", "a number"),
        ("http://2130706433/", "a number"),
        ("http://0x7f000001/", "a number"),
        ("http://0x7f.1/", "a number"),
        ("http://0177.0.0.01/", "a number"),
        ("http://127.1./", "a number"),
        ("http://１２７.0.0.1/", "a number"),
        ("http://[::1]/", "a number"),
        ("http://[::ffff:127.0.0.1]/", "a number"),
        ("http://pages.test/\r\nHost: other.test", "characters"),
        ("http://pages.test/" + "a" * 3_000, "too long"),
        (f"http://{'a' * 80}.test/", "can't be read"),
    ],
)
def test_an_address_that_may_not_be_asked_is_not(port: int, url: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as error:
        fetcher(port).get(url)
    assert error.value.final and Site.asked == []


def test_a_host_must_stand_at_public_addresses_only(port: int) -> None:
    for host in ("inside.test", "mixed.test"):
        with pytest.raises(Refused, match="not public"):
            fetcher(port).get(f"http://{host}:{port}/page")
    with pytest.raises(Refused, match="no address") as error:
        fetcher(port).get(f"http://nowhere.test:{port}/page")
    assert not error.value.final and Site.asked == []


def test_a_name_is_resolved_once_per_request(port: int) -> None:
    answers = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]]
    network = Network(resolve=lambda host, port: answers.pop(0), open=lambda address: address == "127.0.0.1", ports=frozenset({port}))
    web = fetcher(port, network)
    assert web.get(f"http://pages.test:{port}/page").data == PAGE and len(answers) == 1  # robots.txt and the page
    with pytest.raises(Refused, match="not public"):
        web.get(f"http://pages.test:{port}/page")
    assert paths() == ["/robots.txt", "/page"]


@pytest.mark.parametrize(
    ("path", "reason", "final"),
    [
        ("/404", "answered 404", True),
        ("/500", "answered 500", False),
        ("/429", "answered 429", False),
        ("/pdf", "application/pdf", True),
        ("/packed", "packed", True),
        ("/big", "more than 1000 bytes", True),
        ("/unending", "more than 1000 bytes", True),
        ("/cut", "connection failed", False),
    ],
)
def test_an_answer_that_is_no_page_is_refused(port: int, path: str, reason: str, final: bool) -> None:
    with pytest.raises(Refused, match=reason) as error:
        fetcher(port, max_bytes=1_000).get(f"http://pages.test:{port}{path}")
    assert error.value.final is final


def test_a_slow_body_ends_at_the_limit_of_time(port: int) -> None:
    with pytest.raises(Refused, match="longer than 0.5 seconds") as error:
        fetcher(port, seconds=0.5).get(f"http://pages.test:{port}/slow")
    assert not error.value.final


def test_a_server_that_says_nothing_ends_at_the_limit_of_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Refused, match="longer than 0.3 seconds"):
            fetcher(port, seconds=0.3).get(f"http://pages.test:{port}/page")
        web = fetcher(port, Network(resolve=resolve, open=lambda address: True, ports=frozenset({port})), seconds=0.3)
        with pytest.raises(Refused, match="longer than 0.3 seconds"):
            web.get(f"https://pages.test:{port}/page")  # the handshake of TLS


def test_tls_is_checked_and_nobody_listening_is_said(port: int) -> None:
    with pytest.raises(Refused, match="connection failed"):
        fetcher(port).get(f"https://pages.test:{port}/page")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    with pytest.raises(Refused, match="does not answer"):
        fetcher(free).get(f"http://pages.test:{free}/page")


def test_robots_txt_is_heeded(port: int) -> None:
    Site.robots = (200, b"User-agent: *\nDisallow: /private\n")
    web = fetcher(port)
    with pytest.raises(Refused, match=r"robots\.txt"):
        web.get(f"http://pages.test:{port}/private/page")
    assert web.get(f"http://pages.test:{port}/open").data == PAGE
    assert paths() == ["/robots.txt", "/open"]
    Site.robots = (503, b"")
    with pytest.raises(Refused, match="rules of its host can't be read") as error:
        fetcher(port).get(f"http://pages.test:{port}/open")
    assert not error.value.final


def test_a_host_is_asked_once_in_a_pause(port: int) -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    network = Network(resolve=resolve, open=lambda _: True, ports=frozenset({port}), clock=lambda: now[0], sleep=sleep)
    web = fetcher(port, network, pause=5.0)
    web.get(f"http://pages.test:{port}/a")
    now[0] += 2.0
    web.get(f"http://pages.test:{port}/b")
    web.get(f"http://www.pages.test:{port}/c")
    assert slept == [5.0, 3.0, 5.0]  # the page after its robots.txt, the next page, and the same on another host


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "::7f00:1", "2001:db8::1", "not an address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_that_are_public(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001"])
def test_the_systems_own_resolver_gives_addresses_that_are_refused(host: str) -> None:
    found = addresses(host, 80)
    assert found and not any(public(address) for address in found)
