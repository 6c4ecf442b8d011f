"""Fetching pages that strangers linked to, without letting them reach anything but public pages of hosts that were named.

Only http and https on their usual ports, hosts of an allow-list by name; the name is resolved once, every address must be public, and the
connection goes to an address that was checked, so that a second resolution can't point elsewhere. Redirects are followed by hand under the
same rules, and what a host's robots.txt forbids (RFC 9309) is left alone. A page is text, uncompressed, at most so many bytes, and must be
there within so many seconds in all. No cookies are kept.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from app.ranking.errors import InputError
from training.synthesis.network import OUTSIDE, Network

AGENT = "ReasonRankStudio/0.1 (collects pages linked from answers, for research on ranking)"
KINDS = ("text/html", "text/plain")
REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
_AGAIN = (408, 425, 429)
_PIECE = 1 << 16
_LONGEST_URL = 2_000
# As browsers have it: a host whose last label is a number, in whatever notation, is an address.
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0[xX][0-9a-fA-F]*)")


class Refused(InputError):
    """A page that was not fetched. `final` says that trying again can't help; `status` is what the server answered, 0 for no answer."""

    def __init__(self, url: str, reason: str, *, final: bool = True, status: int = 0) -> None:
        super().__init__(f"{url[:200]!r} was not fetched: {reason}")
        self.reason, self.final, self.status = reason, final, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A page: the address that it came from in the end, text/html or text/plain, the charset that the server named, and its bytes."""

    url: str
    kind: str
    charset: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Fetcher:
    """Fetches pages of hosts in `allow` (a name stands for itself and all below it), asking a host at most once in `pause` seconds.

    `max_bytes` bounds a page's body, `seconds` all from connecting to the last byte, redirects included and waiting for a host's turn not;
    how long a name may take to resolve is the system's own limit.
    """

    allow: tuple[str, ...]
    max_bytes: int = 2_000_000
    seconds: float = 20.0
    pause: float = 1.0
    network: Network = OUTSIDE
    _robots: dict[str, RobotFileParser] = field(default_factory=dict)

    def get(self, url: str) -> Fetched:
        """The page behind an address. Raises Refused saying which rule stands against it, or what went wrong."""
        return self._follow(url, rules=True)

    def _follow(self, url: str, *, rules: bool) -> Fetched:
        target, left = self._checked(url, url), self.seconds
        for _ in range(REDIRECTS + 1):
            if rules:
                self._ask_robots(url, target)
            self.network.wait(str(target.hostname), self.pause)
            begun = self.network.clock()
            found = _Visit(url, target, begun + left, self).answer()
            left -= self.network.clock() - begun
            if isinstance(found, Fetched):
                return found
            target = self._checked(url, urljoin(target.geturl(), found))
        raise Refused(url, f"it is redirected more than {REDIRECTS} times")

    def _checked(self, url: str, now: str) -> SplitResult:
        """The parts of an address that may be asked."""
        if len(now) > _LONGEST_URL or not now.isprintable() or " " in now:
            raise Refused(url, "its address is too long, or holds characters that no address has")
        try:
            parts = urlsplit(now)
            port, host = parts.port, (parts.hostname or "").rstrip(".").encode("idna").decode("ascii")
        except ValueError as error:  # a UnicodeError is one too
            raise Refused(url, "its address can't be read") from error
        if parts.scheme not in ("http", "https"):
            raise Refused(url, "only http and https are fetched")
        if parts.username is not None or parts.password is not None:
            raise Refused(url, "its address holds a name or password")
        if ":" in host or _NUMBER.fullmatch(host):
            raise Refused(url, "its host is a number and not a name")
        if (port or (443 if parts.scheme == "https" else 80)) not in self.network.ports:
            raise Refused(url, "its port is none of the usual ones")
        if not host or not any(host == name or host.endswith("." + name) for name in map(str.lower, self.allow)):
            raise Refused(url, f"its host {host[:100]!r} is not in the list of allowed hosts")
        return parts._replace(netloc=host if port is None else f"{host}:{port}", fragment="")

    def _ask_robots(self, url: str, target: SplitResult) -> None:
        site = f"{target.scheme}://{target.netloc}"
        if site not in self._robots:
            rules = RobotFileParser()
            try:
                found = self._follow(f"{site}/robots.txt", rules=False)
                rules.parse(found.data.decode("utf-8", "replace").splitlines())
            except Refused as error:
                if not 400 <= error.status < 500:
                    raise Refused(url, f"the rules of its host can't be read ({error.reason})", final=error.final) from error
                rules.parse([])  # there are none
            self._robots[site] = rules
        if not self._robots[site].can_fetch(AGENT, target.geturl()):
            raise Refused(url, "its host asks in robots.txt not to fetch it")


class _Visit:
    """One request to a checked address. At its deadline the socket is shut, whatever it is waiting for."""

    def __init__(self, url: str, target: SplitResult, ends: float, limits: Fetcher) -> None:
        self._url, self._target, self._ends, self._limits = url, target, ends, limits
        self._late = False

    def answer(self) -> Fetched | str:
        """The page, or the address that it was moved to."""
        try:
            with self._connected() as sock, self._watched(sock):
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                found = self._asked(sock)
        except Refused:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._late or isinstance(error, TimeoutError):
                raise self._too_slow() from error
            raise self._refused(f"the connection failed ({type(error).__name__})", final=False) from error
        if self._late:  # a body without a length ends quietly when its socket is shut
            raise self._too_slow()
        return found

    def _asked(self, sock: socket.socket) -> Fetched | str:
        host, target = str(self._target.hostname), self._target
        connection = http.client.HTTPConnection(host)
        connection.sock = sock
        path = quote(target.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(target.query, safe="/?%:@!$&'()*+,;=~-._[]")
        headers = {
            "Host": target.netloc,
            "User-Agent": AGENT,
            "Accept": ", ".join(KINDS),
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        connection.request("GET", f"{path}?{query}" if query else path, headers=headers)
        with connection.getresponse() as response:
            moved = response.getheader("Location")
            if response.status in _MOVED and moved:
                return moved
            if response.status != 200:
                status = response.status
                raise self._refused(f"the server answered {status}", final=400 <= status < 500 and status not in _AGAIN, status=status)
            return self._page(response)

    def _page(self, response: http.client.HTTPResponse) -> Fetched:
        kind = response.headers.get_content_type() if response.getheader("Content-Type") else "nothing"
        if kind not in KINDS:
            raise self._refused(f"it is {kind[:100]}, and only {' and '.join(KINDS)} are read")
        if (packed := response.getheader("Content-Encoding", "identity").strip().lower()) != "identity":
            raise self._refused(f"it is packed ({packed[:20]}) although that was not asked for")
        data, most = bytearray(), self._limits.max_bytes
        while piece := response.read1(min(_PIECE, most + 1 - len(data))):
            data += piece
            if len(data) > most:
                raise self._refused(f"it has more than {most} bytes")
        if response.length:
            raise http.client.IncompleteRead(bytes(data[:0]), response.length)
        charset = str(response.headers.get_content_charset() or "")
        return Fetched(url=self._target.geturl(), kind=kind, charset=charset, data=bytes(data))

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """A socket to the first address of the host that answers, all of which must be public."""
        host, secure = str(self._target.hostname), self._target.scheme == "https"
        port = self._target.port or (443 if secure else 80)
        network = self._limits.network
        try:
            found = network.resolve(host, port)
        except OSError as error:
            raise self._refused("its host has no address", final=False) from error
        if not found or not all(network.open(address) for address in found):
            raise self._refused("its host stands at an address that is not public")
        sock = self._connect(found, port)
        try:
            if secure:
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            yield sock
        finally:
            sock.close()

    def _connect(self, found: list[str], port: int) -> socket.socket:
        for address in found:
            try:
                return socket.create_connection((address, port), timeout=self._left())
            except TimeoutError as error:
                raise self._too_slow() from error
            except OSError:
                continue
        raise self._refused("its host does not answer", final=False)

    @contextmanager
    def _watched(self, sock: socket.socket) -> Iterator[None]:
        def late() -> None:
            self._late = True
            with suppress(OSError):  # it may be closed already; the TLS socket's own shutdown may not be called by another thread
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        timer = threading.Timer(self._left(), late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _left(self) -> float:
        if (left := self._ends - self._limits.network.clock()) <= 0:
            raise self._too_slow()
        return left

    def _too_slow(self) -> Refused:
        return self._refused(f"it took longer than {self._limits.seconds:g} seconds", final=False)

    def _refused(self, reason: str, *, final: bool = True, status: int = 0) -> Refused:
        return Refused(self._url, reason, final=final, status=status)
