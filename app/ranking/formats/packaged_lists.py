"""Lists that lie in several files: a TREC run or BEIR pairs with topics, corpus and perhaps qrels, and ReasonRank's training data.

Sources: TREC's run and qrels formats; BEIR's tables with a header; the released `training_data_all.jsonl`, whose lines hold `qid`,
`initial_list`, `final_list` and `relevant_docids`, ids only, with the texts apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..values import Passage
from .decode import Limits, bad_line, check_id, decode
from .task_lists import Gold, TaskList, json_lines, text_field
from .topics import naming, read_texts, read_topics
from .trec import read_qrels, read_run

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The files around a list of candidates. `depth` is the most candidates of a query that are read."""

    corpus: Path | None
    topics: Path | None
    qrels: Path | None = None
    depth: int = 200
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """Candidates of a topic by id, best first, with the first stage's scores and the known answer where there is one."""

    line: int
    topic: str
    ids: Sequence[str]
    scores: Mapping[str, float]
    gold: Gold | None = None


class Missing(InputError):
    """Texts that are named and not there; `problems` are sentences, one for each, the first few."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems)


def read_trec(text: str, package: Package) -> Iterator[TaskList]:
    """Lists of a TREC run: candidates by falling score. Raises InputError naming the line, and Missing for texts that aren't there."""
    first = _first_lines(text)
    known = _qrels(package)
    named = []
    for topic, scores in read_run(text).items():
        ids = sorted(scores, key=lambda id_: -scores[id_])[: package.depth]
        named.append(_Named(line=first[topic], topic=topic, ids=ids, scores=scores, gold=_known(known.get(topic), ids)))
    yield from _with_texts(named, package)


def read_beir(text: str, package: Package) -> Iterator[TaskList]:
    """Lists of pairs under BEIR's header: query-id, corpus-id and perhaps score, in the order in which they are given.

    Without qrels of their own the scores are taken for grades: that is what BEIR's files hold.
    """
    pairs, first = _pairs(text)
    known = _qrels(package)
    named = []
    for topic, grades in pairs.items():
        ids = list(grades)[: package.depth]
        own = {id_: grade for id_, grade in grades.items() if grade is not None}
        named.append(_Named(line=first[topic], topic=topic, ids=ids, scores={}, gold=_known(known.get(topic) or own, ids)))
    yield from _with_texts(named, package)


def read_reasonrank(text: str, package: Package) -> Iterator[TaskList]:
    """Lists of ReasonRank's training data: `initial_list` are the candidates; `final_list`, the teacher's order, is the known answer.

    Without it the answer is what `relevant_docids` say: those tied on top, the others not relevant.
    """
    named = []
    for number, record in json_lines(text):
        ids = _id_list(record, "initial_list", number) or []
        qid = text_field(record, ("qid", "query_id"), number)
        if not ids or not qid:
            raise bad_line(number, "has no qid or no initial_list: give lines of the released training data")
        final, relevant = _id_list(record, "final_list", number), _id_list(record, "relevant_docids", number)
        named.append(_Named(line=number, topic=qid, ids=ids[: package.depth], scores={}, gold=_taught(ids, final, relevant)))
    yield from _with_texts(named, package)


def _taught(ids: Sequence[str], final: Sequence[str] | None, relevant: Sequence[str] | None) -> Gold | None:
    kept = set(ids)
    grades = {} if relevant is None else {id_: int(id_ in set(relevant)) for id_ in ids}
    if final:
        return Gold(order=tuple((id_,) for id_ in dict.fromkeys(final) if id_ in kept), grades=grades)
    return Gold.of_grades(grades) if grades else None


def _id_list(record: Mapping[str, Any], name: str, number: int) -> list[str] | None:
    value = record.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str | int) for one in value)):
        raise bad_line(number, f"field {name!r} must be a list of passage ids")
    return None if value is None else [str(one) for one in value]


def _known(grades: Mapping[str, int] | None, ids: Sequence[str]) -> Gold | None:
    """The known answer for some candidates: those without a grade are left out of it."""
    judged = {id_: grades[id_] for id_ in ids if id_ in grades} if grades else {}
    return Gold.of_grades(judged) if judged else None


