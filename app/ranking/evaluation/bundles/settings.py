"""Which settings of two bundles differ, by what they say of themselves. Data may differ all the same: see `causes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .read import Bundle

Differing = tuple[str, Any, Any]
"""(name, the first's value, the second's)."""
# Settings that a run file has no word for: empty on one side is not known, which is no difference.
_TABLES = ("model", "profile", "strategy", "thinking", "sampling")
SEEDS = ("seed", "shuffle")
_PLAIN = ("depth", "limit", "passage_tokens")


def differing(first: Bundle, second: Bundle) -> tuple[Differing, ...]:
    """Settings known of both that differ, by name ("strategy.size"), with the values; hashes of whole files come as "hashes.SET.qrels".

    A seed stands by itself, wherever it is kept. The date, and what the bundles are called, are no settings.
    """
    one, other = first.manifest, second.manifest
    found: list[Differing] = []
    for name in _TABLES:
        found += _table(name, one.get(name) or {}, other.get(name) or {})
    if one.get("profile") and other.get("profile"):
        found += _value("fusion", one.get("fusion"), other.get("fusion"))
    for name in _PLAIN:
        known = one.get(name) is not None and other.get(name) is not None and (name == "limit" or (one[name] and other[name]))
        found += _value(name, one.get(name), other.get(name)) if known else []
    found += _value("seed", *_seeds(one, other))
    found += _sets(one, other)
    made, made_other = one.get("made") or {}, other.get("made") or {}
    for name in ("commit", "python"):
        found += _value(f"made.{name}", made.get(name), made_other.get(name)) if made.get(name) and made_other.get(name) else []
    return tuple(found + _packages(made.get("packages") or {}, made_other.get("packages") or {}))


def _packages(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Differing]:
    return [(f"made.packages.{name}", one[name], other[name]) for name in one if name in other and one[name] != other[name]]


def _seeds(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Any, Any]:
    """The seeds of both: of strategy and decoding where both are known, else the bundles' own. A seed that is not known is no other."""
    if all(manifest.get("strategy") or manifest.get("sampling") for manifest in (one, other)):
        pairs = [inner_seeds(manifest.get("strategy") or {}) + inner_seeds(manifest.get("sampling") or {}) for manifest in (one, other)]
    else:
        pairs = [[], []]
    own = [manifest.get("seed") for manifest in (one, other)]
    if None not in own:
        pairs = [[*seeds, seed] for seeds, seed in zip(pairs, own, strict=True)]
    first, second = (list(dict.fromkeys(seeds)) for seeds in pairs)
    return _alone(first), _alone(second)


def _alone(seeds: list[Any]) -> Any:
    return seeds[0] if len(seeds) == 1 else seeds or None


def inner_seeds(table: Mapping[str, Any]) -> list[Any]:
    """Seeds of a table and of the tables in it."""
    inner = [inner_seeds(value) for value in table.values() if isinstance(value, Mapping)]
    return [table[name] for name in SEEDS if name in table] + [seed for seeds in inner for seed in seeds]


def _sets(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Differing]:
    theirs = {item["name"]: item for item in other.get("sets", ())}
    found: list[Differing] = []
    for item in one.get("sets", ()):
        hashes, others = item.get("hashes") or {}, (theirs.get(item["name"]) or {}).get("hashes") or {}
        for kind in hashes:
            if hashes[kind] and others.get(kind) and hashes[kind] != others[kind]:
                found.append((f"hashes.{item['name']}.{kind}", hashes[kind], others[kind]))
    return found


def _table(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Differing]:
    if not one or not other:
        return []
    found: list[Differing] = []
    for key in dict.fromkeys((*one, *other)):
        ours, theirs = one.get(key), other.get(key)
        if key in SEEDS or (name == "model" and "" in (ours, theirs)):  # a revision that is not known is no other one
            continue
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            found += _table(f"{name}.{key}", ours, theirs)
        else:
            found += _value(f"{name}.{key}", ours, theirs)
    return found


def _value(name: str, one: Any, other: Any) -> list[Differing]:
    return [(name, one, other)] if one != other else []
