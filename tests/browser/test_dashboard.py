"""The charts: what they say agrees with the numbers, every mark is a way to its items, by keyboard too, and there is a table for each."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe, pretend, pretend_dashboard
from tests.browser.conftest import OpenPage, Screen
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

CHARTS = ("chart-topics", "chart-flow", "chart-contested", "chart-bands", "chart-spread", "chart-days")


def opened(open_page: OpenPage, screen: Screen | None = None, *, empty: bool = False) -> tuple[Page, Watch]:
    """The dashboard over canned answers."""
    page, watch = open_page("/", screen)
    data = pretend_dashboard.empty_dashboard() if empty else pretend_dashboard.dashboard()
    pretend.serve(page, {**pretend.review_answers(), "dashboard": data, "dashboard/items": pretend_dashboard.ITEMS})
    page.get_by_role("tab", name="Data").click()
    page.get_by_test_id("data-dashboard").click()
    page.get_by_test_id("dashboard-empty" if empty else CHARTS[-1]).wait_for()
    return page, watch


def test_each_chart_has_a_finding_n_and_a_table_with_the_same_numbers(open_page: OpenPage) -> None:
    page, watch = opened(open_page)
    for name in CHARTS:
        chart = page.get_by_test_id(name)
        assert chart.locator(".finding").inner_text().endswith(".")
        assert chart.locator("p.meta").last.inner_text().startswith("n = ")
        assert chart.locator("svg").count() >= 1
    page.get_by_test_id("chart-flow-table").click()
    rows = page.get_by_test_id("chart-flow").locator("tbody tr")
    expect(rows).to_have_count(18)
    expect(rows.first).to_have_text("1122")  # model 1, people 1, 22 passages
    watch.fits()


def test_the_findings_are_computed_from_the_numbers(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    # 22 of the 39 passages that the model put first stayed first.
    expect(page.get_by_test_id("chart-flow").locator(".finding")).to_contain_text("56 % of the model's first places")
    # The last topic with the last model: 0.08 + 6 x 0.06 + 2 x 0.05.
    expect(page.get_by_test_id("chart-topics").locator(".finding")).to_contain_text("0.54")
    expect(page.get_by_test_id("chart-bands").locator(".finding")).to_contain_text("11–20")


def test_a_mark_is_reached_by_keyboard_tells_its_numbers_and_leads_to_its_items(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    mark = page.get_by_test_id("chart-topics").get_by_role("link").first
    mark.focus()
    expect(page.get_by_test_id("chart-topics").locator(".tip")).to_contain_text("n = 15")
    with page.expect_request(lambda r: "/dashboard/items?" in r.url) as asked:
        page.keyboard.press("Enter")
    assert asked.value.url.endswith("/api/v1/dashboard/items?model=nano+1a2b3c4d&bucket=b15")
    expect(page.get_by_test_id("item")).to_have_count(2)
    expect(page.get_by_test_id("items")).to_contain_text("1 more are not listed")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("items")).to_have_count(0)


def test_from_an_item_to_its_review(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    page.get_by_test_id("overall-items").first.click()
    page.get_by_test_id("item-task").click()
    expect(page.get_by_test_id("review-task")).to_contain_text("Why does bread rise slowly in winter?")


def test_charts_fit_a_small_dark_screen(open_page: OpenPage) -> None:
    page, watch = opened(open_page, Screen(width=375, height=800, scheme="dark"))
    watch.fits()
    for name in CHARTS:
        box = page.get_by_test_id(name).locator(".plot-svg").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 375


def test_an_empty_dashboard_says_what_to_do(open_page: OpenPage) -> None:
    page, _ = opened(open_page, empty=True)
    page.get_by_test_id("dashboard-empty").get_by_role("button").click()
    expect(page.get_by_role("tab", name="Explore")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(
    "screen", [Screen(still=True), Screen(width=375, height=760, scheme="dark", still=True)], ids=["wide light", "narrow dark"]
)
def test_the_views_of_data_follow_the_rules_of_accessibility(open_page: OpenPage, screen: Screen) -> None:
    page, _ = opened(open_page, screen)
    axe.check(page)
    page.get_by_test_id("overall-items").first.click()
    page.get_by_test_id("item").first.wait_for()
    axe.check(page)
    page.keyboard.press("Escape")
    for view, ready in (("overview", "counts"), ("exports", "format-about")):
        page.get_by_test_id(f"data-{view}").click()
        page.get_by_test_id(ready).wait_for()
        axe.check(page)
