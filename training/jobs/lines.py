"""The worker's own output: one line per event on standard error, for people or for machines, as the server beside it writes them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from app.settings import Settings

_OURS = ("app", "db", "training", "__main__")


class Ours(logging.Filter):
    """Ours at the chosen level, libraries from warning on."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        return record.levelno >= logging.WARNING or record.name.split(".", 1)[0] in _OURS


class Line(logging.Formatter):
    """Time, level, logger and message; `as_json` for machines."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback where there is one."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        level, traceback = record.levelname.lower(), self.formatException(record.exc_info) if record.exc_info else ""
        if self._as_json:
            line = {"time": at, "level": level, "logger": record.name, "message": record.getMessage(), "process": "worker"}
            return json.dumps(line | ({"traceback": traceback} if traceback else {}), ensure_ascii=False)
        # A line break in a message would let a file that is indexed forge a line.
        message = record.getMessage().replace("\n", "\\n").replace("\r", "\\r")
        return f"{at} {level:7} {record.name}: {message}" + (f"\n{traceback}" if traceback else "")


def to_stderr(settings: Settings) -> None:
    """Send all logging there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line(as_json=settings.log_format == "json"))
    handler.addFilter(Ours())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    logging.captureWarnings(True)
