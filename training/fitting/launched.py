"""`accelerate launch -m training.fitting.launched ORDER.json`: one process of a step on several devices. See `launch`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.ranking.errors import RankingError

from .hub_run import leads
from .launch import of_order, write_result


def main(path: Path) -> None:
    """Do the step of an order; the first process leaves the result beside it."""
    fit, stage = of_order(json.loads(path.read_bytes()))
    from .hub_grpo import rl
    from .hub_sft import sft

    try:
        result: dict[str, Any] = {"fitted": asdict(sft(fit) if stage == "sft" else rl(fit))}
    except RankingError as error:
        result = {"error": str(error)}
    if leads():
        write_result(path, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
