"""TREC runs and qrels, and BEIR's qrels: read strictly, written so that no tool can order them otherwise.

A run line is read from both ends, because passage ids may contain blanks: topic and `Q0` in front, rank, score and tag behind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from ..errors import InputError
from .decode import bad_line

_RUN = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t]+)[ \t]+(.+?)[ \t]+(-?\d+)[ \t]+([^ \t]+)[ \t]+([^ \t]+)[ \t]*")
# Old runs carry remarks after the tag; then the passage id is a single word.
_RUN_REMARKS = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t]+)[ \t]+([^ \t]+)[ \t]+(-?\d+)[ \t]+([^ \t]+)[ \t]+([^ \t]+)[ \t]+.+")
_QREL = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t]+)[ \t]+(.+?)[ \t]+([-+]?\d+)[ \t]*")
T = TypeVar("T")

BEIR_HEADER = "query-id\tcorpus-id\tscore"


def read_run(text: str) -> dict[str, dict[str, float]]:
    """Scores by topic and passage id. Raises InputError naming a line that is malformed or repeats a passage."""
    run: dict[str, dict[str, float]] = {}
    for number, line in _lines(text):
        topic, id_, score = run_line(line, number)
        put(run.setdefault(topic, {}), id_, score, number)
    return run


def run_line(line: str, number: int) -> tuple[str, str, float]:
    """(topic, passage id, score) of line `number` of a run, its line end taken off. Raises InputError for one that is malformed."""
    # Nearly all lines are six words with single blanks, or single tabs, between them: these need no search.
    cells = line.split(" ")
    if len(cells) != 6 or "\t" in line:
        cells = line.split("\t") if " " not in line else []
    if len(cells) == 6 and cells[3].isdecimal() and "" not in cells:
        return cells[0], cells[2], _score(cells[4], number)
    match = _RUN.fullmatch(line) or _RUN_REMARKS.fullmatch(line)
    if match is None:
        raise bad_line(number, "is no run line: expected topic, Q0, passage id, rank, score, tag")
    return match[1], match[3], _score(match[5], number)


def write_run(rankings: Mapping[str, Sequence[str]], tag: str) -> Iterator[str]:
    """Lines of a run: per topic the ids best first, scores strictly decreasing whole numbers (exact in 32-bit floats).

    Raises InputError for a tag or topic with blanks, for an id that can't be read back, or one that comes twice.
    """
    _one_word(tag, "tag")
    for topic, ids in rankings.items():
        _one_word(topic, "topic")
        if len(set(ids)) < len(ids):
            raise InputError(f"topic {topic!r} ranks a passage twice: a run names each passage once")
        for rank, id_ in enumerate(ids, start=1):
            yield f"{topic} Q0 {_writable(id_)} {rank} {len(ids) - rank + 1} {tag}\n"


def read_qrels(text: str) -> dict[str, dict[str, int]]:
    """Grades by topic and passage id, from TREC's four columns or BEIR's three with a header."""
    if text.lstrip("\ufeff").startswith(BEIR_HEADER):
        return read_beir_qrels(text)
    qrels: dict[str, dict[str, int]] = {}
    for number, line in _lines(text):
        match = _QREL.fullmatch(line)
        if match is None:
            raise bad_line(number, "is no qrels line: expected topic, 0, passage id, whole-number grade")
        put(qrels.setdefault(match[1], {}), match[3], int(match[4]), number)
    return qrels


def write_qrels(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """TREC qrels lines. Raises InputError for a topic or id that can't be read back."""
    for topic, grades in qrels.items():
        _one_word(topic, "topic")
        for id_, grade in grades.items():
            yield f"{topic} 0 {_writable(id_)} {grade}\n"


def read_beir_qrels(text: str) -> dict[str, dict[str, int]]:
    """Grades by query and passage id, from BEIR's tab-separated file with its header line."""
    qrels: dict[str, dict[str, int]] = {}
    for number, line in _lines(text.lstrip("\ufeff")):
        if number == 1 and line == BEIR_HEADER:
            continue
        cells = line.split("\t")
        if len(cells) != 3 or not re.fullmatch(r"[-+]?\d+", cells[2]):
            raise bad_line(number, "is no BEIR qrels line: expected query id, passage id, whole-number score, separated by tabs")
        put(qrels.setdefault(cells[0], {}), cells[1], int(cells[2]), number)
    return qrels


def write_beir_qrels(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """BEIR qrels with the header line."""
    yield BEIR_HEADER + "\n"
    for topic, grades in qrels.items():
        for id_, grade in grades.items():
            yield f"{_writable(topic)}\t{_writable(id_)}\t{grade}\n"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that hold anything, numbered from 1. Only real line ends count: ids may hold other separators of Unicode."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")


def put(items: dict[str, T], id_: str, value: T, number: int) -> None:
    """Keep the value of a passage of one topic. Raises InputError naming line `number` where the passage has one already."""
    if id_ in items:
        raise bad_line(number, f"passage {id_!r} comes twice for its topic")
    items[id_] = value


def _score(text: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise bad_line(number, f"score {text!r} is not a finite number")
    return value


def _one_word(text: str, what: str) -> None:
    if not text or not text.isprintable() or " " in text:
        raise InputError(f"{what} {text!r} can't stand in a TREC file: it must be one word without blanks")


def _writable(id_: str) -> str:
    if not id_ or not id_.isprintable() or id_ != id_.strip():
        raise InputError(f"id {id_!r} can't stand in a file of lines: empty, blanks at an end, or not printable")
    return id_
