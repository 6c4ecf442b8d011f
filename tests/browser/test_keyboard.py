"""A whole task from the first screen to the last without a mouse, and the focus that is never lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.projects import BREAD, ONIONS, blind, call, focused, ready, titles

pytestmark = pytest.mark.browser


def tab_to(page: Page, wanted: str, most: int = 120) -> None:
    """Press Tab until what has the focus contains `wanted` in its HTML."""
    for _ in range(most):
        if wanted in focused(page):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {wanted!r}; the focus is on {focused(page)[:200]}")


def test_a_project_is_worked_through_without_a_mouse(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "AAA keyboard", BREAD, ONIONS)
    page, _ = open_page()
    page.get_by_test_id("example").first.wait_for()
    tab_to(page, 'id="tab-annotate-button"')
    page.keyboard.press("Enter")
    page.get_by_test_id("my-projects").wait_for()
    for _ in range(60):
        tab_to(page, 'data-testid="work"')
        if page.evaluate(_SECTION).startswith(project.name):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    ready(page)
    expect(page.get_by_test_id("item-1")).to_be_focused()
    before = titles(page)
    for key in ("Alt+ArrowDown", "Alt+ArrowDown", "ArrowDown", "3", "t"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("item-4")).to_be_focused()
    assert titles(page) == [before[1], before[2], before[0], before[3]]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("r")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("item-1")).to_be_focused()
    assert titles(page) == before
    expect(page.get_by_test_id("announce").last).to_contain_text("rank 1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    assert "<li" in focused(page), "the focus went with the passage that was put away"
    page.keyboard.press("Control+z")
    assert titles(page) == before
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    page.keyboard.press("Escape")
    assert "<li" in focused(page), "closing the list of keys gives the focus back"
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("task-query")).to_have_text(str(ONIONS["query"]))
    ready(page)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("all-projects")).to_be_focused()
    assert call(studio, "GET", f"projects/{project.id}")["mine"]["submitted"] == 2


_SECTION = """(() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e.closest('[data-testid="project"]')?.innerText ?? "";
})()"""
