"""Ten differences to plant between two evaluations of one world, six of them in files of which no setting speaks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from app.ranking.evaluation.bundles.of_run import RunFiles, of_run
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header
from app.ranking.formats.trec import read_qrels, write_qrels
from app.ranking.strategies import Sliding

from .world import SETS, Settings, World

Plant = Callable[[World, random.Random], Settings]


def prompt_byte(world: World, dice: random.Random) -> Settings:
    """One byte of the profile's file, its name untouched."""
    path = world.folder / "plain.toml"
    text = path.read_text()
    places = [at for at in range(text.index('text = "') + 8, text.index("{query}")) if text[at] == "e"]
    at = dice.choice(places)
    path.write_text(f"{text[:at]}E{text[at + 1 :]}")
    return Settings()


def template(world: World, dice: random.Random) -> Settings:
    return Settings(profile="other.toml")


def truncation(world: World, dice: random.Random) -> Settings:
    """Passages of the corpus files end after some words."""
    words = dice.randrange(12, 20)
    for name in SETS:
        path = world.path(name, "corpus.jsonl")
        records = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps({**one, "text": " ".join(one["text"].split()[:words])}) + "\n" for one in records))
    return Settings()


def missing_topics(world: World, dice: random.Random) -> Settings:
    """Topics taken out of a run file."""
    path = world.path(dice.choice(SETS), "run")
    gone = {str(topic) for topic in dice.sample(range(8), 2)}
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if line.split()[0] not in gone))
    return Settings()


def seed(world: World, dice: random.Random) -> Settings:
    return Settings(seed=dice.randrange(2, 1000))


def revision(world: World, dice: random.Random) -> Settings:
    return Settings(revision=f"r{dice.randrange(2, 1000)}")


def window_size(world: World, dice: random.Random) -> Settings:
    return Settings(strategy=Sliding(size=dice.choice((6, 10, 12)), step=4))


def qrels(world: World, dice: random.Random) -> Settings:
    """Judgements taken away, added and graded otherwise on some topics of one file."""
    path = world.path(dice.choice(SETS), "qrels")
    judged = read_qrels(path.read_text())
    for topic in dice.sample(list(judged), 4):
        for id_ in dice.sample(list(judged[topic]), 2):
            del judged[topic][id_]
        judged[topic] |= {id_: 2 for id_ in dice.sample([f"{path.stem}-{topic}-{n}" for n in range(24)], 3)}
    path.write_text("".join(write_qrels(judged)))
    return Settings()


def dropped_lines(world: World, dice: random.Random) -> Settings:
    """Lines taken out of a run file."""
    for name in SETS:
        path = world.path(name, "run")
        path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if dice.random() > 0.15))
    return Settings()


PLANTS: dict[str, Plant] = {
    "prompt": prompt_byte,
    "template": template,
    "truncation": truncation,
    "missing topics": missing_topics,
    "seed": seed,
    "model revision": revision,
    "window size": window_size,
    "qrels": qrels,
    "dropped lines": dropped_lines,
}
"""Name that the cause must have -> what is done to the world before it is evaluated again."""
IN_DATA = ("prompt", "truncation", "missing topics", "qrels", "dropped lines", "ties")
CAUSES = (*PLANTS, "ties")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Two bundles between which one thing differs."""

    cause: str
    first: Bundle
    second: Bundle


def planted(cause: str, folder: Path, number: int) -> Planted:
    """The world `number` evaluated, changed, and evaluated again."""
    world, dice = World(folder / "world", number), random.Random(f"{cause} {number}")
    first = world.evaluated(folder / "first")
    if cause == "ties":
        second = with_ties(first, folder / "second", dice)
    else:
        second = world.evaluated(folder / "second", PLANTS[cause](world, dice))
    return Planted(cause=cause, first=first, second=second)


def with_ties(bundle: Bundle, out: Path, dice: random.Random) -> Bundle:
    """The bundle's run files with their scores rounded so that neighbours are equal, in the order they had; nothing else changes."""
    step = dice.choice((3, 4, 5))
    sources = []
    for name in SETS:
        path = out.with_name(f"{name}.tied.run")
        lines = [line.split() for line in (bundle.folder / f"runs/{name}.run").read_text().splitlines()]
        path.write_text("".join(f"{a} {b} {c} {d} {float(e) // step} {f}\n" for a, b, c, d, e, f in lines))
        first, judged = bundle.folder / f"first/{name}.run", bundle.folder / f"qrels/{name}.qrels"
        sources.append(RunFiles(name=name, run=path, qrels=judged, first=first))
    return of_run(sources, header_of(bundle), out)


def header_of(bundle: Bundle) -> Header:
    """What a bundle says of itself, as a header to write it again with."""
    plain = {field.name: bundle.manifest[field.name] for field in fields(Header)}
    return Header(**{**plain, "measures": tuple(plain["measures"]), "notes": tuple(plain["notes"])})
