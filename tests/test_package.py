"""The core as an installed package: `pip install .` into a fresh environment, used from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.process, pytest.mark.timeout(280)]

SCRIPT = """
import json, sys
import reasonrank
from reasonrank import Passage, Ranker, Sliding, builtin_profile
from reasonrank.backends.nano import NanoBackend
from reasonrank.models.nano.template import NanoTemplate
from reasonrank.retrieval.demo import load_demo
from reasonrank.signals import EvidenceSignals

heavy = [name for name in ("torch", "transformers", "gradio", "app") if name in sys.modules]
query = "Why does my bread rise so slowly?"
texts = {"a": "January sales begin.", "b": "Bread flour is sold in bags.", "c": "Bread dough rises slowly in the cold."}
passages = EvidenceSignals(None).annotate(query, [Passage(id=i, text=t) for i, t in texts.items()])
ranking = Ranker(backend=NanoBackend(), template=NanoTemplate(), strategy=Sliding()).rank(query, passages)
print(json.dumps({
    "file": reasonrank.__file__,
    "heavy": heavy,
    "outcome": ranking.outcome,
    "ids": sorted(ranking.ids),
    "profiles": [builtin_profile(name).name for name in ("reasonrank", "studio")],
    "demo": len(load_demo().queries),
}))
"""


def uv() -> str:
    found = Path(sys.executable).with_name("uv")
    if not found.exists():
        pytest.skip("uv is not installed beside this Python: run `make test`, which installs it")
    return str(found)


def test_the_package_works_in_a_fresh_environment(tmp_path: Path) -> None:
    import json

    home = tmp_path / "fresh"
    python = home / "bin" / "python"
    quiet = {**os.environ, "UV_FIND_LINKS": os.environ.get("UV_FIND_LINKS", os.environ.get("PIP_FIND_LINKS", ""))}
    quiet.pop("PYTHONPATH", None)
    for command in ([uv(), "venv", "-q", "-p", sys.executable, str(home)], [uv(), "pip", "install", "-q", "-p", str(python), str(ROOT)]):
        done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    ran = subprocess.run([str(python), "-I", "-c", SCRIPT], cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = json.loads(ran.stdout.splitlines()[-1])
    assert str(home) in said["file"] and said["heavy"] == []
    assert said["outcome"] == "clean" and said["ids"] == ["a", "b", "c"]
    assert said["profiles"] == ["reasonrank", "studio"] and said["demo"] == 120
