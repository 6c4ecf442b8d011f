"""Every name that a call can carry has words on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from app.ranking.parsing import PROBLEMS
from app.ranking.values import SEVERITY, ForceReason

WORDS = (Path(__file__).parents[2] / "app/ui/static/words.js").read_text(encoding="utf-8")


def keys(table: str) -> set[str]:
    """Keys of one of the tables in words.js."""
    found = re.search(rf"export const {table} = \{{\n(.*?)\n\}};", WORDS, re.DOTALL)
    assert found, f"words.js has no table {table}"
    return set(re.findall(r"^  (\w+):", found[1], re.MULTILINE))


@pytest.mark.parametrize(
    ("table", "names"), [("OUTCOMES", set(SEVERITY)), ("PROBLEMS", set(PROBLEMS)), ("FORCED", set(get_args(ForceReason)))]
)
def test_every_name_has_words(table: str, names: set[str]) -> None:
    assert names <= keys(table)
