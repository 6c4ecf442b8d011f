"""A real vLLM server (the CPU build) serves the embedded weights to the `openai` backend: the same seam as every big model.

It runs from an environment of its own, .venv-engine, which `make test` makes on Linux; or name a Python with vLLM in
REASONRANK_ENGINE_PYTHON. The server starts in one to three minutes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ranking.backends.openai import Endpoint, OpenAIBackend
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.ranker import Ranker
from app.ranking.retrieval.demo import load_demo
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.signals import EvidenceSignals
from app.ranking.strategies import Sliding
from app.ranking.thinking import Settle, Thinking
from app.ranking.values import Passage, TraceDelta
from benchmarks.vllm_server import Served, engine_python, serving

ROOT = Path(__file__).parent.parent.parent
WEIGHTS = ROOT / "app/ranking/models/nano/weights"
START_WITHIN_SECONDS = 280
pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a vLLM server with the committed weights."""
    python_or_skip()
    options = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "512", "--reasoning-parser", "qwen3")
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    with serving(Served(folder=WEIGHTS, name="nano", options=options), log, START_WITHIN_SECONDS) as url:
        yield url


def python_or_skip() -> str:
    try:
        return engine_python()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def lists(count: int) -> list[tuple[str, list[Passage]]]:
    """Queries of the demo's dev split with their candidates and evidence."""
    demo, signals = load_demo(), EvidenceSignals(default_embedder())
    dev = [query for query in demo.queries if query.metadata["split"] == "dev"][:count]
    return [(query.text, signals.annotate(query.text, demo.listed(query.id))) for query in dev]


def test_the_embedded_weights_stream_from_a_real_server(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    backend = OpenAIBackend(Endpoint(name="vllm", address=address, model="nano", key=""))
    ranker = Ranker(backend=backend, template=NanoTemplate(), strategy=Sliding())
    asked = lists(8)

    async def first() -> list[str]:
        events = ranker.stream_rank(*asked[0])
        return [event.text async for event in events if isinstance(event, TraceDelta)]

    pieces = asyncio.run(first())
    assert len(pieces) >= 5 and "weigh first:" in "".join(pieces)
    rankings = [ranker.rank(query, passages) for query, passages in asked]
    outcomes = Counter(ranking.outcome for ranking in rankings)
    with capsys.disabled():
        sys.stdout.write(f"\nvLLM, unconstrained: {dict(outcomes)} of {len(rankings)}\n")
    # Here nothing constrains the model to its grammar: it may slip, but no call may fail, and what is not clean keeps every passage.
    assert outcomes["error"] == 0 and outcomes["clean"] + outcomes["repaired"] >= 1, outcomes
    for ranking, (_, passages) in zip(rankings, asked, strict=True):
        assert sorted(ranking.ids) == sorted(passage.id for passage in passages)
        assert ranking.calls[0].completion.counted and ranking.calls[0].completion.reasoning


def test_a_begun_answer_goes_on_at_a_real_server(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Early exit through the server: the trace is closed once its top has settled, and the server goes on with the answer."""
    endpoint = Endpoint(name="vllm", address=address, model="nano", key="", continues="final_message", logprobs=True)
    settle = Settle(top=3, patience=20)
    ranker = Ranker(
        backend=OpenAIBackend(endpoint), template=NanoTemplate(), strategy=Sliding(), thinking=Thinking(settle=settle)
    )  # fmt: skip
    rankings = [ranker.rank(query, passages) for query, passages in lists(4)]
    forced = [call.completion.forced for ranking in rankings for call in ranking.calls]
    outcomes = Counter(ranking.outcome for ranking in rankings)
    with capsys.disabled():
        sys.stdout.write(f"vLLM, early exit: {sum(one is not None for one in forced)} of {len(forced)} traces closed, {dict(outcomes)}\n")
    assert outcomes["error"] == 0 and any(one is not None and one.reason == "settled" for one in forced)
    for ranking, (_, passages) in zip(rankings, lists(4), strict=True):
        assert sorted(ranking.ids) == sorted(passage.id for passage in passages)
        for call in ranking.calls:
            # Whatever field the server streams the rest in, it is answer and never trace.
            assert call.completion.answer.startswith("<answer>") and "[" in call.completion.answer and call.completion.requests == 2


def test_the_server_is_asked_for_its_models(address: str) -> None:
    assert asyncio.run(OpenAIBackend(Endpoint(name="vllm", address=address, model="nano", key="")).check()) == ""
    missing = asyncio.run(OpenAIBackend(Endpoint(name="vllm", address=address, model="other", key="")).check())
    assert "offers 1 models and not this one" in missing
