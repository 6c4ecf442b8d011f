"""Files with lists to judge: the form's fields checked, the files laid down where the readers can open them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from app.ranking.errors import InputError
from app.services.task_imports import FORMATS, KINDS, ListFiles

_FILES = ("file", "corpus", "topics", "qrels")
_PIECE = 256 * 1024


@asynccontextmanager
async def read_task_upload(request: Request) -> AsyncIterator[ListFiles]:
    """The form of a request; its files exist until the block ends. Raises InputError naming the field."""
    async with request.form(max_files=len(_FILES), max_fields=4, max_part_size=64 * 1024) as form:
        format, kind = _choice(form, "format", FORMATS), _choice(form, "kind", KINDS)
        with tempfile.TemporaryDirectory(prefix="lists-") as folder:
            found = {name: await _lay_down(form.get(name), Path(folder) / name) for name in _FILES}
            file, given = found["file"], form.get("file")
            if file is None or not isinstance(given, UploadFile):
                raise InputError("file: there is none in the form; send it as multipart/form-data")
            yield ListFiles(
                file=file,
                name=(given.filename or "")[-200:],
                format=format,
                kind=kind,
                corpus=found["corpus"],
                topics=found["topics"],
                qrels=found["qrels"],
            )


def _choice(form: FormData, name: str, known: tuple[str, ...]) -> str:
    value = str(form.get(name) or known[0])
    if value not in known:
        raise InputError(f"{name}: {value[:40]!r} is unknown; use one of {', '.join(known)}")
    return value


async def _lay_down(given: object, path: Path) -> Path | None:
    """Copy an uploaded file to a name of ours; None where the form has none of that name."""
    if not isinstance(given, UploadFile):
        return None
    with path.open("wb") as file:
        while piece := await given.read(_PIECE):
            file.write(piece)
    return path
