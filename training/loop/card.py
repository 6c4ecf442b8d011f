"""The folder of a version: its weights, what they were made of and measured by, and the card that says all of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decide import Candidate

CARD, FACTS, CURVES, COMPLETIONS = "README.md", "training.json", "curves.jsonl", "completions.jsonl"
_OWN = (CARD, FACTS, CURVES, COMPLETIONS)
_EMBEDDED = (
    "It reads six digits of evidence per passage and no text: whatever the evidence does not show, it can't know.",
    "English evidence; lists of up to 40 passages.",
)


def write_folder(folder: Path, candidate: Candidate, report: Mapping[str, Any]) -> None:
    """Fill a version's folder: the weights of the last step, curves of all steps, completions, facts and card."""
    shutil.copytree(candidate.last.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_OWN), copy_function=shutil.copyfile)
    for name in (CURVES, COMPLETIONS):
        _joined([step.folder / name for _, step in candidate.fitted], folder / name)
    facts = {**report, "learned": None}  # texts of judged queries stay in the database
    (folder / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card(report), encoding="utf-8")


def _joined(files: Sequence[Path], target: Path) -> None:
    there = [file for file in files if file.is_file()]
    if there:
        with target.open("wb") as joined:
            for file in there:
                with file.open("rb") as part:
                    shutil.copyfileobj(part, joined)


def card(report: Mapping[str, Any]) -> str:
    """README.md of a version: what it is, how it was made, how it was measured, what was decided, and what it can't do."""
    facts = report["facts"]
    counts = facts["dataset"]
    head = ["---", "library_name: transformers", "pipeline_tag: text-generation", "tags: [reranking, listwise]", "---"]
    lines = [
        *head, f"# {facts['model']}, version {facts['id'][:12]}", "",
        f"Trained by ReasonRank Studio with the recipe `{facts['recipe']}`, seed {facts['seed']}, "
        + ("from scratch" if facts["from_scratch"] else f"from version `{(facts['base'] or 'the published weights')[:12]}`")
        + f", on data set `{counts['dataset'][:16]}` ({counts['examples']} examples), by code `{facts['code'] or 'unknown'}`.", "",
        "## Made by", "", "| step | rows | optimizer steps | seconds | left out |", "|---|---:|---:|---:|---:|",
        *(_step(name, step) for name, step in facts["steps"].items()), "",
        "Curves are in `curves.jsonl`, answers that were tried in `completions.jsonl` (if any), everything else in `training.json`.", "",
        "## Measured", "", *table_lines(report.get("table")), "",
        "## Decided", "", _plain(report["decision"]["reason"]) + ".", "",
        "| check | passed | what was found |", "|---|---|---|",
        *(_check(one) for one in report["decision"]["checks"]), "",
        "## What it can't do", "", *(f"- {line}" for line in limits(report)), "",
    ]  # fmt: skip
    return "\n".join(lines)


def limits(report: Mapping[str, Any]) -> list[str]:
    """Sentences about what not to expect."""
    smallest = report["decision"].get("smallest")
    found = list(_EMBEDDED) if report["facts"]["model"] == "nano" else []
    found.append("It was measured on the lists named above alone; on other topics and languages nothing is known of it.")
    if smallest:
        found.append(f"Differences below {smallest:.3f} NDCG@10 could not have been seen with so many lists.")
    found.append("It was trained on people's judgements and repeats their mistakes.")
    return found


def _check(one: Mapping[str, Any]) -> str:
    return f"| {_plain(one['name'])} | {'yes' if one['passed'] else 'no'} | {_plain(one['text'])} |"


def _step(name: str, step: Mapping[str, Any]) -> str:
    left = sum(step.get("refused", {}).values())
    return f"| {name} | {step.get('rows', '')} | {step.get('steps', '')} | {step.get('seconds', 0.0):.1f} | {left} |"


def table_lines(table: Mapping[str, Any] | None) -> list[str]:
    """The honest table as lines of Markdown."""
    from training.evaluation.table import markdown

    return markdown(table).splitlines() if table else ["It was not measured."]


def _plain(text: str) -> str:
    """Text of others in a table cell: no markup, one line."""
    return " ".join(str(text).replace("|", "/").replace("<", "(").replace(">", ")").split())
