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
from app.ranking.values import Passage, Ranking, TraceDelta
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


@pytest.fixture(scope="module")
def lists() -> list[tuple[str, list[Passage]]]:
    """Queries of the demo's dev split with their candidates and evidence."""
    demo, signals = load_demo(), EvidenceSignals(default_embedder())
    dev = [query for query in demo.queries if query.metadata["split"] == "dev"][:5]
    return [(query.text, signals.annotate(query.text, demo.listed(query.id))) for query in dev]


def ranked(ranker: Ranker, lists: list[tuple[str, list[Passage]]]) -> list[Ranking]:
    """All at once, as a server likes it; every list keeps its passages."""

    async def all_of_them() -> list[Ranking]:
        return await asyncio.gather(*(ranker.rank_async(*asked) for asked in lists))

    rankings = asyncio.run(all_of_them())
    for ranking, (_, passages) in zip(rankings, lists, strict=True):
        assert sorted(ranking.ids) == sorted(passage.id for passage in passages)
    return rankings


def test_the_embedded_weights_stream_from_a_real_server(
    address: str, lists: list[tuple[str, list[Passage]]], capsys: pytest.CaptureFixture[str]
) -> None:
    backend = OpenAIBackend(Endpoint(name="vllm", address=address, model="nano", key=""))
    ranker = Ranker(backend=backend, template=NanoTemplate(), strategy=Sliding())

    async def first() -> list[str]:
        events = ranker.stream_rank(*lists[0])
        return [event.text async for event in events if isinstance(event, TraceDelta)]

    pieces = asyncio.run(first())
    assert len(pieces) >= 5 and "weigh first:" in "".join(pieces)
    rankings = ranked(ranker, lists)
    outcomes = Counter(ranking.outcome for ranking in rankings)
    with capsys.disabled():
        sys.stdout.write(f"\nvLLM, unconstrained: {dict(outcomes)} of {len(rankings)}\n")
    # Here nothing constrains the model to its grammar: it may slip, but no call may fail, and what is not clean keeps every passage.
    assert outcomes["error"] == 0 and outcomes["clean"] + outcomes["repaired"] >= 1, outcomes
    for ranking in rankings:
        assert ranking.calls[0].completion.counted and ranking.calls[0].completion.reasoning


def test_a_begun_answer_goes_on_at_a_real_server(
    address: str, lists: list[tuple[str, list[Passage]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Early exit through the server: the trace is closed once its top has settled, and the server goes on with the answer."""
    endpoint = Endpoint(name="vllm", address=address, model="nano", key="", continues="final_message", logprobs=True)
    settle = Settle(top=3, patience=20)
    ranker = Ranker(
        backend=OpenAIBackend(endpoint), template=NanoTemplate(), strategy=Sliding(), thinking=Thinking(settle=settle)
    )  # fmt: skip
    rankings = ranked(ranker, lists)
    completions = [call.completion for ranking in rankings for call in ranking.calls]
    forced = [one.forced for one in completions]
    outcomes = Counter(ranking.outcome for ranking in rankings)
    with capsys.disabled():
        sys.stdout.write(f"vLLM, early exit: {sum(one is not None for one in forced)} of {len(forced)} traces closed, {dict(outcomes)}\n")
    assert outcomes["error"] == 0 and any(one is not None and one.reason == "settled" for one in forced)
    for one in completions:
        if one.forced is not None:
            # Whatever field the server streams the rest in, it is answer and never trace.
            assert one.answer.startswith("<answer>") and "[" in one.answer and one.requests == 2


def test_the_server_is_asked_for_its_models(address: str) -> None:
    assert asyncio.run(OpenAIBackend(Endpoint(name="vllm", address=address, model="nano", key="")).check()) == ""
    missing = asyncio.run(OpenAIBackend(Endpoint(name="vllm", address=address, model="other", key="")).check())
    assert "offers 1 models and not this one" in missing
