"""Files at /static: our web components, and the three or four of Gradio's that its page asks for. Nothing else, no listings."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

# Written out because the table of the operating system differs from machine to machine, and with nosniff a wrong type is a dead page.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".map": "application/json",
}
# Gradio keeps more there (a video codec, a plotting library): scripts that a hostile text could point at have no business here.
_GRADIO_FILES = ("js/iframeResizer.contentWindow.min.js", "img/logo_nosize.svg")
_GRADIO_FONTS = "fonts/"


class Static(StaticFiles):
    """Our folder first, then the few of Gradio's. Every file has an ETag and is asked for again, so an upgrade shows at once."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        super().__init__(directory=directory, packages=[("gradio", "templates/frontend/static")])
        self._own = str(directory)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file for a path, or none."""
        name = PurePosixPath(path.replace(os.sep, "/"))
        if name.suffix not in _TYPES or any(part.startswith(".") for part in name.parts):
            return "", None
        full, stat = super().lookup_path(path)
        ours = os.path.realpath(full).startswith(os.path.realpath(self._own) + os.sep)
        allowed = ours or str(name) in _GRADIO_FILES or str(name).startswith(_GRADIO_FONTS)
        return (full, stat) if allowed else ("", None)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file with its type, or 304."""
        kind = _TYPES[PurePosixPath(full_path).suffix]
        response = FileResponse(full_path, status_code, {"Cache-Control": "no-cache"}, kind, stat_result=stat_result)
        return NotModifiedResponse(response.headers) if self.is_not_modified(response.headers, Headers(scope=scope)) else response
