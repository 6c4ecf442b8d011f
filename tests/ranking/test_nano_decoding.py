"""Decoding and backend of the embedded model with random weights: whatever the weights, the promises hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.ranking.backends.nano import NanoBackend
from app.ranking.errors import BackendBusy, BackendError, BackendUnavailable
from app.ranking.models.nano import cards, grammar, vocabulary
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.values import Completion, Delta, Message, Prompt

pytestmark = pytest.mark.model
SAMPLING = NanoTemplate.sampling


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights of the smoke recipe's shape."""
    from training.config import load_recipe
    from training.nano_model import new_model

    folder = tmp_path_factory.mktemp("nano")
    new_model(load_recipe("smoke").start.shape, 1).save_pretrained(folder)
    vocabulary.save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def model(weights: Path) -> Any:
    from app.ranking.backends.nano import load_model

    return load_model(weights)


@pytest.mark.parametrize("step", [40, 7, 1])
def test_scores_equal_those_of_transformers(weights: Path, model: Any, step: int) -> None:
    """The reference sees all 40 tokens at once, ours `step` at a time through its cache; two rows are padded on the left."""
    import numpy as np
    import torch
    from transformers import Qwen3ForCausalLM

    rng = np.random.default_rng(step)
    ids, mask = rng.integers(2, len(vocabulary.WORDS), (3, 40)), np.ones((3, 40), dtype=np.int64)
    mask[1, :7] = mask[2, :20] = 0
    places = np.maximum(mask.cumsum(axis=1) - 1, 0)
    reference = Qwen3ForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    with torch.inference_mode():
        tensors = {"input_ids": ids, "attention_mask": mask, "position_ids": places}
        expected = reference(**{name: torch.tensor(value) for name, value in tensors.items()}).logits[:, -1].numpy()
    cache: list[Any] = []
    for start in range(0, 40, step):
        end = min(40, start + step)
        scores = model(ids[:, start:end], places[:, start:end], mask[:, :end], cache)
    assert np.abs(scores - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


def prompt(size: int, seed: int = 0) -> Prompt:
    rng = random.Random(f"{size} {seed}")
    content = cards.prompt_text("why", [tuple(rng.randrange(10) for _ in range(6)) for _ in range(size)])
    return Prompt(messages=(Message(role="user", content=content),), template="nano")


def ids(size: int, seed: int = 0) -> list[int]:
    return vocabulary.encode(vocabulary.chat_text(prompt(size, seed).messages[0].content))


def stream(backend: NanoBackend, asked: Prompt, max_tokens: int = SAMPLING.max_tokens) -> AsyncIterator[Delta | Completion]:
    from dataclasses import replace

    return backend.stream(asked, replace(SAMPLING, max_tokens=max_tokens))


async def whole(backend: NanoBackend, asked: Prompt, max_tokens: int = SAMPLING.max_tokens) -> tuple[list[Delta], Completion]:
    items = [item async for item in stream(backend, asked, max_tokens)]
    assert all(isinstance(item, Delta) for item in items[:-1])
    return cast(list[Delta], items[:-1]), cast(Completion, items[-1])


def test_the_tokenizer_file_says_the_same(weights: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights)
    content = prompt(20).messages[0].content
    asked = [{"role": "user", "content": content}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert text == vocabulary.chat_text(content)
    assert tokenizer(text)["input_ids"] == vocabulary.encode(text)
    answered = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": "<think> weigh"}], tokenize=False)
    assert answered == f"{text} <think> weigh <end>"


@pytest.mark.parametrize("size", [1, 2, 7, 20, 40])
def test_one_list_gives_a_consistent_permutation(model: Any, size: int) -> None:
    from app.ranking.models.nano.decoding import generate

    written = generate(model, [ids(size)])[0]
    assert len(written) == grammar.longest(size)
    walk = grammar.grammar(range(1, size + 1))
    allowed = next(walk)
    for token in written[:-1]:
        assert token in allowed
        allowed = walk.send(token)


def test_a_batch_writes_what_each_writes_alone(model: Any) -> None:
    from app.ranking.models.nano.decoding import generate

    prompts = [ids(size, seed) for seed, size in enumerate((20, 3, 11, 20, 1, 7))]
    assert generate(model, prompts) == [generate(model, [asked])[0] for asked in prompts]


def test_rows_join_and_leave_without_changing_others(model: Any) -> None:
    from app.ranking.models.nano.decoding import Batch, Row, generate

    written: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    def row(name: str, size: int) -> Row:
        return Row(ids(size), 500, lambda tokens, _: written[name].extend(tokens))

    rows = {"a": row("a", 9), "b": row("b", 20), "c": row("c", 5)}
    batch = Batch(model)
    batch.join([rows["a"]])
    for _ in range(4):
        batch.step()
    batch.join([rows["b"]])
    batch.step()
    rows["b"].cancelled = True
    batch.step()
    cancelled_at = len(written["b"])
    batch.join([rows["c"]])
    while batch.rows:
        batch.step()
    assert written["a"] == generate(model, [ids(9)])[0]
    assert written["c"] == generate(model, [ids(5)])[0]
    assert 0 < len(written["b"]) == cancelled_at < grammar.longest(20)


def test_stream_gives_pieces_then_one_completion(weights: Path) -> None:
    async def run() -> None:
        backend = NanoBackend(weights)
        deltas, done = await whole(backend, prompt(20))
        assert len(deltas) > 20
        for channel, text in (("reasoning", done.reasoning), ("answer", done.answer)):
            assert "".join(delta.text for delta in deltas if delta.channel == channel) == text
        assert (done.finish, done.counted, done.tokens_out) == ("stop", True, 108)
        assert done.tokens_in == len(ids(20))
        assert NanoTemplate().parse(done, 20).outcome == "clean"
        await backend.aclose()

    asyncio.run(run())


def test_twenty_at_once_and_some_of_them_leave(weights: Path) -> None:
    async def leave(backend: NanoBackend) -> None:
        running = stream(backend, prompt(20))
        async for _ in running:
            break
        await cast(Any, running).aclose()

    async def run() -> None:
        backend = NanoBackend(weights)
        _, alone = await whole(backend, prompt(20, 3))
        answers = await asyncio.gather(*(whole(backend, prompt(20, seed)) for seed in range(20)), *(leave(backend) for _ in range(5)))
        same = cast(tuple[list[Delta], Completion], answers[3])[1]
        assert (same.reasoning, same.answer) == (alone.reasoning, alone.answer)
        await backend.aclose()

    asyncio.run(run())


def test_the_token_limit_ends_a_row(weights: Path) -> None:
    async def run() -> None:
        backend = NanoBackend(weights)
        _, done = await whole(backend, prompt(20), max_tokens=30)
        assert (done.finish, done.tokens_out) == ("length", 30)
        assert NanoTemplate().parse(done, 20).outcome == "truncated"
        await backend.aclose()

    asyncio.run(run())


OTHERS = ["rank these passages please", "N1 len0 names agree1 cover0", "W1M1 S1C1 P1L1 =[1] W1M1 S1C1 P1L1 =[1]"]


@pytest.mark.parametrize("content", OTHERS)
def test_other_prompts_are_refused(weights: Path, content: str) -> None:
    async def run() -> None:
        with pytest.raises(BackendError, match="template 'nano'"):
            await whole(NanoBackend(weights), Prompt(messages=(Message(role="user", content=content),), template="nano"))

    asyncio.run(run())


def test_missing_weights_are_named(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(BackendUnavailable, match=r"config\.json"):
            await NanoBackend(tmp_path).warm()

    asyncio.run(run())


def test_damaged_weights_and_other_vocabularies_are_named(tmp_path: Path, weights: Path) -> None:
    import shutil

    shutil.copytree(weights, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BackendUnavailable, match="can't be read"):
        asyncio.run(NanoBackend(tmp_path).warm())
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0}}}', encoding="utf-8")
    with pytest.raises(BackendUnavailable, match="another vocabulary"):
        asyncio.run(NanoBackend(tmp_path).warm())


def test_a_full_queue_and_a_closed_engine_say_so(model: Any) -> None:
    from app.ranking.models.nano.engine import Engine

    engine = Engine(model, waiting=0)
    with pytest.raises(BackendBusy, match="try again"):
        engine.submit(ids(3), 100, lambda piece: None)
    engine.close()
    with pytest.raises(BackendError, match="closed"):
        engine.submit(ids(3), 100, lambda piece: None)


def test_a_failing_model_fails_the_rows_and_not_the_thread(model: Any) -> None:
    from app.ranking.models.nano.engine import Engine

    class Broken:
        calls = 0

        def __call__(self, *inputs: Any) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("no memory")
            return model(*inputs)

    import queue

    heard: queue.Queue[Any] = queue.Queue()
    engine = Engine(cast(Any, Broken()))
    engine.submit(ids(3), 100, heard.put)
    first = heard.get(timeout=20)
    while not isinstance(first, BackendError):
        first = heard.get(timeout=20)
    assert "no memory" in str(first)
    engine.submit(ids(3), 100, heard.put)
    while heard.get(timeout=20)[1] is None:
        pass
    engine.close()
