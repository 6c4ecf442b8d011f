"""Files of a suite in a folder, found by patterns: the suite's own, then the layouts that are common.

Tried in the folder itself and in the one of the suite's name, each also in the usual folder of the kind (`qrels/`, `runs/`, ...). {name} is
each of a set's names, with dashes and underscores both ways. A last pattern "!" says that a suite's own patterns are all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ...errors import InputError
from .values import Kind, Place, Suite, TestSet

_TABLE = (".txt", ".tsv", ".qrels")
_RUN = (".txt", ".run", ".trec", ".tsv", ".txt.gz", ".run.gz", ".trec.gz", ".tsv.gz", ".json")
_LINES = (".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz", ".parquet")
_ONLY = "!"
COMMON: Mapping[Kind, tuple[str, ...]] = {
    "qrels": (
        "{name}/qrels/test.tsv",
        "{name}/qrels.json",
        "{name}/qrels.jsonl",
        *(pattern + ending for ending in _TABLE for pattern in ("{name}/qrels", "qrels.{name}", "qrels-{name}", "{name}.qrels")),
        "{name}.qrels",
    ),
    "run": (
        *(pattern + ending for ending in _RUN for pattern in ("{name}", "{name}.*", "run.{name}", "run.{name}.*", "{name}/*")),
        *("{name}/runs/*" + ending for ending in _RUN),
    ),
    "topics": tuple(
        pattern + ending for ending in _LINES for pattern in ("{name}/queries", "{name}/test_queries", "{name}/query", "{name}/topics")
    )
    + tuple(pattern + ending for ending in _LINES for pattern in ("topics.{name}", "queries.{name}")),
    "corpus": tuple(
        pattern + ending
        for ending in _LINES
        for pattern in ("{name}/corpus", "{name}/collection", "{name}/documents", "corpus.{name}", "documents.{name}")
    ),
    "excluded": tuple(pattern + ending for ending in _TABLE for pattern in ("{name}/excluded", "exclusions.{name}", "excluded.{name}")),
}
# Files of one set alone in a folder of its kind: qrels/biology.tsv.
_INSIDE: Mapping[Kind, tuple[str, ...]] = {
    "qrels": tuple("{name}" + ending for ending in (*_TABLE, ".json", ".jsonl")),
    "run": (),
    "topics": tuple("{name}" + ending for ending in _LINES),
    "corpus": tuple("{name}" + ending for ending in _LINES),
    "excluded": tuple("{name}" + ending for ending in _TABLE),
}
_FOLDERS: Mapping[Kind, tuple[str, ...]] = {
    "qrels": ("qrels",),
    "run": ("runs", "run", "first_stage"),
    "topics": ("topics", "queries"),
    "corpus": ("corpus", "corpora", "documents", "collections"),
    "excluded": ("excluded", "exclusions"),
}
_NO_RUN = (
    "qrels",
    "topics",
    "queries",
    "test_queries",
    "query",
    "corpus",
    "collection",
    "documents",
    "excluded",
    "exclusions",
    "license",
    "licence",
    "readme",
    "notes",
)


def find(suite: Suite, one: TestSet, kind: Kind, place: Place) -> Path | None:
    """The file of a kind, or None. Raises InputError where several runs would do, or the place is no folder."""
    root = (place.retrieval or place.data) if kind == "run" else (place.data or place.retrieval)
    if root is None:
        return None
    if kind == "run" and root.is_file():
        return _alone(suite, root)
    if not root.is_dir():
        raise InputError(f"{str(root)!r} is no folder: name the one that has the suite's files")
    for found in _found(suite, one, kind, root):
        files = [path for path in found if _fits(path, kind, place.retriever)]
        if len(files) > 1:
            names = ", ".join(sorted(path.name for path in files)[:4])
            said = "choose one with --retriever" if kind == "run" else "leave one of them"
            raise InputError(f"{len(files)} files would do as {kind} of {one.name} ({names}): {said}")
        if files:
            return files[0]
    return None


def layouts(one: TestSet, kind: Kind) -> str:
    """A few of the names that a file may have, for people."""
    patterns = [pattern for pattern in (*one.files.get(kind, ()), *COMMON[kind]) if pattern != _ONLY]
    return ", ".join(pattern.replace("{name}", one.names[0]) for pattern in patterns[:3])


def _alone(suite: Suite, file: Path) -> Path:
    if len(suite.sets) > 1:
        raise InputError(f"{file.name!r} is one run and suite {suite.name!r} has {len(suite.sets)} sets: name a folder with a run for each")
    return file


def _found(suite: Suite, one: TestSet, kind: Kind, root: Path) -> Iterator[list[Path]]:
    """Files by pattern, the most telling one first; runs all together, because no pattern tells which retriever is meant."""
    own = one.files.get(kind, ())
    patterns = own if _ONLY in own else (*own, *COMMON[kind])
    bases = [base for base in (root, root / suite.name) if base.is_dir()]
    inside = [base / folder for base in bases for folder in _FOLDERS[kind] if (base / folder).is_dir()]
    tried = [(base, pattern) for pattern in patterns if pattern != _ONLY for base in (*bases, *inside)]
    tried += [] if _ONLY in own else [(base, pattern) for pattern in _INSIDE[kind] for base in inside]
    groups = (_matching(base, pattern, one) for base, pattern in tried)
    if kind != "run":
        yield from groups
        return
    yield list(dict.fromkeys(path for group in groups for path in group))


def _matching(base: Path, pattern: str, one: TestSet) -> list[Path]:
    files: dict[Path, None] = {}
    for name in _spellings(one):
        files.update(dict.fromkeys(path for path in sorted(base.glob(pattern.replace("{name}", name))) if path.is_file()))
    return list(files)


def _spellings(one: TestSet) -> list[str]:
    words = (one.name, *one.names)
    return list(dict.fromkeys(spelt for word in words for spelt in (word, word.replace("_", "-"), word.replace("-", "_"))))


def _fits(path: Path, kind: Kind, retriever: str) -> bool:
    if kind != "run":
        return True
    name = path.name.lower()
    return retriever.lower() in name and not name.endswith(".part") and not name.startswith(_NO_RUN)
