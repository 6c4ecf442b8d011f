"""Choose how to rank: what it will cost is told before, what it did cost after, and calls side by side can be read."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, Screen
from tests.browser.test_explore import HOSTILE, ask, outcome, shown
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

QUESTION = "Why does blowing on hot soup cool it?"


def choose(page: Page, strategy: str, **parameters: int) -> None:
    """A strategy and its parameters; the disclosure is opened where it has to be."""
    page.get_by_test_id("strategy").select_option(strategy)
    more = page.get_by_test_id("more")
    if more.get_attribute("open") is None:
        more.locator("summary").click()
    for name, value in parameters.items():
        page.get_by_test_id(f"option-{name}").fill(str(value))


def reveal(page: Page) -> None:
    """No waiting for the reading pace; nothing happens where all is shown already."""
    page.get_by_test_id("skip").evaluate("(button) => button.click()")


def numbers(text: str) -> list[int]:
    """All whole numbers of a text."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_the_prediction_follows_every_choice(page: Page) -> None:
    line = page.get_by_test_id("predicted")
    expect(line).to_have_text("Predicted: 1 call, 1 deep; tokens once there is a question.")
    page.get_by_test_id("query").fill(QUESTION)
    expect(line).to_have_text(re.compile(r"^Predicted: 1 call, 1 deep, (about|≈) [\d,]+ tokens in, "))
    once = numbers(line.inner_text())[2]
    page.get_by_test_id("depth-100").check()
    expect(line).to_contain_text("9 calls, 9 deep")
    assert numbers(line.inner_text())[2] > 5 * once
    choose(page, "two_level")
    expect(line).to_contain_text("6 calls, 2 deep")
    choose(page, "sliding", step=20)
    expect(line).to_contain_text("5 calls, 5 deep")
    page.get_by_test_id("options-reset").click()
    expect(line).to_contain_text("9 calls, 9 deep")
    page.get_by_test_id("model").select_option("signals")
    expect(line).to_have_text("Predicted: no model is asked.")


def test_auto_is_a_choice_only_for_a_model_with_a_router(opened: tuple[Page, Watch]) -> None:
    page, watch = opened
    watch.expect(r"/api/v1/estimate")  # there is no such router, and the prediction says so
    page.get_by_test_id("more").locator("summary").click()
    mode = page.get_by_test_id("option-mode")
    auto = mode.locator("option[value=auto]")
    expect(auto).to_be_disabled()
    page.get_by_test_id("model").select_option("slow")
    expect(auto).to_be_enabled()
    mode.select_option("auto")
    expect(page.get_by_test_id("options-brief")).to_have_text("auto")
    expect(page.get_by_test_id("predicted")).to_contain_text("router 'router.json' can't be read")
    page.get_by_test_id("model").select_option("nano")
    expect(auto).to_be_disabled()
    expect(mode).to_have_value("profile")


def test_a_late_prediction_never_replaces_a_newer_one(page: Page) -> None:
    page.get_by_test_id("query").fill(QUESTION)
    expect(page.get_by_test_id("predicted")).to_contain_text("tokens in")
    asked: list[str] = []

    def delay_first(route: Route) -> None:
        asked.append(route.request.post_data or "")
        if len(asked) == 1:
            page.get_by_test_id("depth-100").check()  # changes its mind while the server is still at work
            time.sleep(0.5)
        route.continue_()

    page.route("**/api/v1/estimate", delay_first)
    page.get_by_test_id("depth-50").check()
    expect(page.get_by_test_id("predicted")).to_contain_text("9 calls, 9 deep")
    page.wait_for_timeout(700)
    expect(page.get_by_test_id("predicted")).to_contain_text("9 calls, 9 deep")


def test_what_a_run_took_stands_beside_the_prediction(page: Page) -> None:
    choose(page, "sliding", size=20, step=15)
    page.get_by_test_id("option-fused").check()
    ask(page, "nano", QUESTION, depth=50)
    facts = page.get_by_test_id("facts")
    expect(page.get_by_test_id("calls")).to_contain_text("3 (as predicted)", timeout=30_000)
    expect(page.get_by_test_id("tokens")).to_contain_text("predicted")
    real, about, *_ = numbers(page.get_by_test_id("tokens").inner_text())
    assert about / 2 < real < about * 2
    expect(facts).to_contain_text("50 % model, 50 % first stage")
    page.get_by_test_id("made").locator("summary").click()
    expect(page.get_by_test_id("made")).to_contain_text("size 20, step 15")
    expect(page.get_by_test_id("held").first).to_contain_text("fused; model alone: rank")
    page.reload()
    expect(page.get_by_test_id("calls")).to_contain_text("3 (as predicted)")


def test_what_cannot_be_had_is_refused_with_its_sentence_and_nothing_runs(page: Page, watch: Watch) -> None:
    watch.expect("400")
    choose(page, "sliding", size=10, step=15)
    line = page.get_by_test_id("predicted")
    expect(line).to_have_class(re.compile("refused"))
    assert {10, 15} <= set(numbers(line.inner_text()))
    page.get_by_test_id("query").fill(QUESTION)
    page.get_by_test_id("run").click()
    expect(page.get_by_test_id("trouble")).to_be_visible()
    assert {10, 15} <= set(numbers(page.get_by_test_id("trouble").inner_text()))
    assert page.get_by_test_id("facts").count() == 0
    page.get_by_test_id("options-reset").click()
    page.get_by_test_id("option-mode").select_option("direct")
    page.get_by_test_id("option-budget").fill("50")
    expect(line).to_contain_text("direct")


