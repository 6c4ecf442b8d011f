"""What the README shows is what happens."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.model
def test_the_ten_lines_print_the_transcript() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.strip().splitlines()) <= 12
    said = io.StringIO()
    with redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), {})
    assert said.getvalue().strip() in README


def test_the_figures_are_those_of_the_files() -> None:
    from app.ranking.retrieval.demo import load_demo

    demo = load_demo()
    assert f"{len(demo.collection)} passages and {len(demo.queries)} questions" in README
    training = (Path(__file__).parent.parent / "app/ranking/models/nano/weights/README.md").read_text(encoding="utf-8")
    (parameters,) = re.findall(r"has ([\d,]+) parameters", README)
    assert f"{parameters} parameters" in training
