"""What was evaluated, how to have it again, and what the measures mean."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.reporting.shown import Shown, measures
from app.reporting.text import DASH, number, percent, plural, printable, short, whole

_HASH = 16  # digits shown of a hash
_LONGEST = 240  # characters of a fact
_BUILT_IN = ("nano", "signals", "first_stage")  # models that come with what they are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table: its head, and a cell for each bundle."""

    head: str
    cells: tuple[str, ...]


def facts(shown: Sequence[Shown]) -> tuple[Row, ...]:
    """One row a fact, a cell a bundle; facts that no bundle knows are left out."""
    rows = [_row(head, [of(one.manifest) for one in shown]) for head, of in _FACTS.items()]
    return tuple(row for row in rows if any(cell != DASH for cell in row.cells))


def packages(shown: Sequence[Shown]) -> tuple[Row, ...]:
    """Versions of libraries, where they are known."""
    made = [one.manifest.get("made") or {} for one in shown]
    names = sorted({name for one in made for name in one.get("packages") or {}})
    return tuple(_row(name, [(one.get("packages") or {}).get(name) for one in made]) for name in names)


def hashes(shown: Sequence[Shown]) -> tuple[Row, ...]:
    """sha256 of what the sets were read from, in full."""
    names = dict.fromkeys((name, part) for one in shown for name, about in one.sets.items() for part in about["hashes"])
    rows = (_row(f"{name}: {part}", [(one.sets.get(name) or {}).get("hashes", {}).get(part) for one in shown]) for name, part in names)
    return tuple(row for row in rows if any(cell != DASH for cell in row.cells))


def _row(head: str, values: Sequence[Any]) -> Row:
    return Row(head=short(head, _LONGEST), cells=tuple(short(_told(value), _LONGEST) for value in values))


def _told(value: Any) -> str:
    """A value as people read it; a dash for what is not known."""
    if value is None or value == "" or value == {} or value == []:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {told}" for name, inner in value.items() if (told := _told(inner)) != DASH)
    if isinstance(value, (list, tuple)):
        return ", ".join(_told(inner) for inner in value)
    return str(value)


def _named(about: Any) -> Any:
    """{"name": "sliding", "size": 20} as "sliding, size 20"; what is off (None, no, nothing) is left out."""
    if not isinstance(about, Mapping):
        return about
    rest = {name: value for name, value in about.items() if name not in ("name", "mode") and value not in (None, False, "")}
    parts = [_told(about.get("name", about.get("mode", ""))), _told(rest)]
    return ", ".join(part for part in parts if part != DASH)


def _model(manifest: Mapping[str, Any]) -> Any:
    model = manifest.get("model") or {}
    return model.get("name")


def _revision(commit: str) -> str:
    """A commit, and whether files differed from it."""
    return commit[:_HASH] + (", with changes" if commit.endswith("-dirty") else "")


def _limits(manifest: Mapping[str, Any]) -> str:
    depth, limit, tokens = manifest.get("depth") or 0, manifest.get("limit") or 0, manifest.get("passage_tokens")
    parts = [f"{plural(depth, 'candidate')} a topic" if depth else "", f"the first {plural(limit, 'topic')} of each set" if limit else ""]
    return ", ".join([*(part for part in parts if part), *([f"passages cut after {whole(tokens)} tokens"] if tokens else [])])


_FACTS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "Name": lambda m: m.get("name"),
    "Suite": lambda m: m.get("suite"),
    "Model": _model,
    "Revision": lambda m: (m.get("model") or {}).get("revision"),
    "Engine": lambda m: _named((m.get("model") or {}).get("engine")),
    "Prompt profile": lambda m: _named(m.get("profile")),
    "Strategy": lambda m: _named(m.get("strategy")),
    "Thinking": lambda m: _named(m.get("thinking")),
    "Fusion with the first stage": lambda m: _named(m.get("fusion")),
    "Sampling": lambda m: m.get("sampling"),
    "Seed": lambda m: m.get("seed"),
    "Limits": _limits,
    "Made": lambda m: (m.get("made") or {}).get("date"),
    "Code": lambda m: _revision(str((m.get("made") or {}).get("commit") or "")),
    "Python": lambda m: (m.get("made") or {}).get("python"),
    "Bundle": lambda m: str(m.get("id") or "")[:_HASH],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a ranking took, a topic on average."""

    letter: str
    name: str
    topics: int
    calls: int
    requests: int
    per_topic: Mapping[str, str]
    outcomes: str
    clean: str


def usage(shown: Sequence[Shown]) -> tuple[Used, ...]:
    """Calls, tokens and seconds a topic, and how calls ended."""
    return tuple(_used(one) for one in shown)


def _used(one: Shown) -> Used:
    used, ended = one.manifest.get("usage") or {}, one.manifest.get("outcomes") or {}
    topics, calls = int(used.get("topics") or 0), int(used.get("calls") or 0)

    def each(name: str, places: int = 0) -> str:
        return f"{float(used.get(name) or 0) / topics:,.{places}f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if topics and calls else DASH

    per_topic = {"calls": each("calls", 1), "read": each("tokens_in"), "written": each("tokens_out"), "seconds": each("seconds", 2)}
    text = ", ".join(f"{whole(count)} {kind.replace('_', ' ')}" for kind, count in ended.items() if count)
    clean = percent(ended.get("clean", 0) / sum(ended.values()), 1) if ended and sum(ended.values()) else DASH
    requests = int(used.get("requests") or calls)
    return Used(
        letter=one.letter, name=one.name, topics=topics, calls=calls, requests=requests, per_topic=per_topic, outcomes=text or DASH,
        clean=clean,
    )  # fmt: skip


def reproduce(one: Shown) -> tuple[str, ...]:
    """Commands that make the bundle again, where its maker's arguments are known, and that score its runs again in any case."""
    manifest = one.manifest
    lines = [_evaluate(manifest)] if manifest.get("suite") and _model(manifest) else []
    metrics = shlex.quote(",".join(one.bundle.measures))
    for name in one.sets:
        files = (shlex.quote(f"{one.bundle.folder.name}/{part}") for part in (f"runs/{name}.run", f"qrels/{name}.qrels"))
        run, qrels = files
        lines.append(f"python -m app evaluate --run {run} --qrels {qrels} --metrics {metrics}")
    return tuple(lines)


