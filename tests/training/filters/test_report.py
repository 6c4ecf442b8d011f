"""Reports as JSON and as pages."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from training.filters import FILTERS, thresholds
from training.filters.pages import write_pages
from training.filters.report import BINS, Report
from training.synthesis.values import Cost, Item, Mined

from .made import item


@dataclass(frozen=True)
class Stored:
    """An item with its scores."""

    item: Item
    scores: Mapping[str, float | None]
    state: str = "made"


def stored(domain: str, state: str = "made", *, grades: dict[str, int] | None = None, **scores: float | None) -> Stored:
    cost = Cost(calls=2, tokens_in=10, tokens_out=5, cost=0.5)
    made = replace(item(grades=grades or {"p1": 1}), domain=domain, cost=cost)
    return Stored(made, {**dict.fromkeys(FILTERS), **scores}, state)


def report(*items: Stored) -> dict[str, Any]:
    made = Report(thresholds())
    for one in items:
        made.add(one)
    found: dict[str, Any] = json.loads(json.dumps(made.json(teacher="t", embedded=False, currency="EUR")))
    return found


def test_survivors_and_what_each_filter_drops_alone() -> None:
    found = report(
        stored("math", consistency=1.0),
        stored("math", consistency=0.1),
        stored("math", consistency=0.1, faithful=0.2),
        stored("math", "empty"),
        stored("code", "failed"),
    )
    assert (found["before"], found["after"], found["currency"]) == (3, 1, "EUR")
    code, math = found["domains"]
    assert math == {
        "domain": "math", "before": 3, "after": 1, "dropped": {"consistency": 2, "faithful": 1}, "only": {"consistency": 1}, "failed": 0,
        "empty": 1, "calls": 8, "tokens": 60, "cost": 2.0, "cost_per_kept": 2.0,
    }  # fmt: skip
    assert (code["failed"], code["after"], code["cost"], code["cost_per_kept"]) == (1, 0, 0.5, None)


def test_histograms_hold_every_score_once() -> None:
    items = [stored("a", samples=-1.0), stored("a", samples=0.999), stored("b", samples=1.0), stored("b")]
    histogram = next(one["histogram"] for one in report(*items)["filters"] if one["name"] == "samples")
    assert (histogram["edges"][0], histogram["edges"][-1], len(histogram["edges"])) == (-1.0, 1.0, BINS + 1)
    assert histogram["counts"] == {"a": [1] + [0] * (BINS - 2) + [1], "b": [0] * (BINS - 1) + [1]}
    assert histogram["none"] == 1


def test_a_score_on_an_edge_belongs_to_the_bin_that_begins_there() -> None:
    histogram = next(one["histogram"] for one in report(stored("a", consistency=0.4))["filters"] if one["name"] == "consistency")
    assert histogram["counts"]["a"].index(1) == histogram["edges"].index(0.4)


def test_the_teacher_against_people() -> None:
    """Teacher and people: (1, 1), (1, 0), (0, 0). Chance 2/3 * 1/3 + 1/3 * 2/3 = 4/9, so kappa is (2/3 - 4/9) / (5/9) = 0.4."""
    one = stored("a", grades={"p1": 2, "p2": 0, "p3": 0})
    mined = (
        Mined(prompt="generic", sample=0, grades={"p1": 1, "p2": 1, "p3": 0, "elsewhere": 1}, outcome="clean"),
        Mined(prompt="qa-hard", sample=0, grades={"p3": 1}, outcome="clean"),
    )
    people = Stored(replace(one.item, labelled_by="source", mined=mined), one.scores)
    agreement = report(people, one)["agreement"]
    said = {"items": 1, "passages": 3, "kappa": 0.4, "precision": 0.5, "recall": 1.0}
    assert agreement == {**said, "domains": {"a": said}}
    assert report(one)["agreement"] == {}


def full() -> dict[str, Any]:
    items = [stored(name, consistency=at / 20, samples=at / 10 - 1) for name in ("<i>$a_1$ & b</i>", "_b") for at in range(21)]
    return report(*items)


def test_pages_are_the_same_bytes_and_escape_what_comes_from_outside(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pages(full(), tmp_path / name, "Title <script>")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["consistency.svg", "costs.svg", "domains.svg", "report.html", "report.md", "samples.svg"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    page = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<i>" not in page and "&lt;i&gt;$a_1$ &amp; b&lt;/i&gt;" in page
    markdown = (tmp_path / "one" / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<", markdown) and "](consistency.svg)" in markdown


def test_a_page_needs_nothing_else_and_its_plots_are_well_formed(tmp_path: Path) -> None:
    _, path = write_pages(full(), tmp_path)
    page = path.read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#)', re.sub(r'xlink:href="#[^"]*"', "", page))
    plots = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert len(plots) == 4
    ids = [found for plot in plots for found in re.findall(r'<(?:clipPath|path) id="([^"]+)"', plot)]
    assert len(ids) == len(set(ids))
    for plot in plots:
        ElementTree.fromstring(plot)
    domains = ElementTree.fromstring((tmp_path / "domains.svg").read_text(encoding="utf-8"))
    assert "<i>$a_1$ & b</i>" in {text.text for text in domains.iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize("embedded", [True, False])
def test_the_embedded_teacher_is_named_as_such(tmp_path: Path, embedded: bool) -> None:
    for path in write_pages({**full(), "embedded": embedded}, tmp_path):
        assert ("embedded model" in path.read_text(encoding="utf-8")) == embedded


def test_an_empty_report_has_pages_too(tmp_path: Path) -> None:
    for path in write_pages(report(), tmp_path):
        assert "0 of 0 items are kept" in path.read_text(encoding="utf-8")
