"""Columns of files, described once: the data dictionary, the Parquet schema and the CSV header are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "number", "yes_no", "json", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column or key of a format. `empty` says when it holds nothing; without it, it always holds something."""

    name: str
    type: Kind
    about: str
    empty: str = ""


def columns(*described: tuple[str, Kind, str] | tuple[str, Kind, str, str]) -> tuple[Column, ...]:
    """Short form: (name, type, about[, when it is empty])."""
    return tuple(Column(name=one[0], type=one[1], about=one[2], empty=one[3] if len(one) > 3 else "") for one in described)
