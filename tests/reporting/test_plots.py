"""Charts: what they say in words, that hostile texts stay text, that nothing in them acts, and that the same input is the same bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from app.reporting import plots
from app.reporting.svg import COLOURS, as_svg, drawing
from tests.reporting.bundles import HOSTILE
from tests.reporting.reading import check_contained

SVG = "{http://www.w3.org/2000/svg}"
CURVE = plots.Curve(title=f"Biology {HOSTILE}", n=103, ceiling={10: 0.4, 20: 0.5, 100: 0.7}, first=0.3, ranked={HOSTILE: 0.41, "B": 0.38})
GRID = plots.Grid(rows=((HOSTILE, 1384), ("law", 2)), columns=("A", HOSTILE), values=((0.1234, -0.1), (0.0, None)))
POINTS = [plots.Point(label=name, tokens=1234.0, mean=0.4, low=0.35, high=0.45, n=12) for name in ("A", HOSTILE)]
ALL: dict[str, Callable[[], str]] = {
    "headroom": lambda: plots.headroom(CURVE, "nDCG@10", "x"),
    "heat_map": lambda: plots.heat_map(GRID, "nDCG@10", "x"),
    "win_loss": lambda: plots.win_loss([0.3, -0.1, 0.0, 0.2], HOSTILE, "first stage", "nDCG@10", "x"),
    "quality": lambda: plots.quality(POINTS, 0.3, "nDCG@10", "x"),
    "outcomes": lambda: plots.outcomes({HOSTILE: {"clean": 3, "truncated": 1}, "B": {}}, "x"),
    "overlaps": lambda: plots.overlaps([0.5, 0.61, 1.0], HOSTILE, "x"),
    "ranges": lambda: plots.ranges([(0.1, 0.3), (0.5, 0.5)], "nDCG@10", "x"),
    "rank_ranges": lambda: plots.rank_ranges([1.0, 1.5], [2.0, 3.0], 6, "x"),
}


def texts(svg: str) -> str:
    return " | ".join("".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("name", ALL)
def test_every_chart_is_safe_named_and_the_same_twice(name: str) -> None:
    drawn = ALL[name]()
    assert drawn == ALL[name]()
    page = check_contained(drawn)
    root = ET.fromstring(drawn)
    assert root.attrib["role"] == "img" and root.attrib["aria-labelledby"] == "x-title x-desc"
    assert root[0].tag == f"{SVG}title" and root[0].text and root[1].tag == f"{SVG}desc" and root[1].text
    assert {tag for tag, _ in page.tags} <= {
        "svg",
        "title",
        "desc",
        "g",
        "path",
        "text",
        "tspan",
        "defs",
        "clippath",
        "rect",
        "use",
        "pattern",
    }
    # No date, no program, nothing for the whole page; every text is still text, and nothing was taken for a formula.
    assert "matplotlib" not in drawn.lower() and "<style" not in drawn and texts(drawn)
    assert "frac" not in drawn or "\\frac{1}{2}" in drawn


def test_numbers_and_counts_are_written() -> None:
    assert {"+0.123", "\N{MINUS SIGN}0.100", "0.000", "\N{EN DASH}"} <= set(texts(ALL["heat_map"]()).split(" | "))
    assert "1\N{NARROW NO-BREAK SPACE}384" in texts(ALL["heat_map"]())
    assert "4 topics, sorted: 2 better, 1 equal, 1 worse" in texts(ALL["win_loss"]())
    assert "(n = 103)" in texts(ALL["headroom"]()) and "candidates reranked per topic" in texts(ALL["headroom"]())
    assert "(n = 12)" in texts(ALL["quality"]()) and "tokens read and written per topic" in texts(ALL["quality"]())
    assert {"clean", "truncated", "share of calls (%)"} <= set(texts(ALL["outcomes"]()).split(" | "))
    assert "(n = 6)" in texts(ALL["rank_ranges"]())


def test_a_chart_tells_a_listener_its_numbers() -> None:
    told = ET.fromstring(ALL["headroom"]())[1].text or ""
    assert "first 10 gives 0.4000" in told and "first 100 0.7000" in told and "first stage 0.3000" in told and "B 0.3800" in told
    assert ET.fromstring(ALL["overlaps"]())[1].text == "33\N{NARROW NO-BREAK SPACE}% of topics lie between 0.5 and 0.6"


def test_colours_are_the_pages_with_a_fallback() -> None:
    drawn = ALL["win_loss"]()
    assert "var(--good, #2a67a8)" in drawn and "var(--ink, #1c2028)" in drawn and "var(--sans, sans-serif)" in drawn
    assert not any(f" {colour}" in drawn.replace(f", {colour})", "") for colour in COLOURS)


def test_ids_of_two_charts_in_one_page_differ() -> None:
    check_contained(plots.headroom(CURVE, "nDCG@10", "a") + plots.headroom(CURVE, "nDCG@10", "b"))


def test_a_figure_that_would_act_is_refused() -> None:
    from matplotlib.figure import Figure

    with drawing():
        figure = Figure()
        figure.subplots().plot([1, 2])[0].set_url("javascript:alert(1)")
        with pytest.raises(ValueError, match="loads nothing and runs nothing"):
            as_svg(figure, "x", "title", "text")


def test_many_series_stay_apart() -> None:
    ranked = {f"model {at}": at / 30 for at in range(25)}
    drawn = plots.headroom(plots.Curve(title="t", n=1, ceiling={10: 1.0}, first=None, ranked=ranked), "nDCG@10", "x")
    assert all(f"model {at}" in texts(drawn) for at in range(25)) and "first stage |" not in texts(drawn)


def test_nothing_to_show_is_no_error() -> None:
    plots.win_loss([], "A", "B", "nDCG@10", "x")
    plots.headroom(plots.Curve(title="", n=0, ceiling={}, first=None, ranked={}), "nDCG@10", "x")
    plots.ranges([], "nDCG@10", "x")
    plots.overlaps([], "A", "x")
    plots.quality([], None, "nDCG@10", "x")
    plots.outcomes({}, "x")
