"""Ways to run a model, by name. A new one is one new file and one line here; nothing is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import BackendError, SettingsError

if TYPE_CHECKING:
    from ..protocols import Backend
    from ..values import Prompt, Sampling

# Name in a models file -> "module:Class" beside this file.
BACKENDS: dict[str, str] = {
    "nano": "nano:NanoBackend",
    "openai": "openai:OpenAIBackend",
    "scripted": "scripted:Scripted",
    "transformers": "transformers:TransformersBackend",
    "vllm": "vllm:VllmBackend",
}


def backend_class(name: str) -> Any:
    """The class that implements `protocols.Backend` under a name. Raises SettingsError listing the names there are."""
    if name not in BACKENDS:
        raise SettingsError(f"no backend is called {name!r}: there are {', '.join(sorted(BACKENDS))}")
    module, _, attribute = BACKENDS[name].partition(":")
    return getattr(import_module(f".{module}", __name__), attribute)


def check_abilities(backend: Backend, prompt: Prompt, sampling: Sampling) -> None:
    """Raises BackendError where a call asks for what the backend is not able to do, so that nothing is silently left out."""
    if prompt.prefix and "prefix" not in backend.can:
        raise BackendError(f"model {backend.name!r} can't continue a begun answer: use a template without a prefix")
    if sampling.top_logprobs and "logprobs" not in backend.can:
        raise BackendError(f"model {backend.name!r} gives no log-probabilities: use a template that does not ask for them")


__all__ = ["BACKENDS", "backend_class", "check_abilities"]
