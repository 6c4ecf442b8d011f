"""`python -m training preflight RECIPE`: what would stop a training, found in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.datasets import Version
    from training.fitting.preflight import Check

_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was typed. `gpus` and `gpu_memory` (GB each) plan for another machine than this one; 0: what is here."""

    recipe: str
    dataset: str = ""
    base: str = ""
    data_dir: Path | None = None
    database_url: str = ""
    artifacts: Path | None = None
    gpus: int = 0
    gpu_memory: float = 0.0
    disk: float = 0.0


def checks(request: Request) -> Iterator[Check]:
    """The checks, one by one as they are made. Raises RankingError for a recipe or a dataset that can't be found."""
    from dataclasses import replace

    from training.config import load_recipe
    from training.fitting.hub_run import quiet
    from training.fitting.preflight import Asked, preflight, this_machine

    quiet()
    recipe = load_recipe(request.recipe)
    machine = this_machine(request.data_dir or Path("var"), request.gpus)
    if request.gpu_memory:
        machine = replace(machine, memory=int(request.gpu_memory * _GB), gpu=True)
    if request.disk:
        machine = replace(machine, disk=int(request.disk * _GB))
    version = _version(request) if request.dataset else None
    yield from preflight(Asked(recipe=recipe, machine=machine, base=request.base or recipe.model, version=version))


def as_text(check: Check) -> str:
    """One line."""
    return f"{'passed' if check.passed else 'FAILED'}  {check.name:<14} {check.text}"


def _version(request: Request) -> Version:
    from training.cli.dataset import _Place

    return _Place(request.data_dir, request.database_url, request.artifacts).version(request.dataset)
