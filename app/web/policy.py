"""What a request may look like and what a response must say: pure functions and one value, no I/O.

Sources: CSP level 3, Fetch metadata (Sec-Fetch-Site), and what Gradio 6.31 was seen to need in Chromium.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

MARK = "X-Requested-With"
MARK_VALUE = "reasonrank"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Clients of other rerank services don't know our mark. There the route insists on application/json instead, which a page of another site
# can't send without a preflight, and no preflight is ever granted.
UNMARKED = frozenset({"/api/v1/rerank", "/api/v2/rerank"})
_LARGE = frozenset({"/api/v1/runs", "/api/v1/estimate", *UNMARKED})

MIB = 1024 * 1024
_PERMISSIONS = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one server. Sizes are bytes.

    `frame_ancestors` are origins that may embed the page (a hosted Space is shown in a frame); none forbids embedding.
    """

    host_names: frozenset[str]
    max_upload: int
    frame_ancestors: tuple[str, ...] = ()

    def max_body(self, path: str) -> int:
        """Largest request body for a path."""
        if path == "/api/v1/collections" or (path.startswith("/api/v1/projects/") and path.endswith("/tasks")):
            return self.max_upload + MIB  # the form's own lines around the file
        return 16 * MIB if path in _LARGE else 4 * MIB

    @property
    def ancestors(self) -> str:
        """The value of `frame-ancestors`."""
        return " ".join(("'self'", *self.frame_ancestors)) if self.frame_ancestors else "'none'"


def page_csp(policy: Policy, nonce: str) -> str:
    """Policy of the HTML page: scripts and style sheets from our own files, and the inline ones that carry this response's nonce.

    Only style attributes are free, because Gradio sets some; a browser that doesn't know style-src-attr falls back to style-src.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            "script-src-attr 'none'",
            f"style-src 'self' 'nonce-{nonce}'",
            f"style-src-elem 'self' 'nonce-{nonce}'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",  # Gradio's style sheets carry one for formulas
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {policy.ancestors}",
        )
    )


def data_csp(policy: Policy) -> str:
    """Policy of everything that is not the page: nothing in it may run, load or be framed by others."""
    return f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {policy.ancestors}"


def export_csp(policy: Policy) -> str:
    """Policy of a download: should a browser show it after all, it is in a sandbox of its own."""
    return f"sandbox; {data_csp(policy)}"


def response_headers(policy: Policy) -> dict[str, str]:
    """Headers of every response beside its Content-Security-Policy."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return headers if policy.frame_ancestors else {**headers, "X-Frame-Options": "DENY"}


def cache_control(path: str) -> str:
    """How long a browser may keep an answer that does not say so itself. Gradio names its assets by content hash."""
    if path.startswith("/assets/"):
        return "public, max-age=31536000, immutable"
    return "no-store" if path.startswith("/api/") or path == "/" else "no-cache"


def host_name(host: str) -> str:
    """The name in a Host header without its port, lower case; brackets of an IPv6 address stay. Empty for nonsense."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        return ""
    name = parts.hostname.lower().rstrip(".")
    return f"[{name}]" if ":" in name else name


def host_is_ours(policy: Policy, hosts: Iterable[str]) -> bool:
    """True for exactly one Host header that names this server; a foreign name is how DNS rebinding comes in."""
    given = list(hosts)
    return len(given) == 1 and host_name(given[0]) in policy.host_names


def refusal_of_write(headers: Mapping[str, str], path: str) -> str | None:
    """Why a writing request is refused, or None. A browser always sends Origin with one; a script that sends neither may pass.

    Only the host part is compared: behind a proxy that ends TLS the server can't know the scheme it is reached by.
    """
    host = headers.get("host", "").lower()
    origin = headers.get("origin")
    if origin is None:
        origin = headers.get("referer")
    if origin is not None and urlsplit(origin).netloc.lower() != host:
        return f"this server takes changes only from its own page at {host}, not from another site"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return f"this server takes changes only from its own page at {host}, not from another site"
    if path.startswith("/api/") and path not in UNMARKED and headers.get(MARK.lower()) != MARK_VALUE:
        return f"a change needs the header {MARK}: {MARK_VALUE}"
    return None


def refusal_of_read(headers: Mapping[str, str], path: str) -> str | None:
    """Why a reading request is refused, or None: another site's page may link to us, but not fetch or embed our data."""
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
    if path.startswith("/api/") and site in ("cross-site", "same-site") and mode != "navigate":
        return "this server's data can be read by its own page only, not from another site"
    return None
