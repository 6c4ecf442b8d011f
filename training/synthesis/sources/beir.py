"""Any folder in BEIR's layout: corpus.jsonl, queries.jsonl and qrels/*.tsv, with candidates from a run where one is given.

Options: `path` (the folder), `split` (names of files of qrels/ without their ending, train alone by default), `run` (a TREC run), `depth`,
`judged`, `least`, `share` and `share_seed` as for msmarco. Without a run the candidates are the judged passages; the recipe's search adds
others.

A malformed row is refused. Skipped and counted: queries without a relevant passage in the chosen splits, and passages of a run or the
qrels that the corpus has not, which several of the published sets have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from app.ranking.values import Passage
from training.synthesis.sources import judged
from training.synthesis.sources.files import field, json_row, json_rows, needed
from training.synthesis.sources.options import Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Queries in the order of their file. Raises InputError naming a file that the folder lacks."""
    given = Options("beir", options, where)
    folder, splits = given.path("path"), given.names("split", ("train",))
    parts = [folder / "queries.jsonl", folder / "corpus.jsonl", *(folder / "qrels" / f"{split}.tsv" for split in splits)]
    if missing := next((part for part in parts if not part.is_file()), None):
        raise InputError(f"{folder.name!r} has no {missing.relative_to(folder).as_posix()}: a BEIR folder needs it")
    made = judged.plan(given, "beir", parts[0], tuple(parts[2:]), parts[1])
    given.done()
    return judged.read(made, queries, passage, where)


def queries(path: Path) -> judged.Queries:
    """Queries of a file of JSON lines with _id and text."""
    for number, row in json_rows(path):
        yield number, needed(row, "_id", path, number), needed(row, "text", path, number).strip()


def passage(path: Path, number: int, line: str) -> Passage:
    """The passage of a line of the corpus. Its text may be empty, as it is in some sets: see `judged`."""
    row = json_row(path, number, line)
    return Passage(id=needed(row, "_id", path, number), title=field(row, "title", path, number), text=field(row, "text", path, number))