def _evaluate(manifest: Mapping[str, Any]) -> str:
    strategy, thinking, fusion = (manifest.get(name) or {} for name in ("strategy", "thinking", "fusion"))
    words: list[Any] = ["--suite", manifest["suite"]]
    words += ["--retrieval", "RUNS", "--data", "DATA"] if manifest["suite"] != "demo" else []
    words += ["--model", _model(manifest)]
    profile = (manifest.get("profile") or {}).get("name")
    words += ["--profile", profile] if profile and _model(manifest) not in _BUILT_IN else []
    words += ["--strategy", strategy["name"]] if strategy.get("name") else []
    for name, value in strategy.items():
        if name != "name" and value is not None:
            words += ["--set", f"{name}={json.dumps(value)}"]
    words += ["--thinking", thinking["mode"]] if thinking.get("mode") else []
    words += ["--budget", thinking["budget"]] if thinking.get("budget") else []
    settle = thinking.get("settle") or {}
    words += ["--settle-top", settle["top"]] if settle.get("top") else []
    words += ["--settle-after", settle["patience"]] if settle.get("patience") else []
    words += ["--fuse", fusion["weight"]] if fusion.get("weight") is not None else []
    numbers = {"depth": "--depth", "limit": "--limit", "passage_tokens": "--passage-tokens"}
    words += [word for name, flag in numbers.items() if manifest.get(name) for word in (flag, manifest[name])]
    return " ".join(["python -m app evaluate", *(shlex.quote(printable(word)) for word in words)])


_FAMILIES = {
    "nDCG": "Normalised discounted cumulative gain{of}: the grades of the passages{cut}, each divided by log2(rank + 1), over the same sum"
    " for the best possible order of all judged passages. 1 is a perfect order. Gain is the grade itself (linear).",
    "R": "Recall: the share of a topic's relevant passages{cut}. What the first stage did not find no reranking can add.",
    "P": "Precision: the share of the passages{cut} that are relevant.",
    "RR": "Reciprocal rank: 1 / rank of the first relevant passage{cut}, 0 where there is none.",
    "AP": "Average precision: the mean over all relevant passages of the precision at the rank of each{cut}, 0 for those not found.",
    "Success": "1 where at least one passage{cut} is relevant, else 0.",
    "RBO": "Rank-biased overlap with another run: 1 for the same order; places near the top weigh most (Webber et al. 2010).",
}


def definitions(shown: Sequence[Shown]) -> tuple[tuple[str, str], ...]:
    """Each measure of the report with what it is."""
    return tuple((name, _definition(name)) for name in measures(shown))


def _definition(name: str) -> str:
    found = re.match(r"(?P<family>[A-Za-z]+)(?:\([^)]*\))?(?:@(?P<cut>\d+))?", name)
    family = _FAMILIES.get(found["family"]) if found else None
    if found is None or family is None:
        return "As ir_measures defines it."
    cut = f" among the first {found['cut']}" if found["cut"] else ""
    return family.replace("{cut}", cut).replace("{of}", "")


def traces(shown: Sequence[Shown]) -> tuple[Row, ...]:
    """What the bundles' traces are worth, as their manifests tell it; none where no bundle does."""
    found = [one.manifest.get("traces") or {} for one in shown]
    names = dict.fromkeys(name for one in found for name, value in one.items() if not isinstance(value, (Mapping, list)))
    return tuple(
        Row(head=_TRACES.get(name, short(name.replace("_", " "), _LONGEST)), cells=tuple(_measured(one.get(name)) for one in found))
        for name in names
    )


_TRACES = {
    "consistency": "Pairs that a trace tells apart and the answer has the same way round (share)",
    "claims_per_passage": "Claims about a passage, per passage shown",
    "spoken": "Passages that a trace speaks of (share)",
    "contradiction_rate": "Of those, passages of which it says both for and against (share)",
    "n": "Traces",
    "n_told": "Traces that tell passages apart",
    "n_spoken": "Traces that speak of passages",
}


def _measured(value: Any) -> str:
    return number(value) if isinstance(value, float) else short(_told(value), _LONGEST)
