"""Lists that people shall judge: a query with its candidates, and a known answer where there is one. JSON lines and tables.

Every reader gives one list after the other and raises InputError naming the line; a caller that stops at an error has imported nothing.
`packaged` reads what is spread over a TREC or BEIR set of files, `released` the schema of ReasonRank's training data.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InputError
from ..values import Passage
from .collections import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS
from .decode import Limits, bad_line, check_id, numbered_rows

MOST_LISTS = 100_000
MOST_PASSAGES = 200
MOST_QUERY = 4_000
QUERY_FIELDS = ("query", "question", "query_text")
PASSAGES_FIELDS = ("passages", "candidates", "documents", "docs")
TOPIC_FIELDS = ("topic", "qid", "query_id", "query-id", "topic_id", "_id", "id")
SCORE_FIELDS, GRADE_FIELDS = ("score",), ("grade", "relevance", "label", "qrel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """A known answer: groups of tied passages, best first, those that are not relevant, grades by passage, and why."""

    order: tuple[tuple[str, ...], ...]
    not_relevant: tuple[str, ...] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    why: str = ""

    @classmethod
    def of_grades(cls, grades: Mapping[str, int]) -> Gold:
        """From relevance grades: equal ones are tied, 0 and less is not relevant."""
        levels = sorted({grade for grade in grades.values() if grade > 0}, reverse=True)
        order = tuple(tuple(id_ for id_, grade in grades.items() if grade == level) for level in levels)
        return cls(
            order=order,
            not_relevant=tuple(id_ for id_, grade in grades.items() if grade <= 0),
            grades={id_: max(grade, 0) for id_, grade in grades.items()},
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        order = [list(group) for group in self.order]
        return {"order": order, "not_relevant": list(self.not_relevant), "grades": dict(self.grades), "why": self.why}

    def among(self, ids: Iterable[str]) -> Gold:
        """What it says of some passages only."""
        kept = set(ids)
        order = tuple(group for one in self.order if (group := tuple(id_ for id_ in one if id_ in kept)))
        grades = {id_: grade for id_, grade in self.grades.items() if id_ in kept}
        return replace(self, order=order, not_relevant=tuple(id_ for id_ in self.not_relevant if id_ in kept), grades=grades)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """A query and its candidates in first-stage order; `line` is where it stands in the file, counted from 1."""

    line: int
    query: str
    passages: tuple[Passage, ...]
    topic: str = ""
    gold: Gold | None = None

    def cut(self, depth: int) -> TaskList:
        """The first so many candidates; a known answer is told of those only."""
        if len(self.passages) <= depth:
            return self
        passages = self.passages[:depth]
        gold = None if self.gold is None else self.gold.among(passage.id for passage in passages)
        return replace(self, passages=passages, gold=gold)


def checked(lists: Iterable[TaskList], limits: Limits | None = None) -> Iterator[TaskList]:
    """The same lists, where each can be judged. Raises InputError naming line and passage."""
    limits, count = limits or Limits(), 0
    for count, one in enumerate(lists, start=1):
        if count > MOST_LISTS:
            raise bad_line(one.line, f"this is list {count}: at most {MOST_LISTS} are accepted in one file")
        check_list(one, limits)
        yield one
    if not count:
        raise InputError("there is no list in it: give at least one query with its passages")


def check_list(one: TaskList, limits: Limits) -> None:
    """Raises InputError naming the line for a list that can't be judged."""
    if not one.query.strip():
        raise bad_line(one.line, "the query is empty: write the question that the passages may answer")
    if len(one.query) > MOST_QUERY:
        raise bad_line(one.line, f"the query has {len(one.query)} characters: at most {MOST_QUERY} are accepted")
    if not 2 <= len(one.passages) <= MOST_PASSAGES:
        raise bad_line(one.line, f"the list has {len(one.passages)} passages: between 2 and {MOST_PASSAGES} can be judged")
    ids = set[str]()
    for passage in one.passages:
        if check_id(passage.id, one.line, limits) in ids:
            raise bad_line(one.line, f"passage {passage.id!r} comes twice: ids must differ within a list")
        ids.add(passage.id)
        if not passage.text.strip():
            raise bad_line(one.line, f"passage {passage.id!r} has no text: leave it out or give it one")
        if len(passage.text) + len(passage.title) > limits.characters:
            raise bad_line(one.line, f"passage {passage.id!r} has more than {limits.characters} characters: split it")
    _check_text(one)
    if one.gold is not None:
        _check_gold(one.gold, ids, one.line)


