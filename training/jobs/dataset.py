"""The job kind `dataset`: a frozen version out of the stored items of a synthesis, under thresholds of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.artifacts import ArtifactStore
from app.ranking.errors import SettingsError

from .context import Context


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments {"synthesis", "name", "thresholds"}; result {"dataset", "name", "examples", "counts"}. Done again, it finds the same id.

    Raises SettingsError for arguments that can't be, and what `version_of` raises.
    """
    from training.datasets.of_synthesis import Wanted, version_of

    synthesis, name, thresholds = (arguments.get(key, empty) for key, empty in (("synthesis", ""), ("name", ""), ("thresholds", {})))
    numbers = isinstance(thresholds, Mapping) and all(
        isinstance(key, str) and isinstance(value, int | float) and not isinstance(value, bool) for key, value in thresholds.items()
    )
    if not isinstance(synthesis, str) or not synthesis or not isinstance(name, str) or not numbers:
        raise SettingsError("a dataset job needs the id of a synthesis, a name, and thresholds as numbers by filter: mend its arguments")
    wanted = Wanted(synthesis_id=synthesis, name=name.strip(), thresholds={key: float(value) for key, value in thresholds.items()})
    context.doing("building the data set")
    built = version_of(context.database, ArtifactStore(context.settings.artifacts_dir), wanted, context.watch)
    context.say(f"data set {built.name}: {built.counts['examples']} examples of {built.counts['items']} items, version {built.id[:16]}")
    return {"dataset": built.id, "name": built.name, "examples": built.counts["examples"], "counts": dict(built.counts)}
