"""Models as they are offered: what greys one, with which sentence, and how options reach its ranker."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.ranking.backends.nano import WEIGHTS
from app.ranking.backends.openai import Endpoint, OpenAIBackend
from app.ranking.backends.scripted import Scripted
from app.ranking.errors import BackendUnavailable, InputError, SettingsError
from app.ranking.options import Options
from app.services.actors import LOCAL
from app.services.models import Models
from app.settings import ModelEntry
from tests.faults.server import Wire

OPENAI: dict[str, Any] = {"name": "far", "backend": "openai", "address": "http://127.0.0.1:1/v1"}


def reason(models: Models, name: str) -> str:
    return next(str(one["reason"]) for one in models.list(LOCAL) if one["name"] == name)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key_env": "NO_SUCH_KEY_HERE"}, "NO_SUCH_KEY_HERE is not set"),
        ({"address": "ftp://x"}, "must begin with http"),
        ({"backend": "transformers", "address": ""}, "gives it no path"),
        ({"profile": "magic"}, "there are direct, insertrank, nano, pointwise"),
        ({"profile": "none.yaml"}, "can't be read"),
        ({"backend": "vllm", "path": "x"}, "requirements-gpu.txt"),
        ({"backend": "nano", "path": "x", "address": "", "profile": "nano"}, "has no config.json"),
    ],
)
def test_what_can_be_known_before_a_call_greys_a_model(changes: dict[str, str], sentence: str) -> None:
    import importlib.util

    if changes.get("backend") == "vllm" and importlib.util.find_spec("vllm") is not None:
        pytest.skip("vllm is installed here, so nothing is missing")
    models = Models((ModelEntry(**{**OPENAI, **changes}),))
    assert sentence in reason(models, "far")
    with pytest.raises(BackendUnavailable, match="far can't be used"):
        models.check("far")


def test_a_version_that_was_taken_away_is_a_model_of_the_file(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "mine")
    weights = tmp_path / "mine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    models = Models((ModelEntry(name="mine", backend="nano", path=str(tmp_path / "mine"), profile="nano"),))
    mine, shipped = models.ranker("mine").backend, models.ranker("nano").backend
    assert reason(models, "mine") == "" and models.reads_evidence("mine")
    assert (mine.name, shipped.name) == ("mine", "nano") and mine.revision != shipped.revision
    assert mine.revision == hashlib.sha256(weights.read_bytes()).hexdigest()[:16]


def test_a_server_that_is_down_greys_its_model_and_refuses_nothing() -> None:
    models = Models((ModelEntry(**OPENAI),))
    assert reason(models, "far") == ""
    asyncio.run(models.look())
    assert "can't be reached" in reason(models, "far") and "127.0.0.1" not in reason(models, "far")
    models.check("far")


def test_a_model_with_a_router_is_offered_with_it_and_its_file_is_not_told() -> None:
    models = Models((ModelEntry(**OPENAI, router="/somewhere/router.json"),))
    assert [(one["name"], one["routed"]) for one in models.list(LOCAL) if one["routed"]] == [("far", True)]
    assert "router.json" not in str(models.list(LOCAL))


def test_a_server_that_lists_the_model_is_fine() -> None:
    body = b'{"object": "list", "data": [{"id": "far", "object": "model", "created": 1, "owned_by": "x"}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Wire(lambda number, asked: [head + body]) as wire:
        models = Models((ModelEntry(**{**OPENAI, "address": wire.address}),))
        asyncio.run(models.look())
    assert reason(models, "far") == ""


def test_options_make_the_ranker() -> None:
    models = Models((ModelEntry(name="told", backend="told", profile="reasonrank", max_tokens=77),), {"told": lambda entry: Scripted([])})
    plain = models.ranker("told")
    assert (plain.template.name, plain.strategy.name) == ("reasonrank", "sliding")
    assert plain.effective_sampling.max_tokens == 77
    setwise = models.ranker("told", Options.of({"strategy": {"name": "setwise"}}))
    assert setwise.template.name == "setwise" and setwise.backend is plain.backend
    with pytest.raises(SettingsError, match="can continue a begun answer"):
        models.ranker("told", Options.of({"thinking": {"budget": 9}}))
    with pytest.raises(InputError, match="no model is called"):
        models.check("nobody")


def test_limits_of_the_file_reach_the_backend() -> None:
    entry = ModelEntry(**{**OPENAI, "continues": "prefix", "logprobs": True, "concurrent": 3, "requests_per_minute": 5})
    backend = Models((entry,)).ranker("far").backend
    assert isinstance(backend, OpenAIBackend) and backend.can == {"prefix", "logprobs"}
    assert (backend._limits.concurrent, backend._limits.per_minute) == (3, 5)
    assert len(backend.revision) == 16 and backend.revision != OpenAIBackend(Endpoint(name="x", address="", model="other")).revision
