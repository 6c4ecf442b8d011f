"""Which addresses are of the public internet, and how a name becomes one."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PORTS = frozenset({80, 443})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address behind a translator
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def addresses(host: str, port: int) -> list[str]:
    """Addresses of a host, as the system resolves it. Raises OSError where there is none."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def public(address: str) -> bool:
    """Whether an address is one of the public internet; one that carries an IPv4 address inside is judged by that too."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return _public(found)
    if found.ipv4_mapped is not None or found in _NAT64:
        return _public(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return _public(found) and all(_public(inside) for inside in _inside(found))


def _inside(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses that an IPv6 address leads to: by 6to4, Teredo or the old compatible form."""
    found = [*(address.teredo or ())]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _public(address: _Address) -> bool:
    closed = address.is_private or address.is_loopback or address.is_link_local or address.is_reserved or address.is_multicast
    return address.is_global and not closed and not address.is_unspecified


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The outside world: how names are resolved, which addresses and ports are open, and what time it is (seconds, from any beginning).

    All who fetch share one, so that together they ask a host no more often than one of them may.
    """

    resolve: Callable[[str, int], list[str]] = addresses
    open: Callable[[str], bool] = public
    ports: frozenset[int] = PORTS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: dict[str, float] = field(default_factory=dict)

    def wait(self, host: str, pause: float) -> None:
        """Wait until the host may be asked: `pause` seconds after it was last asked, or will be by somebody who waits already."""
        with self._lock:
            now = self.clock()
            turn = max(now, self._turns.get(host, now - pause) + pause)
            self._turns[host] = turn
        if turn > now:
            self.sleep(turn - now)


OUTSIDE = Network()
