"""The data dictionary in Markdown, made of the registry: docs/exports.md, and DICTIONARY.md of a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.exports.columns import Column, Kind

if TYPE_CHECKING:
    from app.exports.registry import Format

_KINDS: dict[Kind, str] = {
    "text": "text", "whole": "whole number", "number": "number", "yes_no": "true or false", "json": "JSON", "list": "list",
}  # fmt: skip


def of_columns(described: Iterable[Column]) -> str:
    """A table of columns."""
    lines = [f"| `{one.name}` | {_KINDS[one.type]} | {_sentence(one)} |" for one in described]
    return "\n".join(["| name | type | meaning |", "|---|---|---|", *lines]) + "\n"


def dictionary(formats: Sequence[Format], head: str) -> str:
    """All formats, one section each, after a given introduction. Formats with the same columns share a table."""
    parts, told = [head.strip()], dict[tuple[Column, ...], str]()
    for one in formats:
        facts = (
            f"File `{one.file}`, {one.media_type}, schema `{one.schema}`.{' For training: never a holdout query.' if one.trains else ''}"
        )
        parts += [f"## {one.name}", f"{one.about} {facts}"]
        same = told.setdefault(one.columns, one.name)
        parts.append(of_columns(one.columns).strip() if same == one.name else f"The columns of `{same}`.")
    return "\n\n".join(parts) + "\n"


def options(selection: type) -> str:
    """Options of a selection with their defaults, as a list."""
    lines = []
    for item in dataclasses.fields(selection):
        lines.append(f"`{item.name}` ({item.default!r})")
    return ", ".join(lines)


def _sentence(column: Column) -> str:
    return f"{column.about}; empty where {column.empty}" if column.empty else column.about
