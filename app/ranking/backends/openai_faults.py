"""What a failed request means: one sentence for people, and whether asking again can help. Shows no key, address or model path."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import BackendBusy, BackendError, BackendUnavailable

_TOO_LONG = re.compile(r"context[ _](length|window|size)|maximum context|max_model_len|prompt is too long|too many (input )?tokens", re.I)
# Addresses, host:port pairs and things that look like keys, in the words of a server or of a proxy before it.
_PRIVATE = re.compile(r"\b[a-z]+://\S+|\b[\w.-]+:\d{2,5}\b|\b\d{1,3}(\.\d{1,3}){3}\b|\b(sk|hf|key)[-_][\w*-]{4,}|(?<!\w)/[\w.-]+/\S*", re.I)
_LONGEST_QUOTE = 200


class Fault(Exception):
    """A try that failed. `wait` is what the server asked for in seconds, None where it did not say."""

    def __init__(self, error: BackendError, *, retry: bool = False, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.retry, self.wait = error, retry, wait


def fault_of(library: Any, error: Any, name: str, secrets: Sequence[str], *, begun: bool) -> Fault:
    """The fault behind an exception of the openai package; `begun` says whether the model had written anything."""
    who = f"model {name!r} was asked to rank and"
    if isinstance(error, library.APIStatusError):
        return _refusal(error.status_code, _quote(error, secrets), who, error.response.headers)
    if begun:
        return Fault(BackendError(f"{who} broke off in the middle of its answer: try again"))
    if isinstance(error, library.APITimeoutError):
        return Fault(BackendUnavailable(f"{who} its server did not answer in time: check that it runs, or try again"), retry=True)
    if isinstance(error, library.APIConnectionError):
        reason = "its server can't be reached, or hung up before the first word"
        return Fault(BackendUnavailable(f"{who} {reason}: check that it runs and that the address is right"), retry=True)
    return Fault(BackendError(f"{who} its server reported an error instead of an answer: try again, or look at the server's log"))


def _refusal(status: int, said: str, who: str, headers: Mapping[str, str]) -> Fault:
    """The fault behind an HTTP status."""
    if status in (401, 403):
        return Fault(BackendUnavailable(f"{who} its server refused the key (HTTP {status}): correct the key in the environment"))
    if status == 404:
        text = f"{who} its server has no such model or route (HTTP 404): correct model and address in the models file"
        return Fault(BackendUnavailable(text))
    if status in (400, 413, 422) and (status == 413 or _TOO_LONG.search(said)):
        text = f"{who} the prompt is longer than its context: use a smaller window or shorter passages, or a larger max_model_len"
        return Fault(BackendError(f"{text} (the server said: {said})"))
    if status == 429:
        return Fault(BackendBusy(f"{who} its server takes no more requests now (HTTP 429): try later"), retry=True, wait=_wait(headers))
    if status >= 500 or status in (408, 409):
        kind = BackendBusy if status == 503 else BackendError
        text = f"{who} its server failed (HTTP {status}): try again, or look at the server's log"
        return Fault(kind(text), retry=True, wait=_wait(headers))
    return Fault(
        BackendError(f"{who} its server refused the request (HTTP {status}): correct the model's settings (the server said: {said})")
    )


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _quote(error: Any, secrets: Sequence[str]) -> str:
    """What the server said in one short line, without anything private."""
    body = error.body if isinstance(error.body, dict) else {}
    text = str(body.get("message") or error.message)
    for secret in secrets:
        text = text.replace(secret, "...")
    text = " ".join(_PRIVATE.sub("...", text).split())
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
