"""What the routes of exports answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from .answers import Answer


class ColumnAnswer(Answer):
    """A column or key of a format; `empty` says when it holds nothing, and is empty where it always holds something."""

    name: str
    type: str
    about: str
    empty: str


class FormatAnswer(Answer):
    """A format."""

    name: str
    file: str
    media_type: str
    about: str
    columns: list[ColumnAnswer]


class FormatsAnswer(Answer):
    """All formats."""

    formats: list[FormatAnswer]


class ExportVersion(Answer):
    """A version of an export. `until` is the place in the log up to which judgements were read; `command` writes it again."""

    id: str
    format: str
    schema_version: str
    query: dict[str, Any]
    until: int
    content_hash: str
    rows: int
    judgements: int
    created: str
    command: str


class ListedVersion(ExportVersion):
    """In a list: `withdrawn` counts its judgements that are gone since; with any, it can't be written again."""

    withdrawn: int


class ExportAnswer(Answer):
    """The version that was made."""

    export: ExportVersion


class ExportsAnswer(Answer):
    """Versions, newest first."""

    exports: list[ListedVersion]


class Manifest(ExportVersion):
    """A version with what was counted while it was made: judgements by licence and by consent, and agreement."""

    licences: dict[str, int]
    consents: dict[str, int]
    agreement: dict[str, Any]
    runs: int
    software: dict[str, str]
