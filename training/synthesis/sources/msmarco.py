"""MS MARCO passages: queries with human labels, candidates from a run or the recipe's search.

Options: `queries` (id<TAB>text), `qrels` (TREC's four columns), `collection` (id<TAB>text; its passages are looked up by their place, so it
may not be gzipped), `run` (a TREC run, needs the collection), `depth` (passages of the run, 20), `judged` (add the judged passages where
the run has them not; true without a run), `least` (grade from which a passage is relevant, 1), `share` and `share_seed`.

A malformed line is refused. Skipped and counted: queries without a relevant passage, of which the real files are full, and passages of a
run that the collection has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.ranking.values import Passage
from training.synthesis.sources import judged
from training.synthesis.sources.files import at, lines
from training.synthesis.sources.options import Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Queries in the order of their file."""
    given = Options("msmarco", options, where)
    made = judged.plan(given, "msmarco", given.path("queries"), (given.path("qrels"),), given.maybe_path("collection"))
    given.done()
    return judged.read(made, queries, passage, where)


def queries(path: Path) -> judged.Queries:
    """Queries of a file of id<TAB>text."""
    for number, line in lines(path):
        id_, text = _two(path, number, line)
        yield number, id_, text


def passage(path: Path, number: int, line: str) -> Passage:
    """The passage of a line of the collection."""
    id_, text = _two(path, number, line)
    return Passage(id=id_, text=text)


def _two(path: Path, number: int, line: str) -> tuple[str, str]:
    id_, tab, text = line.partition("\t")
    if not tab or not id_.strip() or not text.strip():
        raise at(path, number, "is not id<TAB>text: give each line an id, a tab and a text")
    return id_.strip(), text.strip()
