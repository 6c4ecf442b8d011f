"""Backends of the models file: what an entry must say, why one can't be used, and how its backend is made.

The page and the training code name models the same way, and neither knows the other: both make backends here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ..errors import TemplateError
from ..prompts import template_for

if TYPE_CHECKING:
    from ..protocols import Backend


class Entry(Protocol):
    """What a backend is made of; `app.settings.ModelEntry` says what each means. Read-only."""

    @property
    def name(self) -> str:
        """Name on pages and in traces."""
        ...

    @property
    def backend(self) -> str:
        """A key of MAKERS."""
        ...

    @property
    def profile(self) -> str:
        """Prompt profile."""
        ...

    @property
    def model(self) -> str:
        """Name at the server."""
        ...

    @property
    def address(self) -> str:
        """Base URL."""
        ...

    @property
    def path(self) -> str:
        """Folder or hub id."""
        ...

    @property
    def key_env(self) -> str:
        """Environment variable with the key."""
        ...

    @property
    def continues(self) -> str:
        """How a begun answer is gone on with."""
        ...

    @property
    def logprobs(self) -> bool:
        """Whether there are log-probabilities."""
        ...

    @property
    def template_args(self) -> Mapping[str, Any]:
        """Arguments of the chat template."""
        ...

    @property
    def revision(self) -> str:
        """Of a hub id."""
        ...

    @property
    def requests_per_minute(self) -> int:
        """0 for no limit."""
        ...

    @property
    def concurrent(self) -> int:
        """Most calls at once."""
        ...

    @property
    def first_token_seconds(self) -> float:
        """Longest wait for the first text."""
        ...

    @property
    def total_seconds(self) -> float:
        """Longest wait for all tries together."""
        ...


def why_not(entry: Entry) -> str:
    """Why a model can't be used, as far as that is known before a call; empty where it can."""
    if entry.key_env and not os.environ.get(entry.key_env):
        return f"the environment variable {entry.key_env} is not set"
    if entry.backend == "openai" and not entry.address.startswith(("http://", "https://")):
        return "its address in the models file must begin with http:// or https://"
    if entry.backend in ("transformers", "vllm") and not entry.path:
        return "the models file gives it no path"
    if entry.backend == "nano" and entry.path:
        from .nano import FILES

        absent = [name for name in FILES if not (Path(entry.path) / name).is_file()]
        if absent:
            return f"its folder has no {absent[0]}: give one with weights of the embedded model, such as a version's unpacked tar"
    missing = [package for package in _NEEDS.get(entry.backend, ()) if find_spec(package) is None]
    if missing:
        return f"the package {missing[0]} is not installed here: {_INSTALL[entry.backend]}"
    try:
        template_for(entry.profile)
    except TemplateError as error:
        return str(error)
    return ""


def _nano(entry: Entry) -> Backend:
    from .nano import WEIGHTS, NanoBackend

    return NanoBackend(entry.path or WEIGHTS, name=entry.name)


def _openai(entry: Entry) -> Backend:
    from .openai import Endpoint, Limits, OpenAIBackend

    key = os.environ.get(entry.key_env, "") if entry.key_env else ""
    endpoint = Endpoint(
        name=entry.name,
        address=entry.address,
        model=entry.model or entry.name,
        key=key,
        continues=cast(Literal["", "final_message", "prefix"], entry.continues),
        logprobs=entry.logprobs,
        template_args=entry.template_args,
    )
    limits = Limits(
        first=entry.first_token_seconds,
        total=entry.total_seconds,
        concurrent=entry.concurrent,
        per_minute=entry.requests_per_minute,
    )
    return OpenAIBackend(endpoint, limits)


def _transformers(entry: Entry) -> Backend:
    from .transformers import TransformersBackend

    return TransformersBackend(entry.path, name=entry.name, revision=entry.revision)


def _vllm(entry: Entry) -> Backend:
    from .vllm import VllmBackend

    return VllmBackend(entry.path, name=entry.name, revision=entry.revision)


_NEEDS = {"openai": ("openai",), "transformers": ("torch", "transformers"), "vllm": ("vllm",)}
_INSTALL = {
    "openai": "install requirements.txt",
    "transformers": "install requirements.txt",
    "vllm": "install requirements-gpu.txt on a GPU host, or requirements-cpu.txt",
}
MAKERS: dict[str, Callable[[Any], Backend]] = {"nano": _nano, "openai": _openai, "transformers": _transformers, "vllm": _vllm}
"""Backend of the models file -> how it is made of an entry."""
