"""From the files of a command line to topics with their candidates, checked as a whole before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.cli.rank_request import Request
from app.exports.records import query_id
from app.ranking.batch import Topic
from app.ranking.errors import InputError, SettingsError
from app.ranking.formats.collections import read_collection
from app.ranking.formats.decode import Limits, decode
from app.ranking.formats.topics import TOPIC_NAMES, Question, find_file, naming, read_bytes, read_texts, read_topics
from app.ranking.formats.trec import read_run, write_run
from app.ranking.values import Passage

# A command line is told by its owner which files to read: sizes are bounded by the memory only.
_WHOLE = Limits(bytes=1 << 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Candidates of a topic's run that were not ranked: without a text, or excluded by the topic itself."""

    missing: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What there is to rank, plain sentences about how it was found, and what was left out by topic."""

    topics: tuple[Topic, ...]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)


def read_inputs(request: Request) -> Inputs:
    """Topics of a request. Raises SettingsError for flags that don't go together, InputError for files that can't be used."""
    one = request.query or request.query_file or request.passages
    many = request.run or request.topics or request.corpus
    if one and many:
        raise SettingsError("give either a query with --passages, or a --run with --topics and --corpus, not both")
    if many:
        return _batch(request)
    if not one:
        raise SettingsError("there is nothing to rank: give a query with --passages, or a --run with --topics and --corpus")
    return _one(request)


def _one(request: Request) -> Inputs:
    """One topic: a query and a file of passages in first-stage order."""
    if bool(request.query) == bool(request.query_file) or request.passages is None:
        raise SettingsError("one query takes --query or --query-file, and --passages")
    query = request.query or _text_of(_named(request.query_file))
    if not query.strip():
        raise InputError("the query is empty: write a question")
    name = request.passages.name.removesuffix(".gz")
    data = read_bytes(request.passages)
    with naming(request.passages):
        passages = tuple(read_collection(data, name=name, limits=_WHOLE))
    kept = passages[: request.depth]
    cut = (f"only the first {len(kept)} of {len(passages)} passages are ranked: see --depth",) if len(kept) < len(passages) else ()
    return Inputs(topics=(Topic(id=query_id(query), query=query.strip(), passages=kept),), notes=cut)


def _batch(request: Request) -> Inputs:
    run_file, corpus = _named(request.run, "a batch takes a --run"), _named(request.corpus, "a batch takes a --corpus")
    beside = find_file(corpus, TOPIC_NAMES) if corpus.is_dir() and request.topics is None else request.topics
    questions = read_topics(_named(beside, "a batch takes --topics, or a --corpus folder that has them"))
    with naming(run_file):
        run = read_run(_text_of(run_file))
    if not run:
        raise InputError(f"run {run_file.name!r} names no topic: give a TREC run with at least one line")
    chosen = list(run)[: request.limit or None]
    notes = _topic_notes(request, chosen, questions)
    chosen = [topic for topic in chosen if topic in questions and questions[topic].text]
    first_stage = {topic: _candidates(run[topic], questions[topic], request.depth) for topic in chosen}
    texts = read_texts(corpus, {id_ for ids in first_stage.values() for id_ in ids})
    missing = {topic: tuple(id_ for id_ in ids if id_ not in texts) for topic, ids in first_stage.items()}
    notes += _missing_notes(request, missing)
    excluded = {topic: tuple(id_ for id_ in run[topic] if id_ in questions[topic].excluded) for topic in chosen}
    if any(excluded.values()):
        notes.append(f"{sum(map(len, excluded.values()))} candidates are excluded by their topics and were left out")
    topics = [_topic(questions[topic], [id_ for id_ in first_stage[topic] if id_ in texts], (texts, run[topic])) for topic in chosen]
    empty = [topic.id for topic in topics if not topic.passages]
    if empty:
        notes.append(f"{len(empty)} topics have no candidate left and were left out: {empty[0]} is the first")
    found = tuple(topic for topic in topics if topic.passages)
    if not found:
        raise InputError("no topic is left that has a text and a candidate: check that run, topics and corpus belong together")
    _check_writable(found)
    left_out = {topic: LeftOut(missing=missing[topic], excluded=excluded[topic]) for topic in chosen}
    return Inputs(topics=found, notes=tuple(notes), left_out=left_out)


def _named(path: Path | None, otherwise: str = "") -> Path:
    if path is None:
        raise SettingsError(f"{otherwise}: name the file")
    return path


def _text_of(path: Path) -> str:
    return decode(read_bytes(path), _WHOLE)


def _candidates(scores: Mapping[str, float], question: Question, depth: int) -> list[str]:
    """Ids by falling score, equal ones as they stand in the run, without those that the topic excludes."""
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    return [id_ for id_ in ranked if id_ not in question.excluded][:depth]


def _topic(question: Question, ids: Sequence[str], found: tuple[Mapping[str, Passage], Mapping[str, float]]) -> Topic:
    texts, scores = found
    return Topic(id=question.id, query=question.text, passages=tuple(replace(texts[id_], score=scores[id_]) for id_ in ids))


def _topic_notes(request: Request, chosen: Sequence[str], questions: Mapping[str, Question]) -> list[str]:
    """Sentences about topics that can't be ranked. Raises InputError for them where they were not to be skipped."""
    notes = []
    unknown = [topic for topic in chosen if topic not in questions]
    silent = [topic for topic in chosen if topic in questions and not questions[topic].text]
    for wrong, what in ((unknown, "are not among the topics"), (silent, "have no text")):
        if not wrong:
            continue
        said = f"{len(wrong)} of the run's {len(chosen)} topics {what}, {wrong[0]!r} is the first"
        if not request.skip_missing:
            raise InputError(f"{said}: give the topics that belong to the run, or leave them out with --skip-missing")
        notes.append(f"{said}: they were left out")
    return notes


def _missing_notes(request: Request, missing: Mapping[str, Sequence[str]]) -> list[str]:
    """The same about passages without a text in the corpus."""
    lost = [id_ for ids in missing.values() for id_ in ids]
    if not lost:
        return []
    said = (
        f"{len(lost)} candidates of {sum(1 for ids in missing.values() if ids)} topics have no text in the corpus, {lost[0]!r} is the first"
    )
    if not request.skip_missing:
        raise InputError(f"{said}: give the corpus that belongs to the run, or leave them out with --skip-missing")
    return [f"{said}: they were left out"]


def _check_writable(topics: Sequence[Topic]) -> None:
    """Raises InputError for an id that no run can hold: better before the answers were paid for than after."""
    for _ in write_run({topic.id: [passage.id for passage in topic.passages] for topic in topics}, "tag"):
        pass
