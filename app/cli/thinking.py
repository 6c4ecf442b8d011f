"""`thinking`: was a trace worth its tokens, where, and can that be known before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import sentences, written_aside

if TYPE_CHECKING:
    from app.ranking.evaluation.thought.fitting import Checked
    from app.ranking.evaluation.thought.worth import TopicWorth, Worth


def command(
    reasoned: Annotated[Path, typer.Argument(help="bundle of the run with traces")],
    direct: Annotated[Path, typer.Argument(help="bundle of the run without, over the same topics and candidates")],
    measure: Annotated[str, typer.Option(help="measure to compare; default: the bundle's primary one")] = "",
    fit: Annotated[Path | None, typer.Option(help="fit a router and write its weights here, if it pays out of sample")] = None,
    margin: Annotated[float, typer.Option(help="expected gain below which a trace is not worth its tokens")] = 0.0,
    anyway: Annotated[bool, typer.Option("--anyway", help="write the router also where it does not pay")] = False,
    show: Annotated[int, typer.Option(help="topics to show that were helped, and that were hurt", min=0)] = 5,
    router: Annotated[Path | None, typer.Option(help="check a router that was fitted on other topics")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Compare a run with traces and one without, topic by topic; fit a router for thinking `auto`, or check one."""
    from app.ranking.evaluation.bundles.read import Bundle
    from app.ranking.evaluation.thought.fitting import applied
    from app.ranking.evaluation.thought.worth import worth
    from app.ranking.router import read_router

    with sentences():
        found = worth(Bundle.open(reasoned), Bundle.open(direct), measure=measure)
        checks: dict[str, Checked] = {}
        if router is not None:
            checks["given"] = applied(read_router(router), [topic.seen for topic in found.topics])
        wrote = ""
        if fit is not None:
            checks["fitted"], wrote = _fitted(found, fit, (margin, anyway))
        typer.echo(_as_json(found, checks) if as_json else _as_text(found, checks, show))
        if wrote:
            typer.echo(wrote, err=as_json)
    if fit is not None and not fit.exists():
        raise typer.Exit(1)


def _fitted(found: Worth, path: Path, how: tuple[float, bool]) -> tuple[Checked, str]:
    """The check of a router of these topics, and what became of its file. Raises InputError for too few topics or a file that is there."""
    import json

    from app.ranking.errors import InputError
    from app.ranking.evaluation.thought.fitting import check, fit

    if path.exists():
        raise InputError(f"{str(path)!r} is there already: name another file, a router is not written over")
    seen, (margin, anyway) = [topic.seen for topic in found.topics], how
    checked = check(seen, measure=found.measure, margin=margin)
    if not checked.pays and not anyway:
        return checked, f"no router was written to {path}: it would not pay; --anyway writes it all the same"
    about = {"reasoned": found.ids[0], "direct": found.ids[1], "names": list(found.names), "n": len(seen), "check": checked.plain}
    made = fit(seen, measure=found.measure, margin=margin, about=about)
    with written_aside(path) as file:
        file.write((json.dumps(made.plain, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
    return checked, f"wrote router {made.id} to {path}"


def _as_json(found: Worth, checks: dict[str, Checked]) -> str:
    import json

    data: dict[str, Any] = {**found.plain, "routers": {name: check.plain for name, check in checks.items()}}
    return json.dumps(data, ensure_ascii=False, indent=1)


def _as_text(found: Worth, checks: dict[str, Checked], show: int) -> str:
    lines = [found.text, "", f"{'per topic':<12}{'reasoned':>12}{'direct':>12}   difference"]
    for cost in found.costs:
        more = cost.more
        lines.append(
            f"{cost.name:<12}{cost.reasoned:>12,.2f}{cost.direct:>12,.2f}   {more.mean:+,.2f} [{more.low:+,.2f}, {more.high:+,.2f}]"
        )
    for name, topics in (("helped most", found.helped), ("hurt most", found.hurt)):
        lines += ["", f"{name} ({len(topics)} topics):", *map(_topic_line, topics[:show])] if show else []
    lines += ["", *_goes_lines(found)]
    for name, check in checks.items():
        lines += ["", *_check_lines(name, check)]
    return "\n".join(lines)


def _topic_line(topic: TopicWorth) -> str:
    query = topic.query if len(topic.query) <= 80 else topic.query[:77] + "..."
    return f"  {topic.gain:+.3f}  {topic.direct:.3f} -> {topic.reasoned:.3f}  {topic.set} {topic.topic}: {query}"


def _goes_lines(found: Worth) -> list[str]:
    from app.ranking.query_features import NAMES

    if not found.goes:
        return ["no feature known before a call varies over these topics, or the gain does not"]
    rows = []
    for one in found.goes:
        means = f"mean {_number(one.helped)} where it helped, {_number(one.hurt)} where it hurt"
        rows.append(f"  {one.correlation:+.2f}  p {one.p_corrected:.3f}  {one.feature}: {NAMES[one.feature]}; {means}")
    return ["rank correlation of the gain with what is known before a call (p by Holm's rule over all of them):", *rows]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _check_lines(name: str, check: Checked) -> list[str]:
    ways = [f"  {way:<10}{check.quality[way]:.4f}{check.tokens[way]:>12,.0f} tokens" for way in check.quality]
    right = f", the better way in {check.right:.0%} of those where the two differ" if check.right is not None else ""
    return [f"router {name}: a trace for {check.reasoned_share:.0%} of the queries{right}", *ways, f"  {check.verdict}"]