def test_calls_side_by_side_can_be_read_one_by_one(page: Page) -> None:
    choose(page, "two_level")
    ask(page, "slow", QUESTION, depth=100)
    tabs = page.get_by_test_id("calls-list").get_by_role("tab")
    expect(tabs).to_have_count(5)
    expect(page.get_by_test_id("progress")).to_contain_text("5 writing")
    shown_call = page.get_by_test_id("call")
    expect(shown_call).to_have_count(1)
    page.get_by_test_id("calls-list").get_by_role("tab", selected=True).focus()
    page.keyboard.press("Home")
    expect(shown_call).to_contain_text("Call 1")
    expect(page.get_by_test_id("follow")).to_have_attribute("aria-pressed", "false")
    before = len(shown_call.inner_text())
    page.wait_for_timeout(600)
    assert len(shown_call.inner_text()) > before, "the chosen call does not go on"
    page.keyboard.press("ArrowRight")
    expect(shown_call).to_contain_text("Call 2")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("facts").get_by_test_id("outcome")).to_have_text("stopped")
    expect(shown_call).to_contain_text("Call 2")
    expect(page.get_by_test_id("window-2")).to_have_attribute("aria-label", re.compile("stopped"))


def test_a_hundred_and_thirty_calls_do_not_slow_the_page(page: Page) -> None:
    choose(page, "tournament", rounds=10)
    page.evaluate(
        """() => {
          window.long = [];
          new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask" });
        }"""
    )
    ask(page, "nano", QUESTION, depth=100)
    expect(page.get_by_test_id("calls")).to_contain_text("130 (as predicted)", timeout=60_000)
    reveal(page)
    tabs = page.get_by_test_id("calls-list").get_by_role("tab")
    expect(tabs).to_have_count(130)
    tabs.last.click()
    page.keyboard.press("Home")
    expect(page.get_by_test_id("call")).to_contain_text("Call 1")
    # Cards come at the start and everything at the end: two long tasks are owed, a page that stutters has dozens.
    slow = [round(duration) for duration in page.evaluate("window.long") if duration > 200]
    assert len(slow) <= 6, slow


def test_a_consensus_says_how_far_each_rank_can_be_trusted(page: Page) -> None:
    choose(page, "consensus", k=3)
    ask(page, "nano", QUESTION)
    expect(page.get_by_test_id("calls")).to_contain_text("3 (as predicted)", timeout=20_000)
    reveal(page)
    held = page.get_by_test_id("held")
    expect(held.first).to_be_visible()
    expect(held.first).to_contain_text(re.compile(r"^rank 1, (between \d+ and \d+ over|the same in all) 3 orders"))
    for place, text in enumerate(held.all_inner_texts(), start=1):
        if "between" in text:
            rank, best, worst, _ = numbers(text)
            assert rank == place and best < worst <= 20
        else:
            assert "firm" in text
    assert len(shown(page)) == 20


def test_everything_fits_a_phone(open_page: OpenPage) -> None:
    page, watch = open_page("/", Screen(width=375, still=True))
    page.get_by_test_id("example").first.wait_for()
    page.get_by_test_id("options").click()
    choose(page, "consensus", k=3)
    page.get_by_test_id("option-settles").check()
    page.get_by_test_id("option-settles").uncheck()
    expect(page.get_by_test_id("predicted")).to_contain_text("3 calls")
    watch.fits()
    page.get_by_test_id("source-paste").check()
    page.get_by_test_id("pasted").fill("\n\n".join([HOSTILE, "Heat leaves with the vapour.", "x" * 3_000]))
    ask(page, "nano", "<img src=x onerror=alert(3)> why?")
    expect(page.get_by_test_id("held")).to_have_count(3)
    page.get_by_test_id("made").locator("summary").click()
    watch.fits()
    page.get_by_test_id("view-columns").click()
    watch.fits()


def test_the_keyboard_alone_changes_the_strategy_and_runs(page: Page) -> None:
    expect(page.get_by_test_id("predicted")).to_contain_text("Predicted")
    page.get_by_test_id("query").focus()
    page.keyboard.type(QUESTION)
    focused = "document.querySelector('rr-explore').shadowRoot.activeElement?.dataset.testid"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "strategy":
            break
    before = page.get_by_test_id("strategy").input_value()
    page.keyboard.press("ArrowDown")
    after = page.get_by_test_id("strategy").input_value()
    assert after != before
    expect(page.get_by_test_id("predicted-aloud")).to_contain_text("Predicted: ")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("facts")).to_contain_text(page.get_by_test_id("strategy").locator("option:checked").inner_text())
    expect(page.get_by_test_id("outcome").first).to_have_text("clean", timeout=30_000)
    assert outcome(page) == "clean"
