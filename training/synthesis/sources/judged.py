"""Queries that people judged, with labels, and candidates from a run where there is one: what MS MARCO and BEIR sets have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.ranking.errors import InputError
from app.ranking.formats.trec import BEIR_HEADER, read_beir_qrels, read_qrels, read_run
from app.ranking.values import Passage
from training.synthesis.sources.disk import Corpus, Ids, Mark, Marks, ReadPassage
from training.synthesis.sources.files import at, lines
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem

UNJUDGED = "no passage is judged relevant"
NOT_THERE = "no candidate is in the corpus"

Queries = Iterator[tuple[int, str, str]]
"""(line, id, text) of queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts are and what to take: `depth` passages of the run per query, and the judged ones besides where `judged`.

    Grades below `least` say that nothing is relevant: a query without another is left out. `corpus` is None where the recipe's search has
    the texts.
    """

    source: str
    queries: Path
    qrels: tuple[Path, ...]
    corpus: Path | None
    run: Path | None
    depth: int
    judged: bool
    least: int
    keep: Keep


def plan(given: Options, source: str, queries: Path, qrels: tuple[Path, ...], corpus: Path | None) -> Plan:
    """The plan of the options that both kinds have. Raises SettingsError, and InputError for a run without a corpus."""
    run = given.maybe_path("run")
    if run is not None and corpus is None:
        raise InputError(f"source {source} has a run and no corpus to take its passages from: name the file with the passages too")
    return Plan(
        source=source, queries=queries, qrels=qrels, corpus=corpus, run=run, depth=given.whole("depth", 20, 1),
        judged=given.yes("judged", run is None), least=given.whole("least", 1), keep=given.share(),
    )  # fmt: skip


def read(made: Plan, queries: Callable[[Path], Queries], passage: ReadPassage, where: Where) -> Iterator[SourceItem]:
    """Items in the order of the queries' file. Grades below 0 count as 0."""
    with contextlib.ExitStack() as stack:
        qrels = stack.enter_context(Marks(made.qrels, qrel_lines))
        run = stack.enter_context(Marks((made.run,), run_lines)) if made.run else None
        corpus = stack.enter_context(Corpus(made.corpus, passage)) if made.corpus else None
        ids = stack.enter_context(Ids())
        for number, id_, text in queries(made.queries):
            ids.check(id_, made.queries, number)
            if not made.keep(id_):
                continue
            labels = {passage_id: max(0, int(grade)) for passage_id, grade in qrels.of(id_).items()}
            place = f"{made.queries.name} line {number}"
            if not any(grade >= max(1, made.least) for grade in labels.values()):
                where.skipped.add(UNJUDGED, place)
                continue
            passages = _candidates(made, labels, run.of(id_) if run else {}, corpus, where) if corpus else ()
            if corpus and not passages:
                where.skipped.add(NOT_THERE, place)
                continue
            yield SourceItem(
                id=id_, source=made.source, domain=where.domain, query=text, passages=passages, labels=labels, licence=where.licence
            )


def _candidates(made: Plan, labels: dict[str, int], scores: dict[str, float], corpus: Corpus, where: Where) -> tuple[Passage, ...]:
    """The run's best, equal scores in its order, then the judged ones that are not among them."""
    best = sorted(scores, key=lambda id_: -scores[id_])[: made.depth]
    found = []
    for id_ in dict.fromkeys([*best, *(labels if made.judged else ())]):
        passage = corpus.get(id_)
        if passage is None or not passage.text.strip():
            where.skipped.add("a passage of the run or the qrels is not in the corpus, or is empty", repr(id_))
            continue
        score = scores.get(id_)
        found.append(Passage(id=passage.id, title=passage.title, text=passage.text, score=score))
    return tuple(found)


def qrel_lines(path: Path) -> Iterator[tuple[int, Mark]]:
    """Grades of a qrels file: TREC's four columns, or BEIR's three behind their header."""
    beir = False
    for number, line in lines(path):
        if number == 1 and line == BEIR_HEADER:
            beir = True
            continue
        yield number, _mark(path, number, read_beir_qrels if beir else read_qrels, line)


def run_lines(path: Path) -> Iterator[tuple[int, Mark]]:
    """Scores of a TREC run."""
    for number, line in lines(path):
        yield number, _mark(path, number, read_run, line)


def _mark(path: Path, number: int, parse: Callable[[str], object], line: str) -> Mark:
    """What one line says, by the reader of whole files."""
    try:
        found = parse(line)
    except InputError as error:
        raise at(path, number, str(error).removeprefix("line 1: ")) from error
    assert isinstance(found, dict)
    ((topic, values),) = found.items()
    ((id_, value),) = values.items()
    return topic, id_, float(value)
