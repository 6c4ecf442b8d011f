"""A worker as `python -m training worker` runs it, with two kinds of jobs of its own: `python -m tests.training.worker_script FLAGS`.

`step` writes a line into the file of its arguments when it begins and one when it is done, and between them waits for the file `go`.
`deaf` writes a line and listens to nobody.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.jobs.context import Context


def step(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Wait for the file `go`, telling how far it is."""
    write(arguments, f"begin {context.attempt} {os.getpid()}")
    context.say(f"attempt {context.attempt} begins")
    turns = 0
    while not Path(arguments["go"]).exists():
        turns += 1
        context.watch.tell(1 - 1 / (1 + turns))
        time.sleep(0.02)
    write(arguments, f"done {context.attempt} {os.getpid()}")
    context.say(f"attempt {context.attempt} is done")
    return {"by": os.getpid()}


def deaf(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Never ends by itself, whatever is asked of it."""
    write(arguments, f"begin {context.attempt} {os.getpid()}")
    while True:
        time.sleep(0.1)


def write(arguments: Mapping[str, Any], line: str) -> None:
    """Add a line in one write, so that two processes don't mix theirs."""
    with open(arguments["out"], "ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


if __name__ == "__main__":
    from training import __main__ as program
    from training.jobs import KINDS

    KINDS.update(step="tests.training.worker_script:step", deaf="tests.training.worker_script:deaf")
    program.app(["worker", *sys.argv[1:]])
