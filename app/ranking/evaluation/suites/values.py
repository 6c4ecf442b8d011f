"""What a suite declares, and what was found of it: frozen values. Files are found in `places`, read in `load`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ...formats.topics import Question
from ...values import Passage

Kind = Literal["qrels", "run", "topics", "corpus", "excluded"]
KINDS: tuple[Kind, ...] = ("qrels", "run", "topics", "corpus", "excluded")
Order = tuple[tuple[str, float], ...]
"""A first stage's list for a topic: (passage id, score), best first."""
PRIMARY = "nDCG@10"
DEPTH = 100

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_NO_FILES: Mapping[Kind, tuple[str, ...]] = MappingProxyType({})


def _no_texts() -> Mapping[str, str]:
    return _NO_TEXTS


def _no_files() -> Mapping[Kind, tuple[str, ...]]:
    return _NO_FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where a set lies on the public hub: id of a data set there, and its (config, split) for topics, corpus and qrels.

    `gold` is the field of a topic that lists its relevant passages, where qrels are no table of their own.
    """

    id: str
    topics: tuple[str, str]
    corpus: tuple[str, str]
    qrels: tuple[str, str, str] = ("", "", "")
    """Id (empty: the same), config (empty: the only one) and split, unused with `gold`."""
    gold: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """One test collection of a suite. `names` are the words it goes by in file names, `label` heads its column in tables.

    `topics` is how many topics it should have, None where nobody says. `in_source` is True where a training set comes from the same source.
    `files` are patterns tried before the usual ones, by kind, with {name}. `hashes` are sha256 of unpacked files by kind, `runs` those of
    published first-stage runs by their title.
    """

    name: str
    title: str
    label: str
    names: tuple[str, ...]
    topics: int | None = None
    in_source: bool = False
    files: Mapping[Kind, tuple[str, ...]] = field(default_factory=_no_files)
    hashes: Mapping[str, str] = field(default_factory=_no_texts)
    runs: Mapping[str, str] = field(default_factory=_no_texts)
    licence: str = ""
    hub: Hub | None = None

    __test__ = False  # no test of pytest's


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Test collections that are reported together. `passage_tokens` is how much of a passage a model is shown, None for its profile's own.

    `first_stage` says which retriever the published rows stand on; `published` names the table with published rows (`published.rows`).
    `note` is said with every result of the suite. `variant_of` names the suite whose judgements this one's are another version of.
    """

    name: str
    title: str
    about: str
    sets: tuple[TestSet, ...]
    measures: tuple[str, ...] = (PRIMARY, "R@100", "RR@10")
    primary: str = PRIMARY
    passage_tokens: int | None = None
    depth: int = DEPTH
    licence: str = ""
    source: str = ""
    first_stage: str = ""
    published: str = ""
    note: str = ""
    variant_of: str = ""
    download: str = ""
    """What to get and from where, for people."""

    def set(self, name: str) -> TestSet | None:
        """A set by its name."""
        return next((one for one in self.sets if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files of a suite are looked for: `data` has topics, corpus, qrels and exclusions, `retrieval` first-stage runs.

    `retriever` is a part of the name of the run, where a folder has runs of several. `depth` candidates a topic and the first `limit`
    topics of each set (0: all) are read.
    """

    data: Path | None = None
    retrieval: Path | None = None
    depth: int = DEPTH
    limit: int = 0
    retriever: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCollection:
    """A set as it was found. `topics` are those of the qrels, with an empty text where the file of topics is absent.

    `run` has by topic (passage id, score), best first, equal scores as the file has them, excluded passages taken out, cut at the depth.
    `passages` are the texts by id where they are at hand; else `corpus` is a file or folder for `formats.topics.read_texts`, or None.
    `hashes` are sha256 of what was read by kind, empty where there was nothing. `notes` say what was left out or is not as declared.
    """

    suite: str
    name: str
    title: str
    topics: Mapping[str, Question]
    qrels: Mapping[str, Mapping[str, int]]
    run: Mapping[str, Order]
    corpus: Path | None = None
    passages: Mapping[str, Passage] | None = None
    domains: Mapping[str, str] = field(default_factory=_no_texts)
    in_source: bool = False
    hashes: Mapping[str, str] = field(default_factory=_no_texts)
    notes: tuple[str, ...] = ()

    __test__ = False

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """The first stage as a run: scores by topic and passage id, as trec_eval would read them."""
        return {topic: dict(order) for topic, order in self.run.items()}

    @property
    def has_texts(self) -> bool:
        """Whether a model can be asked: topics have a text and passages can be read."""
        return (self.passages is not None or self.corpus is not None) and any(question.text for question in self.topics.values())
