"""README.md of a version: what it holds, how it was made, under which licences, and what it can't be used for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_EMBEDDED = (
    "**Made with the embedded teacher.** It reads six figures per passage (shared words, similar meaning and the like), not the text. "
    "Its orders and traces show that the pipeline works; they are not evidence of reading and teach a larger model nothing of it."
)


def card(manifest: Mapping[str, Any]) -> str:
    """The card in Markdown. Everything in it comes from the manifest, so that it can be made again."""
    counts = manifest["counts"]
    parts = [
        f"# {_plain(manifest['name'])}",
        f"Training data for listwise reranking: {counts['examples']:,} examples of {counts['items']:,} items. "
        f"Version `{manifest['id'][:16]}`, schema `{manifest['schema']}`. Made by ReasonRank Studio.",
        *([_EMBEDDED] if manifest["embedded"] else []),
        "## What became of the items",
        _fates(counts),
        _table("filter", ("threshold", "dropped", "by it alone"), _filters(manifest)),
        "## What is in it",
        _table("domain", ("items", "examples", "kept"), _domains(counts)),
        _table("feature", ("value", "examples"), _features(counts)),
        "## Licences",
        _licences(manifest["licences"]),
        "## How it was made",
        _made(manifest),
        "## Limits",
        "\n".join(f"- {said}" for said in _limits(manifest)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _fates(counts: Mapping[str, Any]) -> str:
    dropped = counts["made"] - counts["examples"]
    return (
        f"Of {counts['items']:,} items {counts['examples']:,} were kept, {dropped:,} were dropped by a filter, {counts['empty']:,} had no "
        f"usable list and {counts['failed']:,} failed. `verdicts.jsonl` has a line for each of them, with every score and reason."
    )


def _filters(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    counts = manifest["counts"]
    return {
        name: (f"{bound:g}", f"{counts['dropped_by'].get(name, 0):,}", f"{counts['dropped_by_one'].get(name, 0):,}")
        for name, bound in manifest["thresholds"].items()
    }


def _domains(counts: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    kept = counts["domain"]
    return {
        domain: (f"{before:,}", f"{kept.get(domain, 0):,}", f"{kept.get(domain, 0) / before:.0%}")
        for domain, before in counts["before"].items()
    }


def _features(counts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    named = {"stage": "stage", "labelled_by": "labels of", "order_by": "order of", "source": "source"}
    rows = [(said, value, f"{number:,}") for key, said in named.items() for value, number in counts[key].items()]
    return [*rows, ("trace", "with", f"{counts['with_trace']:,}"), ("trace", "without", f"{counts['examples'] - counts['with_trace']:,}")]


def _licences(licences: Mapping[str, int]) -> str:
    if not licences:
        return "There is no example, so there is no licence."
    lines = "\n".join(f"- {_plain(name)}: {number:,} examples" for name, number in licences.items())
    return f"Every example names the licence of its source; `not stated` means that the recipe gave none.\n\n{lines}"


def _made(manifest: Mapping[str, Any]) -> str:
    recipe = manifest["recipe"]
    teacher = _plain(manifest["teacher"] or "none")
    revision = f" (revision `{_plain(manifest['revision'])}`)" if manifest["revision"] else ""
    lines = [
        f"- Teacher: {teacher}{revision}. It saw the gold answer when it marked passages, never when it ranked them.",
        f"- Recipe: {_plain(recipe['name'] or 'none')}, sha256 `{recipe['sha256'][:16]}`; its text and the prompts are in `manifest.json`.",
        f"- Sources: {', '.join(_plain(name) for name in manifest['sources']) or 'not named'}.",
        f"- Program: {_plain(manifest['code'] or 'revision not known')}.",
    ]
    return "\n".join(lines)


def _limits(manifest: Mapping[str, Any]) -> list[str]:
    counts, said = manifest["counts"], []
    said.append(f"{manifest['holdout_refused']:,} items were refused because their queries are for evaluation only.")
    teacher = counts["labelled_by"].get("teacher", 0)
    if teacher:
        said.append(f"{teacher:,} examples are labelled by the teacher alone: labels and orders can share its mistakes.")
    if counts["examples"] > counts["with_trace"]:
        without = counts["examples"] - counts["with_trace"]
        said.append(f"{without:,} examples have an order without a trace: they can't teach a model how to reason, only what to prefer.")
    said.append("A query's stage (SFT or RL) follows from a hash of its text: the same query is never in both.")
    said.append("Filters are rules, not readers: what passes them can still be wrong.")
    return said


def _table(first: str, columns: tuple[str, ...], rows: Mapping[str, tuple[str, ...]] | list[tuple[str, str, str]]) -> str:
    flat = [(name, *cells) for name, cells in rows.items()] if isinstance(rows, Mapping) else rows
    if not flat:
        return ""
    head = [f"| {first} | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    return "\n".join([*head, *("| " + " | ".join(_plain(cell) for cell in row) + " |" for row in flat)])


def _plain(text: str) -> str:
    """A name as one line of Markdown that can't be taken for markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
