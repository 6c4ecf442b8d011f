"""`evaluate`: what a run is worth by judgements, or a first stage and a model on a suite, beside what was published."""

from __future__ import annotations

import typer

from app.cli import sentences
from app.cli.evaluate_request import Evaluate, with_flags


def _evaluate(asked: Evaluate) -> None:
    """Measure runs by judgements (--run, --qrels), or a first stage and a model on a suite (--suite), beside published numbers."""
    from app.cli.evaluate_pair import pair
    from app.cli.evaluate_suite import evaluate_suite

    with sentences():
        asked.check()
        if not asked.suite:
            pair(asked.pair)
        elif status := evaluate_suite(asked):
            raise typer.Exit(status)


command = with_flags(_evaluate)