def _qrels(package: Package) -> Mapping[str, Mapping[str, int]]:
    if package.qrels is None:
        return {}
    with naming(package.qrels):
        return read_qrels(decode(package.qrels, package.limits))


def _first_lines(text: str) -> dict[str, int]:
    """Line of each topic's first mention."""
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if words := line.split(maxsplit=1):
            first.setdefault(words[0], number)
    return first


def _pairs(text: str) -> tuple[dict[str, dict[str, int | None]], dict[str, int]]:
    """Grades (None without a score) by topic and passage, and the line of each topic."""
    pairs: dict[str, dict[str, int | None]] = {}
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[0] == "query-id"):
            continue
        if len(cells) not in (2, 3) or (len(cells) == 3 and not cells[2].strip().lstrip("+-").isdecimal()):
            raise bad_line(number, "is no BEIR pair: expected query-id, corpus-id and perhaps a whole-number score, between tabs")
        held = pairs.setdefault(cells[0], {})
        if cells[1] in held:
            raise bad_line(number, f"passage {cells[1]!r} comes twice for its query")
        held[cells[1]] = int(cells[2]) if len(cells) == 3 else None
        first.setdefault(cells[0], number)
    return pairs, first


def _with_texts(named: Sequence[_Named], package: Package) -> Iterator[TaskList]:
    """The lists with the texts of queries and passages. Raises Missing naming what is not there."""
    if package.corpus is None or package.topics is None:
        lacking = "corpus" if package.corpus is None else "topics"
        raise InputError(f"{lacking}: this format names queries and passages by id only; send their texts in a file of this name too")
    questions = _queries(package.topics, {one.topic for one in named}, package.limits)
    texts = _passages(package.corpus, {id_ for one in named for id_ in one.ids}, package.limits)
    problems = [f"line {one.line}: query {one.topic!r} is not among the topics" for one in named if not questions.get(one.topic)]
    problems += [f"line {one.line}: passage {id_!r} is not in the corpus" for one in named for id_ in one.ids if id_ not in texts]
    if problems:
        more = len(problems) - _MOST_NAMED
        raise Missing([*problems[:_MOST_NAMED], *([f"and {more} more like these"] if more > 0 else [])])
    for one in named:
        passages = tuple(
            Passage(id=id_, title=texts[id_].title, text=texts[id_].text or texts[id_].title, score=one.scores.get(id_)) for id_ in one.ids
        )
        gold = None if one.gold is None else one.gold.among(one.ids)
        yield TaskList(line=one.line, query=questions[one.topic], passages=passages, topic=one.topic, gold=gold)


def _queries(path: Path, wanted: Collection[str], limits: Limits) -> dict[str, str]:
    if (held := _mapping(path, limits)) is not None:
        return {id_: text for id_, text in held.items() if id_ in wanted}
    return {id_: question.text for id_, question in read_topics(path).items() if id_ in wanted}


def _passages(path: Path, wanted: Collection[str], limits: Limits) -> dict[str, Passage]:
    if (held := _mapping(path, limits)) is not None:
        return {id_: Passage(id=check_id(id_, 1, limits), text=text) for id_, text in held.items() if id_ in wanted and text.strip()}
    return read_texts(path, wanted)


def _mapping(path: Path, limits: Limits) -> dict[str, str] | None:
    """Texts of a file that is one JSON object, id to text; None for a file of lines, where the first line is an object by itself."""
    with path.open("rb") as file:
        if file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")[:1] != b"{":
            return None
        file.seek(0)
        first = file.readline().lstrip(b"\xef\xbb\xbf").strip()
    whole = _json(first)
    if isinstance(whole, dict) and not all(isinstance(value, str) and name not in _LINE_FIELDS for name, value in whole.items()):
        return None
    if not isinstance(whole, dict):
        with naming(path):
            whole = _json(decode(path, limits).encode())
    if not isinstance(whole, dict) or not all(isinstance(value, str) for value in whole.values()):
        return None
    return whole


_LINE_FIELDS = frozenset({"_id", "id", "docid", "doc_id", "qid", "query_id", "text", "contents", "content", "query"})


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
