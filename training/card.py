"""The model card that is written beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config import RECIPES

_CARD = RECIPES / "nano.card.md"


def model_card(report: Mapping[str, Any], parameters: int) -> str:
    """README.md for the weights, filled from what training.json holds."""
    figures = report["stages"][-1]["validation"]
    return _CARD.read_text(encoding="utf-8").format(
        parameters=f"{parameters:,}",
        megabytes=f"{4 * parameters / 1e6:.1f}",
        seconds=round(sum(stage["cpu_seconds"] for stage in report["stages"])),
        seed=report["seed"],
        recipe=report["recipe"]["name"],
        figures="\n".join(f"| {name} | {value} |" for name, value in figures.items()),
    )


def write_card(folder: Path, report: Mapping[str, Any], parameters: int) -> None:
    """Write README.md into `folder`."""
    (folder / "README.md").write_text(model_card(report, parameters), encoding="utf-8")
