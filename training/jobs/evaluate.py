"""Jobs of the kind `evaluate`: {"suite", "model", "strategy", "thinking", "limit"}, and perhaps "version" (of the model), "seed" (a
shuffle) and "depth" (candidates a topic, fewer than the suite's).

A model is nano, signals, first_stage or one of the models file. Killed, it goes on from its answers: no call that was answered is made
again, and the same answers end as the same bundle. The answers lie in the data folder's `evaluations`, and may be deleted at any moment.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.artifacts import ArtifactStore
from app.ranking.errors import InputError

from .context import Context

if TYPE_CHECKING:
    from app.ranking.batch import Ranked
    from app.ranking.evaluation.bundles.values import Header
    from app.ranking.evaluation.suites.values import Suite, TestCollection
    from app.ranking.options import Options
    from training.evaluation.ways import Way

KIND = "evaluate"
FOLDER = "evaluations"
_MOST = 2**31 - 1
_PLAIN = ("first_stage", "signals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for, checked. `version`, `seed` and `depth` are None where none is given."""

    suite: str
    model: str
    strategy: str
    thinking: str
    limit: int
    version: str | None
    seed: int | None
    depth: int | None


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Rank every topic of the suite, keep the bundle. Result: {"evaluation": id, "value", "first", "measure", "topics"}.

    Raises InputError for arguments that are none, for a suite whose files are not here and a version that is no such model's; SettingsError
    for a model that can't be asked so.
    """
    from app.evaluations import Origin, keep
    from app.ranking.evaluation.suites.declared import suite

    order = _order(arguments)
    declared = suite(order.suite)
    context.doing("reading the suite")
    declared = replace(declared, depth=min(order.depth or declared.depth, declared.depth))
    collections = _collections(context, declared, order.limit)
    folder = context.settings.data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{context.job_id or KIND}.bundle"
    shutil.rmtree(target, ignore_errors=True)  # of an attempt that ended between writing and keeping it
    way, version = _way(context, order, declared)
    bundle = asyncio.run(_evaluated(context, collections, way, _header(declared, order), target))
    origin = Origin(job_id=context.job_id, version_id=version)
    kept = keep(context.database, ArtifactStore(context.settings.artifacts_dir), target, origin, context.confirm)
    shutil.rmtree(target, ignore_errors=True)
    means = bundle.manifest["means"]["topics"]
    value = means.get(bundle.primary)
    context.say(f"{bundle.primary} {value:.4f} over {len(bundle.topics)} topics")
    return {"evaluation": kept, "measure": bundle.primary, "value": value, "topics": len(bundle.topics)}


def _order(arguments: Mapping[str, Any]) -> Order:
    texts = {name: arguments.get(name) for name in ("suite", "model", "strategy", "thinking")}
    if not all(isinstance(value, str) for value in texts.values()) or not texts["suite"] or not texts["model"]:
        raise InputError("an evaluation needs the names of a suite and of a model, and a strategy and a thinking mode, which may be empty")
    version = arguments.get("version")
    if version is not None and not (isinstance(version, str) and version):
        raise InputError("the version of an evaluation is the id of one: leave it out for the weights that serve")
    seed = _number(arguments, "seed")
    depth = _number(arguments, "depth") or None
    return Order(**texts, limit=_number(arguments, "limit") or 0, version=version, seed=seed, depth=depth)  # type: ignore[arg-type]


def _number(arguments: Mapping[str, Any], name: str) -> int | None:
    value = arguments.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST):
        raise InputError(f"{name} is {value!r}: it must be a whole number from 0")
    return value


def _collections(context: Context, declared: Suite, limit: int) -> tuple[TestCollection, ...]:
    from app.ranking.evaluation.suites.load import load
    from app.ranking.evaluation.suites.values import Place

    folder = context.settings.suites
    return load(declared, Place(data=folder, retrieval=folder, depth=declared.depth, limit=limit))


def _options(order: Order) -> Options:
    from app.ranking.options import Options

    thinking = {"thinking": {"mode": order.thinking}} if order.thinking else {}
    return Options.of({"strategy": {"name": order.strategy or "sliding"}, **thinking})


def _way(context: Context, order: Order, declared: Suite) -> tuple[Way | None, str | None]:
    """(how topics are ranked, id of the version that does)."""
    from app.ranking.evaluation.suites.demo import demo_evidence
    from app.settings import load_models
    from db.store import versions
    from training.evaluation.ways import EMBEDDED, Wanted, way_for

    weights: Path | None = None
    served_as, version = "", None
    if order.model not in _PLAIN:
        with context.database.read() as session:
            chosen = order.version or versions.active(session, order.model)
            row = versions.get(session, chosen) if chosen is not None else None
        if row is not None and row.name != order.model:
            raise InputError(f"version {row.id[:12]} is one of {row.name!r}, not of {order.model!r}: choose one of that model")
        if row is not None:
            version, served_as = row.id, str((row.report or {}).get("served_as") or "")
            if order.model == EMBEDDED and row.artifact_hash is not None:
                weights = ArtifactStore(context.settings.artifacts_dir).path(row.artifact_hash)
    wanted = Wanted(
        model=order.model, options=_options(order), weights=weights, served_as=served_as, shuffle=order.seed,
        passage_tokens=declared.passage_tokens,
    )  # fmt: skip
    # Of the demo the index and the vectors are at hand: evidence as on the page, and much sooner.
    evidence = demo_evidence if declared.name == "demo" else None
    return way_for(wanted, load_models(context.settings.models), evidence), version


def _header(declared: Suite, order: Order) -> Header:
    """What the ranker does not say of itself."""
    from app.ranking.evaluation.bundles.values import Header
    from app.ranking.options import strategy_args

    strategy = _options(order).strategy
    shuffled = {"name": strategy.name, **strategy_args(strategy), "shuffle": order.seed} if order.seed is not None else {}
    plain = order.model in _PLAIN
    said = [order.model, order.version[:8] if order.version else ""]
    said += [] if plain else [order.strategy, order.thinking if order.thinking != "profile" else ""]
    said += [f"shuffle {order.seed}"] if order.seed is not None and not plain else []
    return Header(
        name=" ".join(filter(None, said)),
        suite=declared.name,
        model={"name": order.model},
        strategy={} if plain else shuffled,
        depth=declared.depth,
        limit=order.limit,
        seed=None if plain else order.seed,
        measures=declared.measures,
        primary=declared.primary,
        notes=(declared.note,) if declared.note else (),
    )


async def _evaluated(context: Context, collections: Sequence[TestCollection], way: Way | None, header: Header, target: Path) -> Any:
    """The bundle. Progress is told, and the end heard of, after every topic."""
    from app.ranking.cache import content_hash
    from app.ranking.evaluation.bundles.evaluating import Watching, evaluate_async
    from app.ranking.response_cache import ResponseCache
    from training.evaluation.ways import close

    total, done = sum(len(one.qrels) for one in collections), 0

    def ended(ranked: Ranked) -> None:
        nonlocal done
        done += 1
        context.doing(f"topic {done} of {total}")
        context.watch.tell(done / max(1, total))

    revision = way.ranker.backend.revision if way is not None and way.ranker is not None else ""
    name = content_hash((header.suite, str(header.model["name"]), revision))
    cache = ResponseCache(target.parent / f"{name}.answers")
    try:
        return await evaluate_async(collections, way, header, target, cache, Watching(topic=ended))
    finally:
        await close(way)
        await asyncio.to_thread(cache.close)
        if cache.counts.hits:
            context.say(f"{cache.counts.hits} answers were there already and were not asked for again")
