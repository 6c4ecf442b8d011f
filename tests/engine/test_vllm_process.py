"""The `vllm` backend: a real engine inside a process, which runs on the Python of the engine's environment."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from app.ranking.backends.vllm import VllmBackend
from app.ranking.errors import BackendUnavailable
from tests.engine.test_vllm import ROOT, python_or_skip

pytestmark = [pytest.mark.timeout(600)]


@pytest.mark.engine
@pytest.mark.skipif(os.environ.get("LONG") != "yes", reason="a second start of vLLM takes minutes: `make test LONG=yes` runs it too")
def test_the_embedded_weights_in_an_engine_of_this_process() -> None:
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python_or_skip(), "tests/engine/process_script.py"],
        cwd=ROOT,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert "error" not in said["outcomes"] and [len(ids) for ids in said["ids"]] == [5, 8, 12]
    assert said["counted"] and said["exact"] and said["reasoning"].strip().startswith("weigh") and said["stopped"] == 3
    # A begun answer: the trace is what was given, only new text was streamed, and it belongs to the answer.
    assert said["answer"].startswith("<answer>") and said["trace"].strip().startswith("weigh first:all")
    assert said["deltas"] and said["answer"].endswith(said["deltas"].strip()) and said["logprobs"] > 0
    assert "BackendError" in said["too_long"] and said["waiting"] == 0 and len(said["revision"]) == 16


def test_without_the_package_the_sentence_says_what_to_install() -> None:
    pytest.importorskip("openai")
    import asyncio
    import importlib.util

    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vllm is installed here")
    with pytest.raises(BackendUnavailable, match=r"install requirements-gpu.txt"):
        asyncio.run(VllmBackend("nowhere", name="big").warm())
