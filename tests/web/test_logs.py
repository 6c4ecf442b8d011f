"""One line per event, with ids, that a visitor can't forge."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from app.settings import Settings
from app.web.logs import configure_logging, request_id, run_id


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access")
    before = [(logging.getLogger(n), logging.getLogger(n).handlers[:], logging.getLogger(n).level) for n in names]
    propagated = [logging.getLogger(n).propagate for n in names]
    tokens = request_id.set("r1"), run_id.set("")
    yield
    request_id.reset(tokens[0])
    run_id.reset(tokens[1])
    logging.captureWarnings(False)
    for (logger, handlers, level), propagate in zip(before, propagated, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def _logged(settings: Settings) -> str:
    stream = io.StringIO()
    configure_logging(settings, stream)
    logging.getLogger("studio.x").info("asked %s", "a\nforged line", extra={"ms": 3})
    logging.getLogger("studio.x").info("of a run", extra={"run": "abc"})
    return stream.getvalue()


def test_json_lines_carry_ids_and_extras() -> None:
    first, second = [json.loads(line) for line in _logged(Settings(log_format="json")).splitlines()]
    assert first["message"] == "asked a\nforged line" and first["request"] == "r1" and first["ms"] == 3 and "run" not in first
    assert second["run"] == "abc"


def test_text_lines_can_not_be_forged() -> None:
    lines = _logged(Settings()).splitlines()
    assert len(lines) == 2 and "asked a\\nforged line request=r1 ms=3" in lines[0]


def test_a_traceback_is_kept() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json", log_level="error"), stream)
    try:
        raise ValueError("deep")
    except ValueError as error:
        logging.getLogger("studio.x").error("it broke", exc_info=error)
    logging.getLogger("studio.x").warning("not shown")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: deep" in json.loads(line)["traceback"]


def test_libraries_speak_only_when_something_is_wrong() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_level="debug"), stream)
    library = logging.getLogger("some_library.part")
    library.setLevel(logging.DEBUG)
    library.debug("chatter")
    library.warning("trouble")
    logging.getLogger("app.services.x").debug("ours")
    assert "chatter" not in stream.getvalue() and "trouble" in stream.getvalue() and "ours" in stream.getvalue()
