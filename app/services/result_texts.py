"""Texts of the candidates of an evaluation, where this machine has them: of the demo always, else from the folder of suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from app.ranking.errors import RankingError
from app.ranking.evaluation.suites.declared import SUITES, suite
from app.ranking.evaluation.suites.places import find
from app.ranking.evaluation.suites.values import Place, Suite
from app.ranking.formats.topics import read_texts
from app.ranking.retrieval.demo import has_demo, load_demo
from app.ranking.values import Passage

DEMO = "demo"
_LARGEST = 300_000_000  # bytes of a corpus that is read for one topic: a few seconds


class SuiteTexts:
    """Looks passages up. `folder` has the files of suites, None where the operator named none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def suites(self) -> list[Suite]:
        """Suites whose judgements and first stage are here."""
        changed = self._folder.stat().st_mtime_ns if self._folder is not None and self._folder.is_dir() else 0
        return list(_here(self._folder, changed))

    def of(self, suite_name: str, set_name: str, ids: Sequence[str]) -> Mapping[str, Passage]:
        """Those passages whose texts are known; nothing where a corpus is absent, can't be read or is too large to be read at once."""
        if suite_name == DEMO and has_demo():
            by_id = load_demo().collection.by_id
            return {id_: by_id[id_] for id_ in ids if id_ in by_id}
        try:
            path = self._corpus(suite_name, set_name)
            return _read(path, path.stat().st_mtime_ns, frozenset(ids)) if path is not None else {}
        except (RankingError, OSError):
            return {}

    def _corpus(self, suite_name: str, set_name: str) -> Path | None:
        if self._folder is None or suite_name not in SUITES:
            return None
        declared = suite(suite_name)
        one = declared.set(set_name)
        path = find(declared, one, "corpus", Place(data=self._folder)) if one is not None else None
        return path if path is not None and path.stat().st_size <= _LARGEST else None


@lru_cache(maxsize=4)
def _here(folder: Path | None, changed: int) -> tuple[Suite, ...]:
    """Found once for as long as nothing is put into the folder or taken out: a page asks every few seconds."""
    return tuple(one for name in SUITES if _is_here(one := suite(name), folder))


def _is_here(one: Suite, folder: Path | None) -> bool:
    if one.name == DEMO:
        return has_demo()
    if folder is None:
        return False
    place = Place(data=folder, retrieval=folder)
    try:
        return any(find(one, part, "qrels", place) and find(one, part, "run", place) for part in one.sets)
    except RankingError:
        return False


@lru_cache(maxsize=32)
def _read(path: Path, changed: int, ids: frozenset[str]) -> Mapping[str, Passage]:
    """`changed` is when the file was last written: a newer one is read again."""
    return read_texts(path, ids)
