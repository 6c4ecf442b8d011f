"""No serious or critical violation of the accessibility rules on any state of the task screen, light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import axe
from tests.browser.conftest import OpenPage, Screen
from tests.browser.projects import BREAD, begin, blind, row, with_model

pytestmark = pytest.mark.browser

_SCREENS = [Screen(still=True), Screen(width=375, height=760, scheme="dark", still=True)]


@pytest.mark.parametrize("screen", _SCREENS, ids=["wide light", "narrow dark"])
def test_every_state_of_a_task_follows_the_rules(studio: str, open_page: OpenPage, screen: Screen) -> None:
    name = f"Rules {screen.width}"
    examples = blind(studio, f"{name} examples", BREAD, tutorial=True)
    project = with_model(studio, name, "Why does a wet towel dry in the wind?")
    page, _ = open_page("/", screen)
    page.get_by_role("tab", name="Annotate").click()
    page.get_by_test_id("my-projects").wait_for()
    axe.check(page)
    begin(page, studio, project)
    page.get_by_test_id("task-trace").locator("summary").click()
    page.get_by_test_id("versions").locator("summary").click()
    row(page, 1).focus()
    for key in ("Alt+End", "2", "c", "1", "Escape", "m", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("save-state")).to_contain_text("Draft saved")
    axe.check(page)
    page.keyboard.press("Escape")
    row(page, 2).focus()
    page.keyboard.press("x")
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    axe.check(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("task-more").locator("summary").click()
    axe.check(page)
    begin(page, studio, examples)
    page.get_by_test_id("save").click()
    page.get_by_test_id("feedback").wait_for()
    axe.check(page)


def test_a_conflict_follows_the_rules(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Rules of a conflict", BREAD)
    page, watch = open_page("/", Screen(still=True))
    watch.expect("409")
    begin(page, studio, project)
    other = page.context.new_page()
    begin(other, studio, project)
    for one, key in ((other, "3"), (page, "2")):
        row(one, 1).focus()
        one.keyboard.press(key)
        one.keyboard.press("Control+s")
        if one is other:
            expect(one.get_by_test_id("save-state")).to_contain_text("Draft saved")
    page.bring_to_front()  # a tab in the background draws nothing, and transitions stand still
    page.get_by_test_id("conflict").wait_for()
    page.get_by_test_id("take-one").first.click()
    axe.check(page)
