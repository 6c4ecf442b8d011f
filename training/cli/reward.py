"""`python -m training reward FILE.jsonl`: answers of a file scored by a reward, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from app.ranking.values import Target
from training.rewards import Reward


def scored(path: Path, made: Reward) -> Iterator[dict[str, Any]]:
    """One result per line of the file, with its `line`. Raises InputError naming the line and the field that is wrong.

    A line is an object: `answer` (as the model wrote it, tags and all), `shown` (ids, [1] first), `relevant` (ids) or `grades` (id to whole
    number), `teacher_order` (ids, may be left out).
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield {"line": number, **asdict(_one(made, line, f"{path.name} line {number}"))}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} can't be read: {error}") from error


def _one(made: Reward, line: str, where: str) -> Any:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("answer"), str):
        raise InputError(f"{where} has no text 'answer': give an object with answer, shown, and relevant or grades")
    try:
        return made(row["answer"], _ids(row, "shown", where), _target(row, where))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _target(row: Mapping[str, Any], where: str) -> Target:
    grades = row.get("grades", {})
    if not isinstance(grades, dict) or not all(type(grade) is int for grade in grades.values()):
        raise InputError(f"{where}: 'grades' must be an object of passage ids and whole numbers, got {grades!r}")
    relevant = dict.fromkeys(_ids(row, "relevant", where), 1)
    return Target(grades={**relevant, **grades}, teacher_order=_ids(row, "teacher_order", where))


def _ids(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    found = row.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError(f"{where}: {name!r} must be a list of passage ids, got {found!r}")
    return tuple(found)


def as_text(row: Mapping[str, Any]) -> str:
    """A result for people."""
    parts = "  ".join(f"{name} {'-' if value is None else f'{value:.4f}'}" for name, value in row["parts"].items())
    why = f" ({', '.join(row['problems'])})" if row["problems"] else ""
    return f"line {row['line']}: {row['total']:.4f}  {row['outcome']}{why}  {parts}".rstrip()
