"""Declarations of suites: TOML files beside this one, read and checked, and any folder in BEIR's layout as a suite of one set."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import InputError, SettingsError
from .values import KINDS, Hub, Kind, Suite, TestSet

FOLDER = Path(__file__).resolve().parent
# Names of the suites there are; a file each.
SUITES: dict[str, Path] = {
    name: FOLDER / f"{name}.toml"
    for name in ("bright", "bright-long", "bright-fixed", "r2med", "beir", "dl19", "dl20", "noveleval", "demo")
}
_SUITE = frozenset(
    (
        "name", "title", "about", "measures", "primary", "passage_tokens", "depth", "licence", "source", "first_stage", "published", "note",
        "variant_of", "download", "files", "hub", "sets", "like",
    )
)  # fmt: skip
_SET = frozenset(("name", "title", "label", "names", "topics", "in_source", "files", "hashes", "runs", "licence", "hub"))
_BEIR: Mapping[Kind, tuple[str, ...]] = {
    "qrels": ("qrels/test.tsv", "qrels.tsv", "qrels.txt", "qrels/dev.tsv", "qrels/train.tsv"),
    "topics": ("queries.jsonl", "queries.jsonl.gz", "queries.tsv"),
    "corpus": ("corpus.jsonl", "corpus.jsonl.gz", "corpus.tsv", "corpus.parquet"),
    "run": ("*.run", "*.run.gz", "run.*", "runs/*"),
    "excluded": ("excluded.tsv", "excluded.txt"),
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@functools.cache
def suite(name: str) -> Suite:
    """A suite by its name. Raises SettingsError listing the names there are, or naming the key of a declaration that is wrong."""
    if name not in SUITES:
        raise SettingsError(f"suite {name!r} is unknown: use {', '.join(SUITES)}, or a folder in BEIR's layout")
    return read_suite(SUITES[name].read_text(encoding="utf-8"))


def suite_or_folder(name: str) -> Suite:
    """A suite by its name, or a folder as a suite where the name is the path of one. Raises SettingsError or InputError."""
    return suite(name) if name in SUITES or not Path(name).is_dir() else folder_suite(Path(name))


def folder_suite(path: Path) -> Suite:
    """A folder in BEIR's layout as a suite of one set: queries.jsonl, corpus.jsonl, qrels/test.tsv and perhaps runs beside them.

    Raises InputError where the folder has no qrels.
    """
    if not any((path / "qrels").glob("*.tsv")) and not any(path.glob("qrels*")):
        raise InputError(f"folder {path.name!r} has no qrels: BEIR's layout is queries.jsonl, corpus.jsonl and qrels/test.tsv")
    name = path.resolve().name
    return Suite(
        name=name,
        title=name,
        about="A folder in BEIR's layout",
        sets=(TestSet(name=name, title=name, label=name, names=(name,), files=_BEIR),),
        source=f"folder {name}",
        download="queries.jsonl, corpus.jsonl and qrels/test.tsv, as the BEIR benchmark publishes them",
    )


def read_suite(source: str) -> Suite:
    """A suite from TOML text. Raises SettingsError naming the key that is missing, unknown or wrong."""
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the declaration of a suite is not TOML: {error}") from error
    if "like" in data:
        data = _merged(tomllib.loads(SUITES[data["like"]].read_text(encoding="utf-8")), data)
    name = str(data.get("name", ""))
    _known(data, _SUITE, f"suite {name!r}")
    for key in ("name", "title", "sets"):
        if not data.get(key):
            raise SettingsError(f"suite {name!r} has no {key!r}: write it into its declaration")
    files = _files(data.pop("files", {}), name)
    hub = data.pop("hub", {})
    sets = tuple(_set(one, files, hub, str(data.get("licence", ""))) for one in data.pop("sets"))
    if len({one.name for one in sets}) < len(sets):
        raise SettingsError(f"suite {name!r} names a set twice: names must differ")
    data.pop("like", None)
    return Suite(**{**data, "measures": tuple(data["measures"])} if "measures" in data else data, sets=sets)


def _merged(base: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A declaration `like` another one: its own keys win; its sets are those of the other by name, with their own keys on top."""
    sets = {one["name"]: one for one in base["sets"]}
    if "sets" in data:
        data["sets"] = [{**sets.get(one.get("name", ""), {}), **one} for one in data["sets"]]
    hub = {**base.get("hub", {}), **data.get("hub", {})}
    return {**base, **data, "hub": hub}


def _set(one: Mapping[str, Any], files: Mapping[Kind, tuple[str, ...]], hub: Mapping[str, Any], licence: str) -> TestSet:
    name = str(one.get("name", ""))
    _known(one, _SET, f"set {name!r}")
    if not name:
        raise SettingsError("a set has no 'name': write it into its declaration")
    for what, value in {**one.get("hashes", {}), **one.get("runs", {})}.items():
        if not _SHA256.fullmatch(str(value)):
            raise SettingsError(f"set {name!r} has a hash of {what!r} that is no sha256 in 64 hex digits")
    return TestSet(
        name=name,
        title=one.get("title", name),
        label=one.get("label", one.get("title", name)),
        names=tuple(one.get("names", ())) or (name,),
        topics=one.get("topics"),
        in_source=bool(one.get("in_source", False)),
        files={**files, **_files(one.get("files", {}), name)},
        hashes=dict(one.get("hashes", {})),
        runs=dict(one.get("runs", {})),
        licence=one.get("licence", licence),
        hub=_hub({**hub, **one.get("hub", {})}, name),
    )


def _files(given: Mapping[str, Any], name: str) -> dict[Kind, tuple[str, ...]]:
    _known(given, frozenset(KINDS), f"files of {name!r}")
    return {cast(Kind, kind): tuple(patterns) for kind, patterns in given.items()}


def _hub(given: Mapping[str, Any], name: str) -> Hub | None:
    """Ids, configs and splits with the set's name filled in: {name}, {dash} with dashes for underscores."""
    if not given.get("id"):
        return None

    def filled(value: Any) -> str:
        return str(value).replace("{name}", name).replace("{dash}", name.replace("_", "-"))

    _known(given, frozenset(("id", "topics", "corpus", "qrels", "gold")), f"hub of {name!r}")
    topics, corpus = ([filled(part) for part in given[key]] for key in ("topics", "corpus"))
    qrels = [filled(part) for part in given.get("qrels", ("", "", ""))]
    return Hub(
        id=filled(given["id"]),
        topics=(topics[0], topics[1]),
        corpus=(corpus[0], corpus[1]),
        qrels=(qrels[0], qrels[1], qrels[2]),
        gold=str(given.get("gold", "")),
    )


def _known(given: Mapping[str, Any], names: frozenset[str], what: str) -> None:
    unknown = set(given) - names
    if unknown:
        raise SettingsError(f"{what}: keys {sorted(unknown)} are unknown, known are {', '.join(sorted(names))}")
