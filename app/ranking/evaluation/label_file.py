"""Reading labels from a long table: one row a judgement, any columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .labels import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns say what was labelled (together), by whom, and how."""

    item: tuple[str, ...]
    annotator: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """The labels of a file, with how many rows it has and how many of them have no label."""

    labels: Labels
    rows: int
    blank: int


def read_labels(path: Path, columns: Columns, levels: Sequence[str] = ()) -> LabelFile:
    """Read a CSV file (tab separated where it ends in .tsv), UTF-8, with a header. Values are stripped; a blank label is missing.

    Raises InputError for columns that are not there, a row without item or annotator, a label outside the levels, and an annotator who gave
    an item two labels; all name the line. The same label twice counts once.
    """
    given: dict[tuple[str, ...], dict[str, str]] = {}
    lines: dict[tuple[tuple[str, ...], str], int] = {}
    rows = blank = 0
    for line, item, annotator, label in _rows(path, columns):
        rows += 1
        if not label:
            blank += 1
            continue
        if levels and label not in levels:
            raise InputError(f"line {line}: label {label!r} is not among the levels {', '.join(levels)}: add it to them or mend the file")
        first = given.setdefault(item, {}).setdefault(annotator, label)
        at = lines.setdefault((item, annotator), line)
        if first != label:
            what = f"{annotator!r} labelled {' '.join(item)!r} {label!r}, but {first!r} in line {at}"
            raise InputError(f"line {line}: {what}: keep one label for an item and annotator")
    return LabelFile(labels=Labels.of(given, levels), rows=rows, blank=blank)


def _rows(path: Path, columns: Columns) -> Iterator[tuple[int, tuple[str, ...], str, str]]:
    """(line, item, annotator, label) of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            header = [name.strip() for name in next(reader, [])]
            places = [_place(header, name, path) for name in (*columns.item, columns.annotator, columns.label)]
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(places):
                    raise InputError(f"line {reader.line_num}: {len(row)} values for {len(header)} columns: fill the row up")
                *item, annotator, label = (row[place].strip() for place in places)
                if not annotator or not any(item):
                    raise InputError(f"line {reader.line_num}: a row needs an item and an annotator: fill both in or remove the row")
                yield reader.line_num, tuple(item), annotator, label
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} can't be read as a table ({error}): save it as UTF-8 CSV") from error


def _place(header: Sequence[str], name: str, path: Path) -> int:
    if header.count(name) != 1:
        there = "twice" if name in header else "not there"
        raise InputError(f"column {name!r} is {there} in {path.name}: its columns are {', '.join(header) or 'none'}")
    return header.index(name)
