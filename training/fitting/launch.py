"""Several devices: the same step in processes that `accelerate` starts, one per GPU, followed and stopped from here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from app.ranking.errors import InputError, SettingsError
from training.config import RECIPES, read_recipe
from training.datasets.version import load

from .curves import points
from .hub_run import CURVES
from .values import Fit, Fitted

LAUNCH = RECIPES / "launch"
CONFIG = "REASONRANK_ACCELERATE"
"""The environment variable that names another configuration for accelerate, for several machines or DeepSpeed."""

_ORDER, _RESULT, _LOG = "launch.json", "launched.json", "launch.log"
_TICK, _PATIENCE = 1.0, 30.0  # seconds: between looks, and until processes that were asked to end are killed
_LINES = 5


def several(fit: Fit, stage: str) -> Fitted | None:
    """Do a stage on all GPUs of this machine (or on what the named configuration says); None where one process is enough.

    Raises what the step raises, Cancelled where the watch says so, SettingsError where the processes ended without a result.
    """
    if "RANK" in os.environ or not (os.environ.get(CONFIG) or devices() > 1):
        return None
    fit.scratch.mkdir(parents=True, exist_ok=True)
    (fit.scratch / _RESULT).unlink(missing_ok=True)
    (fit.scratch / _ORDER).write_text(json.dumps(as_order(fit, stage)), encoding="utf-8")
    log = fit.scratch / _LOG
    with log.open("wb") as file:
        process = _started(command(fit.scratch / _ORDER, devices()), file)
        try:
            _follow(process, fit)
        finally:
            _end(process)
    return _result(fit.scratch / _RESULT, log)


def devices() -> int:
    """GPUs of this machine."""
    import torch

    return int(torch.cuda.device_count())


def command(order: Path, processes: int) -> list[str]:
    """How the processes are started: with the shipped configuration one per GPU, with another as that one says."""
    named = os.environ.get(CONFIG, "")
    config = Path(named) if named else LAUNCH / "fsdp.yaml"
    if not config.is_file():
        raise SettingsError(f"{CONFIG} names {config.name!r}, which is no file: give a configuration of accelerate")
    count = [] if named else ["--num_processes", str(processes)]
    start = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", str(config)]
    return [*start, *count, "-m", "training.fitting.launched", str(order)]


def as_order(fit: Fit, stage: str) -> dict[str, Any]:
    """A fit as JSON for the processes that do it; the watch and the curves' listener stay here."""
    return {
        "stage": stage, "recipe": fit.recipe.text, "version": str(fit.version.folder), "base": str(fit.base), "out": str(fit.out),
        "scratch": str(fit.scratch), "seed": fit.seed,
    }  # fmt: skip


def of_order(order: Mapping[str, Any]) -> tuple[Fit, str]:
    """The fit and its stage again."""
    fit = Fit(
        recipe=read_recipe(order["recipe"], "the update's recipe"), version=load(Path(order["version"])), base=Path(order["base"]),
        out=Path(order["out"]), scratch=Path(order["scratch"]), seed=order["seed"],
    )  # fmt: skip
    return fit, str(order["stage"])


def write_result(order: Path, result: Mapping[str, Any]) -> None:
    """Leave what came of it beside the order: {"fitted": {...}} or {"error": sentence}. Put in place whole."""
    aside = order.with_name(f".{_RESULT}")
    aside.write_text(json.dumps(result), encoding="utf-8")
    aside.replace(order.with_name(_RESULT))


def _started(words: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own, so that all processes below it can be ended together.
    return subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def _follow(process: subprocess.Popen[bytes], fit: Fit) -> None:
    """Hands on each new point, and asks whether to go on, until the processes end."""
    before, share = 0, 0.0
    while True:
        ended = process.poll() is not None
        for one in points(fit.scratch / CURVES):
            if one.step > before:
                before, share = one.step, one.step / max(1, one.steps)
                fit.point(one)
        fit.watch.tell(share)
        if ended:
            return
        time.sleep(_TICK)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what was started, all of it: asked first, then killed."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _result(path: Path, log: Path) -> Fitted:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        said = " / ".join(line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:])
        raise SettingsError(
            f"the processes that train ended without a result ({said}): read {log.name} in the step's scratch folder"
        ) from error
    if "error" in found:
        raise InputError(str(found["error"]))
    return Fitted(**found["fitted"])
