"""Logging: standard library throughout, one line per event, every line with the request and run it belongs to.

Query text, passages, notes and whole run tokens (a token opens a run) are never logged.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from app.settings import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "run", "taskName"}
_OURS = ("app", "db", "studio", "training", "__main__")


def short(token: str) -> str:
    """Enough of a run's token to tell runs apart in a log, too little to open one."""
    return token[:6]


class Ids(logging.Filter):
    """Puts the ids of the present request and run on every record that does not bring its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops anything."""
        record.__dict__.setdefault("request", request_id.get())
        record.__dict__.setdefault("run", run_id.get())
        return True


def _extra(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra`; libraries that put marks of their own on every record, as Ray does, let them begin with `_`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD and not name.startswith("_")}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class Ours(logging.Filter):
    """Lets libraries speak only when something is wrong, whatever level they set for themselves when they are imported."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Ours at the chosen level, others from warning on."""
        return record.levelno >= logging.WARNING or record.name.split(".", 1)[0] in _OURS


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request, run, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name in ("request", "run") if (value := getattr(record, name, ""))}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line | _extra(record), ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback under it."""
        pairs = {name: getattr(record, name, "") for name in ("request", "run")} | _extra(record)
        tail = "".join(f" {name}={value}" for name, value in pairs.items() if value != "")
        # A line break in a message would let a visitor forge a log line.
        message = record.getMessage().replace("\n", "\\n").replace("\r", "\\r")
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}: {message}{tail}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logging to one place (standard error) in the chosen form. Called once, by whoever starts a process."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else Text())
    handler.addFilter(Ours())
    handler.addFilter(Ids())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = name != "uvicorn.access"  # ours, in `observe.py`, knows the route and keeps tokens out
    logging.captureWarnings(True)
