"""How much each person's corrections moved a model: the supervised step again without one person at a time, as far as noise lets one see.

Leave-one-out retraining (Koh and Liang, ICML 2017, section 2, is what approximates it): effect of a person = NDCG@10 of the model trained
with all examples minus that of the model trained without theirs, over the same lists. Every training is repeated with another seed,
because two trainings of the same data differ too: that difference is told beside the effects, and smaller effects are noise.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from app.ranking.cache import Watch, content_hash
from app.ranking.errors import InputError
from app.ranking.evaluation.gate import SETS
from app.ranking.evaluation.significance import Interval, bootstrap
from training.datasets.examples import line
from training.datasets.values import EXAMPLES, TEXTS, VERDICTS
from training.datasets.version import Version
from training.evaluation.measure import Manner, measure
from training.evaluation.sets import TopicSet
from training.fitting.families import Family
from training.fitting.values import Fit

SEEDS = 2
MOST = 8
"""People that are left out in turn, those with most examples."""
Values = dict[str, float]  # topic -> NDCG@10


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What is repeated: `fit` as the update was given it (its `out` is not used, cells that are done are kept in its `scratch`), whose
    judgements are behind which examples (pseudonyms by example id), the lists to measure on, and how often.
    """

    fit: Fit
    people: Mapping[str, Sequence[str]]
    lists: TopicSet
    seeds: int = SEEDS
    most: int = MOST


def influence(family: Family, inquiry: Inquiry) -> dict[str, Any]:
    """{"measure", "note", "noise", "seeds", "left_out", "rows": [{"person", "examples", "value", "low", "high", "n", "by_seed"}]}.

    All examples of the version are learned in the supervised step, whichever stage they were for, so that every correction counts. An
    example that several people judged is left out with each of them. Rows are sorted by their effect. Raises InputError where there is
    no list or nobody to leave out, or where one person has all examples; Cancelled.
    """
    persons = _persons(inquiry)
    seeds = [inquiry.fit.seed + at for at in range(max(1, inquiry.seeds))]
    cells = [(person, seed) for person in ("", *persons) for seed in seeds]
    values: dict[tuple[str, int], Values] = {}
    for at, (person, seed) in enumerate(cells):
        watch = inquiry.fit.watch.part(at / len(cells), (at + 1) / len(cells))
        watch.tell(0.0)
        values[person, seed] = _cell(family, inquiry, person, seed, watch)
    rows = [_row(inquiry, person, seeds, values) for person in persons]
    noise = _noise(seeds, values)
    return {
        "measure": f"NDCG@10 on {SETS['people' if inquiry.lists.name == 'people' else 'gold']}",
        "note": _note(noise, len(seeds), len(inquiry.lists.topics)),
        "noise": None if noise is None else {"value": noise.mean, "low": noise.low, "high": noise.high},
        "seeds": seeds,
        "left_out": len({one for people in inquiry.people.values() for one in people}) - len(persons),
        "rows": sorted(rows, key=lambda row: (-row["value"], row["person"])),
    }


def _persons(inquiry: Inquiry) -> list[str]:
    """Who is left out in turn: those with most examples first."""
    total = {example["id"] for example in inquiry.fit.version.examples()}
    counts: dict[str, int] = {}
    for example, people in inquiry.people.items():
        for person in people if example in total else ():
            counts[person] = counts.get(person, 0) + 1
    if not inquiry.lists.topics:
        raise InputError(
            "there is no list to measure an influence on: judge held-out queries, or keep the demo's questions out of training"
        )
    if not counts:
        raise InputError("nobody's correction is in this data set: an influence can be measured once people have judged lists")
    whole = [person for person, count in counts.items() if count == len(total)]
    if whole:
        raise InputError("every example is one person's: without them nothing is left to learn from, and nothing to compare with")
    return sorted(counts, key=lambda person: (-counts[person], person))[: inquiry.most]


