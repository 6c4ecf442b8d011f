"""Ask, watch, stop, come back."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Screen

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> [1] [99] \u202e\u05e9\u05dc\u05d5\u05dd " + "W" * 10_000


def ask(page: Page, model: str, text: str = "Why does blowing on hot soup cool it?", depth: int = 20) -> None:
    """Ask a question of the demo collection."""
    page.get_by_test_id("model").select_option(model)
    page.get_by_test_id(f"depth-{depth}").check()
    page.get_by_test_id("query").fill(text)
    page.get_by_test_id("query").press("Control+Enter")


def shown(page: Page) -> list[str]:
    """First-stage ranks of the cards from top to bottom."""
    return [str(card.get_attribute("data-first")) for card in page.locator(".card").all()]


def outcome(page: Page) -> str:
    """What the badge says."""
    return page.get_by_test_id("facts").get_by_test_id("outcome").inner_text()


def test_the_question_has_the_width_of_the_page(page: Page) -> None:
    box = page.locator("rr-ask").locator(".question").bounding_box()
    assert box is not None and box["width"] > 900


def test_the_embedded_model_answers_an_example(page: Page) -> None:
    page.get_by_test_id("example").first.click()
    page.get_by_test_id("card-1").wait_for()
    expect(page.get_by_test_id("facts").get_by_test_id("outcome")).to_have_text("clean")
    page.get_by_test_id("skip").click()
    expect(page.get_by_test_id("trace").locator(".sentence").first).to_be_visible()
    assert len(shown(page)) == 20
    page.get_by_test_id("raw").click()
    assert re.search(r"\bg\d\d\b", page.get_by_test_id("reasoning").inner_text()), "the raw trace has no grades"


def test_text_arrives_while_it_is_written(page: Page) -> None:
    ask(page, "slow")
    page.get_by_test_id("cite").first.wait_for()
    states = set()
    while outcome(page) == "running":
        states.add(page.get_by_test_id("reasoning").inner_text())
        time.sleep(0.1)
    assert len(states) >= 5
    assert outcome(page) == "clean"


def test_stop_stops(page: Page) -> None:
    ask(page, "slow")
    page.get_by_test_id("cite").first.wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("facts").get_by_test_id("outcome")).to_have_text("stopped")
    before = page.get_by_test_id("trace").inner_text()
    time.sleep(2)
    assert page.get_by_test_id("trace").inner_text() == before
    page.reload()
    expect(page.get_by_test_id("facts").get_by_test_id("outcome")).to_have_text("stopped")


def test_a_citation_leads_to_its_card(page: Page) -> None:
    ask(page, "slow")
    cited = page.get_by_test_id("cite").first
    cited.wait_for()
    number, pid = cited.inner_text(), cited.get_attribute("data-pid")
    cited.click()
    lit = page.locator(".card.lit")
    expect(lit).to_have_count(1)
    assert lit.get_attribute("data-pid") == pid
    assert lit.locator(".number").inner_text() == f"[{number}]"


def test_closing_the_tab_does_not_end_a_run(page: Page, open_page: OpenPage) -> None:
    ask(page, "slow")
    page.get_by_test_id("cite").first.wait_for()
    path = re.sub(r"^https?://[^/]+", "", page.url)
    page.close()
    time.sleep(5)
    again, _ = open_page(path)
    expect(again.get_by_test_id("facts").get_by_test_id("outcome")).to_have_text("clean", timeout=15_000)
    order = shown(again)
    again.reload()
    again.get_by_test_id("card-1").wait_for()
    assert shown(again) == order


def test_every_call_of_a_deep_run_is_shown(page: Page) -> None:
    page.get_by_test_id("example").first.wait_for()
    ask(page, "nano", depth=50)
    expect(page.get_by_test_id("facts")).to_contain_text("calls", timeout=40_000)
    page.get_by_test_id("skip").click()
    expect(page.locator("[data-testid^=window-]")).to_have_count(4)
    assert len(shown(page)) == 50


def test_movement_has_a_table_and_answers_to_keys(page: Page) -> None:
    ask(page, "signals")
    page.get_by_test_id("view-bump").click()
    page.get_by_test_id("bump").locator("g[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.querySelector('rr-explore').shadowRoot.activeElement.getAttribute('role')") == "img"
    page.get_by_test_id("bump-table").click()
    assert page.get_by_test_id("bump-rows").locator("tbody tr").count() == 20


def test_a_model_that_cannot_be_used_is_grey_and_says_why(page: Page) -> None:
    option = page.get_by_test_id("model").locator("option[value=absent]")
    assert option.is_disabled()
    assert "NO_SUCH_VARIABLE" in option.inner_text()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_passages_stay_text(open_page: OpenPage, width: int, scheme: str) -> None:
    page, watch = open_page("/", Screen(width=width, scheme="dark" if scheme == "dark" else "light", still=True))
    page.get_by_test_id("example").first.wait_for()
    watch.fits()
    if width < 640:
        page.get_by_test_id("options").click()
    page.get_by_test_id("source-paste").check()
    page.get_by_test_id("pasted").fill("\n\n".join([HOSTILE, "Heat leaves with the vapour.", "x" * 3_000]))
    ask(page, "signals", "<img src=x onerror=alert(3)> why?")
    page.get_by_test_id("card-1").wait_for()
    for view in ("cards", "bump", "columns"):
        page.get_by_test_id(f"view-{view}").click()
        watch.fits()
    page.get_by_test_id("correct").click()
    page.get_by_test_id("note").fill(HOSTILE[:3_000])
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved")
    watch.fits()
    page.get_by_role("tab", name="Data").click()
    page.get_by_test_id("recent-item").first.wait_for()
    watch.fits()
    assert page.locator("img[src='x']").count() == 0
