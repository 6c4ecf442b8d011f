"""Qrels, first-stage runs and exclusions of a suite in the shapes they are published in, each with the sha256 of its unpacked bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...formats.decode import Limits, bad_line, decode
from ...formats.topics import naming, opened, read_bytes
from ...formats.trec import read_qrels, read_run
from .values import Order

_WHOLE = Limits(bytes=1 << 40)
_PIECE = 1 << 20
NONE = "N/A"
"""What BRIGHT writes where a topic excludes nothing."""
Grades = dict[str, dict[str, int]]


def qrels_of(path: Path) -> tuple[Grades, str]:
    """Grades by topic and passage id, and the file's sha256: TREC, BEIR, {topic: {id: grade}}, or JSON lines of q_id, p_id, score.

    Raises InputError naming file and line.
    """
    data = read_bytes(path)
    with naming(path):
        text = decode(data, _WHOLE)
        qrels = _json_qrels(text) if text.lstrip().startswith("{") else read_qrels(text)
        if not qrels:
            raise InputError("it has no judgement: give at least one")
    return qrels, _sha256(data)


def run_of(path: Path) -> tuple[dict[str, Order], int, str]:
    """A first stage by topic, best first, how many topics the file lists otherwise, and the file's sha256.

    Sorted by score, equal scores as they stand in the file. A TREC run, or a JSON list of {qid, docids} or {query, hits}.

    Raises InputError naming file and line.
    """
    data = read_bytes(path)
    with naming(path):
        text = decode(data, _WHOLE)
        scores = _json_run(text) if text.lstrip().startswith("[") else read_run(text)
        if not scores:
            raise InputError("it names no topic: give a run with at least one line")
    run: dict[str, Order] = {}
    unsorted = 0
    for topic, listed in scores.items():
        order = tuple(sorted(listed.items(), key=lambda pair: pair[1], reverse=True))
        unsorted += tuple(listed.items()) != order
        run[topic] = order
    return run, unsorted, _sha256(data)


def excluded_of(path: Path) -> dict[str, frozenset[str]]:
    """Passage ids that a topic excludes, from lines of topic and id; ids may hold blanks. Raises InputError naming file and line."""
    found: dict[str, set[str]] = {}
    with naming(path):
        for number, line in enumerate(decode(read_bytes(path), _WHOLE).split("\n"), start=1):
            if not line.strip():
                continue
            cells = line.split(None, 1)
            if len(cells) != 2:
                raise bad_line(number, "is no exclusion: expected topic and passage id")
            found.setdefault(cells[0], set()).add(cells[1].strip())
    return {topic: excluded(ids) for topic, ids in found.items()}


def excluded(ids: Iterable[str]) -> frozenset[str]:
    """Ids that are excluded: the literal N/A stands for none."""
    return frozenset(id_ for id_ in ids if id_ != NONE)


def sha256_of(path: Path) -> str:
    """sha256 of a file's unpacked bytes, of any size. Raises InputError where it can't be read."""
    digest = hashlib.sha256()
    with naming(path), opened(path) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json_qrels(text: str) -> Grades:
    """One object of objects, or a line a judgement."""
    try:
        whole = json.loads(text)
    except ValueError:
        return _line_qrels(text)
    if "q_id" in whole:  # a single line
        return _line_qrels(text)
    try:
        return {str(topic): {str(id_): int(grade) for id_, grade in grades.items()} for topic, grades in whole.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"judgements in JSON must be {{topic: {{passage id: whole-number grade}}}} ({error})") from error


def _line_qrels(text: str) -> Grades:
    qrels: Grades = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                one = json.loads(line)
                grades = qrels.setdefault(str(one["q_id"]), {})
                grades[str(one["p_id"])] = int(one["score"])
            except (ValueError, TypeError, KeyError) as error:
                raise bad_line(number, f"is no judgement: expected an object with q_id, p_id, score ({error})") from error
    return qrels


def _json_run(text: str) -> dict[str, dict[str, float]]:
    try:
        whole = json.loads(text)
        return dict(_listed(one) for one in whole)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"a run in JSON must be a list of {{qid, docids}} or {{query, hits}} ({error!r})") from error


def _listed(one: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """A topic's list; without scores the places count down, so that the order stays."""
    hits = one.get("hits")
    if hits is not None:
        scored = [(str(hit["docid"]), float(hit.get("score", -place))) for place, hit in enumerate(hits)]
        return str(one.get("qid", hits[0]["qid"])), dict(scored)
    ids = [str(id_) for id_ in one["docids"]]
    scores = one.get("scores") or [float(len(ids) - place) for place in range(len(ids))]
    return str(one["qid"]), {id_: float(score) for id_, score in zip(ids, scores, strict=True)}
