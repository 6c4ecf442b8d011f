"""What a bundle is made of: its header, its sets, one row a topic, one row a model call. The format is 1; docs/method.md has it whole.

A topic is known by its key (set name, topic id). Measures are named as ir_measures prints them: "nDCG@10".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

FORMAT = 1
Key: TypeAlias = tuple[str, str]
"""(set name, topic id)."""
Scored: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""Topic -> (passage id, score), in the order of the file it came from."""


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """How the orders of a bundle were made. Plain JSON values throughout; an empty mapping says that it is not known.

    `made` is {"date", "commit", "python", "packages": {name: version}}; of it the date alone is outside the bundle's id. `model` is
    {"name", "revision", "engine": {...}}, `profile` {"name", "hash"}, `strategy` {"name", ...arguments}. `depth` candidates a topic, 0
    where nobody cut; `limit` topics a set, 0 for all; `passage_tokens` after which passages are cut, None where that is not known.
    """

    name: str
    suite: str = ""
    made: Mapping[str, Any] = field(default_factory=_nothing)
    model: Mapping[str, Any] = field(default_factory=_nothing)
    profile: Mapping[str, Any] = field(default_factory=_nothing)
    strategy: Mapping[str, Any] = field(default_factory=_nothing)
    thinking: Mapping[str, Any] = field(default_factory=_nothing)
    fusion: Mapping[str, Any] | None = None
    sampling: Mapping[str, Any] = field(default_factory=_nothing)
    depth: int = 0
    limit: int = 0
    passage_tokens: int | None = None
    seed: int | None = None
    measures: tuple[str, ...] = ("nDCG@10",)
    primary: str = "nDCG@10"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFiles:
    """One test collection of a bundle: judgements, first stage and run as they are written to its TREC files.

    `first` and `run` keep the order and the scores of where they came from, ties included. `headroom` is the mean nDCG@10 of a perfect
    reranking by depth ("10" ... "100"). `hashes` are sha256 of the sources: "qrels", "run", "topics", "corpus", "" where there is none.
    """

    name: str
    title: str = ""
    in_source: bool = False
    qrels: Mapping[str, Mapping[str, int]]
    first: Scored = field(default_factory=_nothing)
    run: Scored = field(default_factory=_nothing)
    headroom: Mapping[str, float] = field(default_factory=_nothing)
    hashes: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """One topic. `values` and `first` hold the measures of the order and of the first stage, `ceiling` the nDCG@10 by depth.

    `candidates_hash` is over the ids in the order in which they were given, `texts_hash` over their titles and texts ("" where there were
    none), `texts_words` the blank-separated words of those. `outcome` is the worst of its calls'; `outcomes` counts calls. `seconds` are
    those of the calls that had to wait for each other, as they were when the answers were made. `missing`: the run lacks the topic, which
    counts 0. `tied`: equal scores that decide what the first ten are. `error` says why a topic kept its incoming order; `notes` are
    sentences for its reader.
    """

    set: str
    topic: str
    query: str = ""
    domain: str = ""
    values: Mapping[str, float] = field(default_factory=_nothing)
    first: Mapping[str, float] = field(default_factory=_nothing)
    ceiling: Mapping[str, float] = field(default_factory=_nothing)
    candidates: int = 0
    candidates_hash: str = ""
    texts_hash: str = ""
    texts_words: int = 0
    qrels_hash: str = ""
    relevant: int = 0
    order_hash: str = ""
    outcome: str = "clean"
    outcomes: Mapping[str, int] = field(default_factory=_nothing)
    calls: int = 0
    requests: int = 0
    depth: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    missing: bool = False
    tied: bool = False
    error: str = ""
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """(set name, topic id)."""
        return self.set, self.topic


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One model call. `shown` are passage ids as `[1]`, `[2]`, ... of the prompt, `order` the same ids best first.

    `prompt_hash` is `prompts.prompt_hash`; `prompt_words` are the words of the prompt, `text_words` those of the shown passages before any
    cutting, `texts_hash` is over the shown titles and texts. `forced` says why a trace was closed ("" where it was not).
    """

    set: str
    topic: str
    number: int
    depth: int = 1
    shown: tuple[str, ...] = ()
    prompt_hash: str = ""
    prompt_words: int = 0
    texts_hash: str = ""
    text_words: int = 0
    outcome: str = "clean"
    problems: tuple[str, ...] = ()
    finish: str = "stop"
    forced: str = ""
    requests: int = 1
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    order: tuple[str, ...] = ()
    reasoning: str = ""
    answer: str = ""
    error: str = ""

    @property
    def key(self) -> Key:
        """(set name, topic id)."""
        return self.set, self.topic