def _cell(family: Family, inquiry: Inquiry, person: str, seed: int, watch: Watch) -> Values:
    """NDCG@10 by topic of a model trained without somebody (nobody for ""); found again where it was measured before."""
    fit = inquiry.fit
    kept = fit.scratch / f"{content_hash([fit.recipe.text, fit.version.id, str(fit.base), inquiry.lists.hash, person, str(seed)])}.json"
    if kept.is_file():
        found: Values = json.loads(kept.read_text(encoding="utf-8"))
        return found
    folder = fit.scratch / "cell"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("version", "out", "scratch"):
        (folder / name).mkdir(parents=True)
    theirs = {example for example, people in inquiry.people.items() if person in people}
    version = without(fit.version, theirs, folder / "version")
    family.sft(
        replace(fit, version=version, out=folder / "out", scratch=folder / "scratch", seed=seed, watch=watch.part(0.0, 0.6)),
    )
    values = _measured(family, folder / "out", inquiry, watch.part(0.6, 1.0))
    shutil.rmtree(folder)
    aside = kept.with_suffix(".part")
    aside.write_text(json.dumps(values), encoding="utf-8")
    os.replace(aside, kept)
    return values


def _measured(family: Family, weights: Path, inquiry: Inquiry, watch: Watch) -> Values:
    backend = family.backend(weights)
    try:
        found = measure(backend, inquiry.fit.recipe.template, [inquiry.lists], Manner(timed=0, watch=watch))
    finally:
        asyncio.run(backend.aclose())
    return dict(found.values[inquiry.lists.name])


def without(version: Version, left_out: set[str], folder: Path) -> Version:
    """A copy of a version without some examples, all others in the stage `sft`; for training alone, it can't be loaded as a version."""
    with (folder / EXAMPLES).open("wb") as file:
        file.writelines(_kept(version, left_out))
    for name in (TEXTS, VERDICTS):
        shutil.copyfile(version.folder / name, folder / name)
    identity = content_hash([version.id, "sft only", *sorted(left_out)])
    return Version(folder=folder, manifest={**version.manifest, "id": identity * 2})


def _kept(version: Version, left_out: set[str]) -> Iterator[bytes]:
    return (line({**example, "split": "sft"}) for example in version.examples() if example["id"] not in left_out)


def _row(inquiry: Inquiry, person: str, seeds: Sequence[int], values: Mapping[tuple[str, int], Values]) -> dict[str, Any]:
    """The effect of one person: per topic the mean over seeds, then the interval over topics."""
    by_seed = {seed: _apart(values["", seed], values[person, seed]) for seed in seeds}
    found = bootstrap([fmean(by_seed[seed][at] for seed in seeds) for at in range(len(by_seed[seeds[0]]))])
    return {
        "person": person, "examples": sum(person in people for people in inquiry.people.values()), "value": found.mean,
        "low": found.low, "high": found.high, "n": found.n, "by_seed": [fmean(by_seed[seed]) for seed in seeds],
    }  # fmt: skip


def _noise(seeds: Sequence[int], values: Mapping[tuple[str, int], Values]) -> Interval | None:
    """What the seed alone changes: the second training with all examples minus the first."""
    return bootstrap(_apart(values["", seeds[1]], values["", seeds[0]])) if len(seeds) > 1 else None


def _apart(first: Values, second: Values) -> list[float]:
    return [first[topic] - second[topic] for topic in sorted(first)]


def _note(noise: Interval | None, seeds: int, lists: int) -> str:
    how = (
        f"The supervised step was repeated without each person in turn, {seeds} times, and measured on {lists} lists; above 0, the model is"
    )
    how += " better with their corrections."
    if noise is None:
        return f"{how} With one seed nothing is known of how much chance moves these numbers."
    return (
        f"{how} Two trainings with the same corrections and another seed differ by {noise.mean:+.4f} "
        f"[{noise.low:+.4f}, {noise.high:+.4f}]: an effect of that size says nothing."
    )
