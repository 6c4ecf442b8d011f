"""Run by the Python of the engine's environment: the embedded weights in a vLLM engine inside this process. Prints one JSON line."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from app.ranking.backends.vllm import VllmBackend
from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.values import Completion, Delta, Passage, Prompt, Sampling

WEIGHTS = Path(__file__).parents[2] / "app/ranking/models/nano/weights"


def passages(n: int) -> list[Passage]:
    return [
        Passage(id=f"p{i}", text="t", features={name: ((i * 7 + at * 3) % 10) / 10 for at, name in enumerate(SIGNALS)}) for i in range(n)
    ]


async def work() -> dict[str, object]:
    backend = VllmBackend(WEIGHTS, options={"dtype": "float32", "enforce_eager": True, "max_model_len": 512})
    template, ranker = NanoTemplate(), None
    await backend.warm()
    ranker = Ranker(backend=backend, template=template, strategy=Sliding())
    rankings = await asyncio.gather(*(ranker.rank_async("why", passages(n)) for n in (5, 8, 12)))
    prompt = template.render("why", passages(5), backend.tokenizer)
    stopped = await first(backend, prompt)
    begun = Prompt(
        messages=prompt.messages, template="nano", size=5, prefix=template.begin("weigh first:all then:meaning [1] g40 +words -none")
    )
    pieces = [piece async for piece in backend.stream(begun, Sampling(max_tokens=40, top_logprobs=2))]
    last = pieces[-1]
    assert isinstance(last, Completion)
    long = Prompt(messages=(prompt.messages[0].__class__(role="user", content="weigh " * 900),), template="nano", size=1)
    try:
        _ = [piece async for piece in backend.stream(long, Sampling())]
        too_long = ""
    except Exception as error:
        too_long = f"{type(error).__name__}: {error}"
    out = {
        "outcomes": [ranking.outcome for ranking in rankings],
        "ids": [sorted(ranking.ids) for ranking in rankings],
        "counted": all(call.completion.counted for ranking in rankings for call in ranking.calls),
        "reasoning": rankings[0].calls[0].completion.reasoning[:20],
        "stopped": stopped,
        "answer": last.answer,
        "trace": last.reasoning,
        "deltas": "".join(piece.text for piece in pieces if isinstance(piece, Delta)),
        "logprobs": len(last.logprobs),
        "exact": backend.tokenizer.exact,
        "revision": backend.revision,
        "too_long": too_long,
        "waiting": backend.waiting,
    }
    await backend.aclose()
    return out


async def first(backend: VllmBackend, prompt: Prompt) -> int:
    """Stop a stream after its third piece."""
    stream, seen = backend.stream(prompt, Sampling(max_tokens=400)), 0
    async for _ in stream:
        seen += 1
        if seen == 3:
            await stream.aclose()
            break
    return seen


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(asyncio.run(work())) + "\n")
