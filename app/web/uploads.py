"""A file as a new collection: the form's fields checked, the file handed on piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile

from app.ranking.errors import InputError

FORMATS = ("auto", "jsonl", "csv", "tsv", "beir", "text")
_PIECE = 256 * 1024
_MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What the form held."""

    name: str
    format: str
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def read_upload(request: Request) -> AsyncIterator[Upload]:
    """The form of a request; larger files lie in a temporary file until the block ends. Raises InputError naming the field."""
    async with request.form(max_files=1, max_fields=4, max_part_size=64 * 1024) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InputError("file: there is none in the form; send it as multipart/form-data")
        format = str(form.get("format") or "auto")
        if format not in FORMATS:
            raise InputError(f"format: {format[:40]!r} is unknown; use one of {', '.join(FORMATS)}")
        name = " ".join(str(form.get("name") or file.filename or "").split())
        if not name or len(name) > _MAX_NAME or "\x00" in name:
            raise InputError(f"name: a collection needs one of 1 to {_MAX_NAME} characters")
        yield Upload(name=name, format=format, chunks=_pieces(file))


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece
