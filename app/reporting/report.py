"""One HTML file from one or more bundles: what was evaluated, what came out, and why. The same bundles give the same bytes.

The file loads nothing, runs nothing, and shows every text of topics, passages and models as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from app.reporting import facts, plots, repeats, results, room, telling
from app.reporting.against import Pair, sentence, to_bundle, to_first_stage
from app.reporting.shown import Shown, extent, lettered, primary
from app.reporting.text import DASH, number, percent, plural, printable, short, signed

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.read import Bundle
    from app.ranking.evaluation.significance import Interval

_TEMPLATES = Path(__file__).parent / "templates"
_SAID = 6
"""Differences of a kind that are told in sentences; tables have all."""
_TITLE, _NOTE = 200, 400  # characters


def report(bundles: Iterable[Bundle], out: Path, title: str = "") -> Path:
    """Write the report to `out`, which takes its name when all of it is written. Raises as `page`, and OSError."""
    aside = out.with_name(out.name + ".part")
    try:
        aside.write_text(page(bundles, title), encoding="utf-8", newline="\n")
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return out


def page(bundles: Iterable[Bundle], title: str = "") -> str:
    """The report as text. Raises InputError for no bundle, too many, or bundles that share no measure."""
    shown = lettered(bundles)
    names = " and ".join(one.name for one in shown) if len(shown) < 3 else f"{shown[0].name} and {len(shown) - 1} others"
    return str(_template().render(title=short(title or f"Evaluation of {names}", _TITLE), **_parts(shown))).lstrip()


@cache
def _template() -> Any:
    import jinja2
    from markupsafe import Markup

    def shown_text(value: Any) -> Any:
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=shown_text, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update({"number": number, "percent": percent, "signed": signed, "interval": _interval})
    return environment.get_template("report.html")


def _interval(one: Interval | None) -> str:
    return DASH if one is None else f"{number(one.mean)} [{number(one.low)}, {number(one.high)}]"


def _parts(shown: Sequence[Shown]) -> dict[str, Any]:
    from markupsafe import Markup

    measure = primary(shown)
    starts, others = to_first_stage(shown, measure), to_bundle(shown, measure)
    again = repeats.repeated(shown, measure)
    ranks = [found for one in shown if (found := repeats.intervals(one)) is not None]
    charts = {**_charts(shown, measure, (*others, *starts)), "stability_charts": _stability_charts(again, ranks, measure)}
    parts = {
        "style": Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "labels": [one.label for one in shown],
        "measure": measure,
        "extent": extent(shown),
        "verdict": _verdict(shown, measure, (starts, others)),
        "troubles": telling.troubles(shown),
        "notes": _notes(shown),
        "pairs": (*others, *starts),
        "causes": _causes(shown, measure),
        # One difference a bundle, that which says most: to the first stage for the first bundle, to the first bundle for the others.
        "tellings": telling.telling((*starts[:1], *others), shown, measure),
        "side": telling.SIDE,
        "most_calls": telling.CALLS,
        "most_trace": telling.TRACE,
        "repeats": again,
        "consensus": ranks,
        **_tables(shown, measure),
        **{name: [Markup(one) for one in found] for name, found in charts.items() if name != "heat"},
        "heat": Markup(charts["heat"][0]) if charts["heat"] else "",
    }
    return {**parts, "contents": _contents(parts)}


def _tables(shown: Sequence[Shown], measure: str) -> dict[str, Any]:
    found = room.rooms(shown)
    return {
        "facts": facts.facts(shown),
        "packages": facts.packages(shown),
        "hashes": facts.hashes(shown),
        "sets": results.by_set(shown, measure),
        "other_starts": results.other_starts(shown, measure),
        "averages": results.over_all(shown, measure),
        "every": results.every_measure(shown),
        "rooms": found,
        "room_verdicts": [text for one in shown[:_SAID] if (text := _lettered(shown, one, room.verdict(found, one.letter)))],
        "usage": facts.usage(shown),
        "traces": facts.traces(shown),
        "commands": [{"letter": one.letter, "name": one.name, "lines": facts.reproduce(one)} for one in shown],
        "placeholders": any("--retrieval RUNS" in line for one in shown for line in facts.reproduce(one)),
        "definitions": facts.definitions(shown),
        "ids": [one.bundle.id for one in shown],
    }


def _lettered(shown: Sequence[Shown], one: Shown, text: str) -> str:
    return f"{one.letter}: {text}" if text and len(shown) > 1 else text


def _verdict(shown: Sequence[Shown], measure: str, found: tuple[Sequence[Pair], Sequence[Pair]]) -> list[str]:
    """What matters, first: between bundles where there are several, then to the first stage."""
    starts, others = found
    said = [sentence(pair) for pair in (*others[:_SAID], *starts[:_SAID])]
    if max(len(others), len(starts)) > _SAID:
        said.append("The other differences are in the table below.")
    alone = [one for one in shown if not any(pair.one.letter == one.letter for pair in starts)]
    for one in alone:
        values = one.value(measure).values()
        mean = number(fmean(values)) if values else DASH
        said.append(
            f"{one.letter} ({one.name}) has a mean {measure} of {mean} over {plural(len(values), 'topic')}; its bundle has no first stage."
        )
    return said


def _notes(shown: Sequence[Shown]) -> list[str]:
    """Notes of the bundles; those that several share are said once."""
    found: dict[str, list[str]] = {}
    for one in shown:
        for note in one.manifest.get("notes") or ():
            found.setdefault(short(note, _NOTE), []).append(one.letter)
    return [f"{', '.join(letters)}: {note}" if len(shown) > 1 else note for note, letters in found.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Causes:
    """What explains a difference between two bundles; `notes` say what else there is to know, or that nothing differs."""

    letter: str
    other: str
    causes: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


def _causes(shown: Sequence[Shown], measure: str) -> list[_Causes]:
    from app.ranking.errors import RankingError
    from app.ranking.evaluation.bundles.compare import compare

    out = list[_Causes]()
    for one in shown[1:]:
        try:
            found = compare(shown[0].bundle, one.bundle, measure)
        except RankingError as error:  # a measure that can't be computed again: the numbers stand without their causes
            out.append(_Causes(letter=one.letter, other=shown[0].letter, causes=(), notes=(str(error),)))
            continue
        causes = tuple(
            {"name": cause.name, "text": cause.text, "topics": cause.topics, "share": percent(cause.share)} for cause in found.causes
        )
        notes = found.notes if causes else ("Nothing differs." if found.same else "No cause was found.", *found.notes)
        out.append(_Causes(letter=one.letter, other=shown[0].letter, causes=causes, notes=notes))
    return out


def _charts(shown: Sequence[Shown], measure: str, pairs: Sequence[Pair]) -> dict[str, list[str]]:
    grid = results.by_domain(shown, measure)
    return {
        "heat": [plots.heat_map(grid, measure, "heat")] if grid else [],
        "headrooms": [plots.headroom(curve, room.MEASURE, f"room{at}") for at, curve in enumerate(room.curves(shown))],
        "win_loss": [
            plots.win_loss(list(pair.gains.values()), pair.one.label, _label(shown, pair.other), measure, f"win{at}")
            for at, pair in enumerate(pairs)
            if pair.found.wins or pair.found.losses
        ],
        "cost_charts": _cost_charts(shown, measure),
    }


def _label(shown: Sequence[Shown], letter: str) -> str:
    return next((one.label for one in shown if one.letter == letter), letter)


def _cost_charts(shown: Sequence[Shown], measure: str) -> list[str]:
    from app.ranking.evaluation.significance import bootstrap

    points, counts = list[plots.Point](), dict[str, Mapping[str, int]]()
    for one in shown:
        used, values = one.manifest.get("usage") or {}, list(one.value(measure).values())
        if not used.get("calls") or not values:
            continue
        mean = bootstrap(values)
        tokens = (used.get("tokens_in", 0) + used.get("tokens_out", 0)) / len(values)
        points.append(plots.Point(label=one.label, tokens=tokens, mean=mean.mean, low=mean.low, high=mean.high, n=len(values)))
        counts[one.label] = one.manifest.get("outcomes") or {}
    if not points:
        return []
    first = next((start for one in shown if (start := one.first(measure))), {})
    return [
        plots.quality(points, fmean(first.values()) if first else None, measure, "quality"),
        plots.outcomes(counts, "outcomes"),
    ]


def _stability_charts(again: Sequence[repeats.Repeated], ranks: Sequence[repeats.Intervals], measure: str) -> list[str]:
    out = list[str]()
    for at, one in enumerate(again):
        out.append(plots.overlaps([topic.rbo for topic in one.found.topics], one.label, f"overlap{at}"))
        ends = [(topic.low, topic.high) for topic in one.found.topics if topic.low is not None and topic.high is not None]
        out += [plots.ranges(ends, measure, f"range{at}")] if ends else []
    return out + [plots.rank_ranges(one.best, one.worst, one.found.firm.n, f"ranks{one.letter}") for one in ranks]


def _contents(parts: Mapping[str, Any]) -> list[tuple[str, str]]:
    all_ = [
        ("what", "What was evaluated", True),
        ("results", "Results", True),
        ("headroom", "Fix retrieval or reranking?", parts["rooms"]),
        ("differences", "Differences", parts["pairs"]),
        ("topics", "The topics that tell most", parts["tellings"]),
        ("cost", "Calls, tokens, seconds", True),
        ("traces", "How true traces are", parts["traces"]),
        ("stability", "Stability", parts["repeats"] or parts["consensus"]),
        ("again", "How to have it again", True),
        ("measures", "What the measures are", True),
    ]
    return [(anchor, text) for anchor, text, there in all_ if there]
