"""From a suite and the folders that hold its files to test collections, with a note for whatever is not as declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ...formats.topics import Question, read_topics
from .declared import suite as suite_by_name
from .demo import load_demo_suite
from .places import find, layouts
from .reading import Grades, excluded, excluded_of, qrels_of, run_of, sha256_of
from .values import Order, Place, Suite, TestCollection, TestSet

_SHORT = 12
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """What there is of a set; qrels and run must be there."""

    qrels: Path
    run: Path
    topics: Path | None
    corpus: Path | None
    excluded: Path | None


def load(suite: Suite, place: Place) -> tuple[TestCollection, ...]:
    """The sets of a suite that are there, in its order; the others are named in a note of the first.

    Raises InputError where none is there, saying what to download from where and how to lay it out, and for a file that can't be read,
    naming it and the line.
    """
    if suite.name == "demo":
        return load_demo_suite(suite, place)
    found: list[TestCollection] = []
    absent: dict[str, str] = {}
    for one in suite.sets:
        files = _files(suite, one, place)
        if isinstance(files, str):
            absent[one.name] = files
        else:
            found.append(_collection(suite, one, files, place))
    if not found:
        raise InputError(_nothing(suite, absent, place))
    if absent:
        first = found[0]
        found[0] = _noted(first, [f"{len(absent)} of {len(suite.sets)} sets are left out: {_in_words(absent)}"])
    return tuple(found)


def _files(suite: Suite, one: TestSet, place: Place) -> _Files | str:
    """The files of a set, or what is missing."""
    qrels, run = find(suite, one, "qrels", place), find(suite, one, "run", place)
    if qrels is None or run is None:
        missing = [what for what, path in (("qrels", qrels), ("first-stage run", run)) if path is None]
        return "no " + " and no ".join(missing)
    rest = {kind: find(suite, one, kind, place) for kind in ("topics", "corpus", "excluded")}
    return _Files(qrels=qrels, run=run, topics=rest["topics"], corpus=rest["corpus"], excluded=rest["excluded"])


def _collection(suite: Suite, one: TestSet, files: _Files, place: Place) -> TestCollection:
    qrels, qrels_hash = qrels_of(files.qrels)
    listed, unsorted, run_hash = run_of(files.run)
    questions = read_topics(files.topics) if files.topics else {}
    barred = excluded_of(files.excluded) if files.excluded else {}
    topics = {
        topic: _question(topic, questions.get(topic), barred.get(topic, frozenset())) for topic in list(qrels)[: place.limit or len(qrels)]
    }
    kept = {topic: qrels[topic] for topic in topics}
    run, gone = _without_excluded({topic: listed[topic] for topic in topics if topic in listed}, topics, place.depth)
    hashes = {
        "qrels": qrels_hash,
        "run": run_hash,
        "topics": sha256_of(files.topics) if files.topics and files.topics.is_file() else "",
        "corpus": sha256_of(files.corpus) if files.corpus and files.corpus.is_file() else "",
    }
    notes = [
        *_declared_notes(one, qrels, hashes),
        *_limit_notes(qrels, topics),
        *_run_notes(topics, (run, listed), unsorted),
        *_excluded_notes(kept, topics, gone),
        *_text_notes(topics, files),
        *_variant_notes(suite, one, kept, place),
    ]
    return TestCollection(
        suite=suite.name,
        name=one.name,
        title=one.title,
        topics=topics,
        qrels=kept,
        run=run,
        corpus=files.corpus,
        domains=dict.fromkeys(topics, one.name),
        in_source=one.in_source,
        hashes=hashes,
        notes=tuple(f"{one.name}: {note}" for note in notes),
    )


def _question(topic: str, question: Question | None, barred: frozenset[str]) -> Question:
    """A topic of the qrels, with the exclusions of both files."""
    if question is None:
        return Question(id=topic, text="", excluded=barred)
    return Question(id=topic, text=question.text, excluded=excluded(question.excluded) | barred)


def _without_excluded(run: Mapping[str, Order], topics: Mapping[str, Question], depth: int) -> tuple[dict[str, Order], dict[str, int]]:
    """The run without what topics exclude, cut at the depth, and how many passages were taken out by topic.

    An excluded passage is no candidate and thus scored as absent, as BRIGHT's own evaluation takes it out of a run.
    """
    kept = {topic: tuple(pair for pair in order if pair[0] not in topics[topic].excluded) for topic, order in run.items()}
    gone = {topic: len(run[topic]) - len(order) for topic, order in kept.items() if len(order) < len(run[topic])}
    return {topic: order[:depth] for topic, order in kept.items()}, gone


def _declared_notes(one: TestSet, qrels: Grades, hashes: Mapping[str, str]) -> list[str]:
    """Where counts and hashes are not the declared ones; which published run this is."""
    notes = []
    if one.topics is not None and len(qrels) != one.topics:
        notes.append(f"the qrels have {len(qrels)} topics where {one.topics} are expected: numbers can't be compared with published ones")
    for kind, expected in one.hashes.items():
        if hashes.get(kind) and hashes[kind] != expected:
            said = f"the {kind} file is not the known one (sha256 {hashes[kind][:_SHORT]}… instead of {expected[:_SHORT]}…)"
            notes.append(f"{said}: numbers may differ from published ones")
    known = next((title for title, digest in one.runs.items() if digest == hashes["run"]), "")
    if known:
        notes.append(f"first stage: {known}")
    elif one.runs:
        notes.append(f"the first-stage run is not the published one (sha256 {hashes['run'][:_SHORT]}…): compare differences, not numbers")
    return notes


def _limit_notes(qrels: Grades, topics: Collection[str]) -> list[str]:
    return [f"only the first {len(topics)} of {len(qrels)} topics"] if len(topics) < len(qrels) else []


def _run_notes(topics: Collection[str], runs: tuple[Mapping[str, Order], Mapping[str, Order]], unsorted: int) -> list[str]:
    run, listed = runs
    notes = []
    missing = [topic for topic in topics if topic not in run]
    if missing:
        notes.append(f"{len(missing)} of {len(topics)} topics have no candidate in the first-stage run and count 0 ({_some(missing)})")
    if unsorted:
        notes.append(f"{unsorted} topics of the first-stage run are not listed by falling score: they were sorted by it")
    full = max((len(order) for order in run.values()), default=0)
    short = [topic for topic, order in run.items() if len(order) < full]
    if short:
        notes.append(f"{len(short)} of {len(run)} topics have fewer than {full} candidates ({_some(short)})")
    return notes


def _excluded_notes(qrels: Grades, topics: Mapping[str, Question], gone: Mapping[str, int]) -> list[str]:
    notes = []
    if gone:
        notes.append(f"{sum(gone.values())} candidates of {len(gone)} topics are excluded by their topics: taken out and scored as absent")
    both = [topic for topic, question in topics.items() if question.excluded & {id_ for id_, grade in qrels[topic].items() if grade > 0}]
    if both:
        notes.append(f"{len(both)} topics exclude a passage that is judged relevant, which can then never be found ({_some(both)})")
    return notes


def _text_notes(topics: Mapping[str, Question], files: _Files) -> list[str]:
    """What a model would need and is not there."""
    silent = [topic for topic, question in topics.items() if not question.text]
    if files.topics is None:
        return ["there is no file of topics: no model can be asked"]
    notes = [f"{len(silent)} of {len(topics)} topics have no text ({_some(silent)})"] if silent else []
    if files.corpus is None:
        notes.append("there is no corpus: no model can be asked")
    return notes


def _variant_notes(suite: Suite, one: TestSet, qrels: Grades, place: Place) -> list[str]:
    """How judgements of a variant differ from those they mend, where both are there."""
    base = suite_by_name(suite.variant_of) if suite.variant_of else None
    other = base.set(one.name) if base else None
    path = find(base, other, "qrels", place) if base and other else None
    if path is None:
        return []
    before, _ = qrels_of(path)
    pairs = {(topic, id_, grade) for topic, grades in qrels.items() for id_, grade in grades.items()}
    old = {(topic, id_, grade) for topic, grades in before.items() if topic in qrels for id_, grade in grades.items()}
    changed = {topic for topic, _, _ in pairs ^ old}
    return [
        f"judgements differ from those of {suite.variant_of} on {len(changed)} of {len(qrels)} topics "
        f"({len(pairs - old)} are new or changed, {len(old - pairs)} gone)"
    ]


def _noted(collection: TestCollection, notes: Sequence[str]) -> TestCollection:
    return replace(collection, notes=(*notes, *collection.notes))


def _nothing(suite: Suite, absent: Mapping[str, str], place: Place) -> str:
    where = " and ".join(repr(str(folder)) for folder in (place.data, place.retrieval) if folder is not None)
    one = suite.sets[0]
    looked = f"nothing of suite {suite.name!r} is in {where}" if where else f"suite {suite.name!r} needs --data and --retrieval"
    return (
        f"{looked} ({_in_words(absent)}): get {suite.download}; qrels go into the data folder as {layouts(one, 'qrels')}, topics as "
        f"{layouts(one, 'topics')}, texts as {layouts(one, 'corpus')}, first-stage runs into the retrieval folder as {layouts(one, 'run')}"
    )


def _in_words(absent: Mapping[str, str]) -> str:
    """Sets by what they lack."""
    by: dict[str, list[str]] = {}
    for name, why in absent.items():
        by.setdefault(why, []).append(name)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in by.items())


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