def _check_text(one: TaskList) -> None:
    """JSON can spell what no database holds: a zero byte, half a character."""
    for text in (one.query, one.topic, *(part for passage in one.passages for part in (passage.id, passage.title, passage.text))):
        if "\0" in text:
            raise bad_line(one.line, "holds a zero byte: no database takes it, remove it")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise bad_line(one.line, "holds half a character (a lone surrogate): repair the escape")


def _check_gold(gold: Gold, ids: set[str], line: int) -> None:
    placed = [*(id_ for group in gold.order for id_ in group), *gold.not_relevant]
    if len(set(placed)) < len(placed):
        raise bad_line(line, "the known answer names a passage twice: each has one place")
    strange = sorted({*placed, *gold.grades} - ids)
    if strange:
        raise bad_line(line, f"the known answer names {strange[0]!r}, which is not among the passages")


# JSON lines: one list a line.


def read_jsonl(text: str) -> Iterator[TaskList]:
    """Lists of lines like {"topic", "query", "passages": [{"id", "title", "text", "score"}], "gold" or "qrels"}."""
    for number, record in json_lines(text):
        yield of_record(record, number)


def json_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects of JSON lines, or of one JSON array, each with its line (its place in an array)."""
    if text.lstrip().startswith("["):
        yield from _array(text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _object(line, number)


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_line(number, f"is not JSON ({error}): give one object per line") from error
    if not isinstance(record, dict):
        raise bad_line(number, f"is a JSON {type(record).__name__}, not an object: give one object per line")
    return record


def _array(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON ({error}): give one object per line, or one list of objects") from error
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise bad_line(number, f"is a JSON {type(record).__name__}, not an object: give a list of objects")
        yield number, record


def of_record(record: Mapping[str, Any], number: int) -> TaskList:
    """A list of one JSON object. Raises InputError naming its line."""
    given = next((record[name] for name in PASSAGES_FIELDS if record.get(name) is not None), None)
    if not isinstance(given, list):
        raise bad_line(number, f"has no list of the name {' or '.join(PASSAGES_FIELDS)}")
    passages = tuple(_passage(one, place, number) for place, one in enumerate(given, start=1))
    query = text_field(record, QUERY_FIELDS, number)
    return TaskList(
        line=number, query=query.strip(), passages=passages, topic=text_field(record, TOPIC_FIELDS, number), gold=_gold(record, number)
    )


def _passage(given: Any, place: int, number: int) -> Passage:
    if isinstance(given, str):
        return Passage(id=f"p{place}", text=given)
    if not isinstance(given, dict):
        raise bad_line(number, f"passage {place} is a {type(given).__name__}: give an object with id and text, or a text")
    score = next((given[name] for name in SCORE_FIELDS if given.get(name) is not None), None)
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float) or score != score or abs(score) > 1e300):
        raise bad_line(number, f"the score of passage {place} is not a finite number")
    return Passage(
        id=text_field(given, ID_FIELDS, number) or f"p{place}",
        title=text_field(given, TITLE_FIELDS, number),
        text=text_field(given, TEXT_FIELDS, number),
        score=None if score is None else float(score),
    )


def text_field(record: Mapping[str, Any], names: Sequence[str], number: int) -> str:
    """The first of the named fields as text, empty where there is none; whole numbers are taken for ids."""
    name = next((name for name in names if record.get(name) is not None), None)
    value = "" if name is None else record[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise bad_line(number, f"field {name!r} is a {type(value).__name__}: it must be text")
    return value


def _gold(record: Mapping[str, Any], number: int) -> Gold | None:
    if isinstance(grades := record.get("qrels"), dict):
        return Gold.of_grades(_grades(grades, number))
    gold = record.get("gold")
    if gold is None:
        return None
    if not isinstance(gold, dict):
        raise bad_line(number, "field 'gold' must be an object with order, not_relevant, grades and why")
    groups, rest = gold.get("order", []), gold.get("not_relevant", [])
    if not isinstance(groups, list) or not isinstance(rest, list):
        raise bad_line(number, "'order' and 'not_relevant' of the known answer must be lists of passage ids")
    order = tuple(tuple(_ids(group if isinstance(group, list) else [group], number)) for group in groups)
    grades = _grades(gold.get("grades") or {}, number)
    return Gold(order=order, not_relevant=tuple(_ids(rest, number)), grades=grades, why=text_field(gold, ("why",), number)[:4_000])


def _ids(values: Sequence[Any], number: int) -> list[str]:
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        raise bad_line(number, "the known answer must name passages by their ids")
    return [str(value) for value in values]


def _grades(values: Any, number: int) -> dict[str, int]:
    if not isinstance(values, dict) or not all(isinstance(one, int) and not isinstance(one, bool) for one in values.values()):
        raise bad_line(number, "grades must be whole numbers by passage id")
    return dict(values)


# Tables: one passage a line, those of a query one after the other.


def read_table(text: str, mark: str = ",") -> Iterator[TaskList]:
    """Lists of a table with a header: query, text, and perhaps topic, id, title, score, grade. A new topic or query begins a new list."""
    rows = csv.DictReader(io.StringIO(text), delimiter=mark, strict=True, quoting=csv.QUOTE_NONE if mark == "\t" else csv.QUOTE_MINIMAL)
    names = {name.strip().lower() for name in _header(rows) if name}
    if not names & set(QUERY_FIELDS) or not names & set(TEXT_FIELDS):
        raise bad_line(1, "the header must name the columns, query and text among them: topic, query, id, title, text, score, grade")
    first, held, seen = 0, list[dict[str, str]](), set[tuple[str, str]]()
    for number, row in _rows(rows):
        if held and _key(row) != _key(held[0]):
            yield _of_rows(held, first)
            held = []
        if not held:
            if _key(row) in seen:
                raise bad_line(number, "its query was there before, with other queries between: sort the table by query")
            first = number
            seen.add(_key(row))
        held.append(row)
        if len(held) > MOST_PASSAGES:
            raise bad_line(number, f"the list has more than {MOST_PASSAGES} passages")
    if held:
        yield _of_rows(held, first)


def _header(reader: csv.DictReader[str]) -> Sequence[str]:
    try:
        return reader.fieldnames or ()
    except csv.Error as error:
        raise bad_line(1, f"can't be split into columns ({error}): check its quotation marks") from error


def _rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in numbered_rows(reader):
        if None in row or None in row.values():
            raise bad_line(number, f"has another number of columns than the header ({len(reader.fieldnames or ())})")
        yield number, {str(name).strip().lower(): value for name, value in row.items()}


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return next((row[name] for name in TOPIC_FIELDS[:5] if row.get(name)), ""), next((row[n] for n in QUERY_FIELDS if row.get(n)), "")


def _of_rows(rows: Sequence[Mapping[str, str]], first: int) -> TaskList:
    topic, query = _key(rows[0])
    passages, grades = [], dict[str, int]()
    for place, row in enumerate(rows, start=1):
        number = first + place - 1
        score = next((row[name] for name in SCORE_FIELDS if row.get(name)), "")
        grade = next((row[name] for name in GRADE_FIELDS if row.get(name)), "")
        try:
            passage = _passage({**row, "score": float(score) if score else None}, place, number)
            grades |= {passage.id: int(grade)} if grade else {}
        except ValueError as error:
            raise bad_line(number, f"score {score!r} or grade {grade!r} is not a number") from error
        passages.append(passage)
    gold = Gold.of_grades(grades) if grades else None
    return TaskList(line=first, query=query.strip(), passages=tuple(passages), topic=topic, gold=gold)
