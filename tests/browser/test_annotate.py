"""Correct an order so that nothing is lost."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_explore import ask
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser


def order(page: Page) -> list[str]:
    """First-stage ranks (and `line`) from top to bottom."""
    rows = page.get_by_test_id("ranker").locator(":scope > li").all()
    return [str(row.get_attribute("data-testid")).removeprefix("item-") for row in rows]


@pytest.fixture
def task(page: Page, request: pytest.FixtureRequest) -> Page:
    """A fresh ranking by the signals, opened for correction. The question differs by test, so that no judgement is shared."""
    ask(page, "signals", f"Why does a wet towel dry in the wind? {request.node.name}")
    page.get_by_test_id("card-1").wait_for()
    page.get_by_test_id("correct").click()
    page.get_by_test_id("ranker").wait_for()
    expect(page.get_by_test_id("save-state")).to_have_text("Nothing changed yet.")
    return page


def save(page: Page) -> None:
    """Save and wait for the server's word."""
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved, version")


def reopen(page: Page) -> None:
    """Reload, and go back to the tab; the order is the saved one as soon as the line beside it says so."""
    page.reload()
    page.get_by_role("tab", name="Annotate").click()
    page.get_by_test_id("ranker").wait_for()
    expect(page.get_by_test_id("save-state")).not_to_be_empty()


def test_keyboard_alone_reorders_grades_and_saves(task: Page) -> None:
    before = order(task)
    task.get_by_test_id(f"item-{before[2]}").focus()
    for key in ("Alt+ArrowUp", "Alt+ArrowUp", "3", "Control+s"):
        task.keyboard.press(key)
    expect(task.get_by_test_id("save-state")).to_contain_text("Saved, version")
    assert order(task)[:3] == [before[2], before[0], before[1]]
    reopen(task)
    assert order(task)[:3] == [before[2], before[0], before[1]]
    graded = task.get_by_test_id(f"item-{before[2]}").get_by_test_id("grade-3")
    expect(graded).to_have_attribute("aria-pressed", "true")


def test_dragging_reorders(task: Page) -> None:
    before = order(task)
    grip = task.get_by_test_id(f"handle-{before[3]}").bounding_box()
    target = task.get_by_test_id(f"item-{before[0]}").bounding_box()
    assert grip and target
    task.mouse.move(grip["x"] + 6, grip["y"] + 10)
    task.mouse.down()
    task.mouse.move(grip["x"] + 6, target["y"] + 2, steps=10)
    task.mouse.up()
    assert order(task)[:4] == [before[3], *before[:3]]
    save(task)
    reopen(task)
    assert order(task)[:4] == [before[3], *before[:3]]


def test_ties_the_bucket_and_the_line_go_over_the_wire_as_ids(task: Page) -> None:
    first, second, third = order(task)[:3]
    task.get_by_test_id(f"item-{second}").focus()
    task.keyboard.press("t")
    task.get_by_test_id(f"item-{third}").focus()
    task.keyboard.press("x")
    task.get_by_test_id("line").focus()
    task.keyboard.press("Alt+ArrowUp")
    with task.expect_request(lambda r: r.method == "POST" and r.url.endswith("/judgements")) as sent:
        save(task)
    body = json.loads(sent.value.post_data or "{}")
    assert len(body["order"][0]) == 2 and len(body["not_relevant"]) == 1 and len(body["unranked"]) == 1
    assert len(sent.value.post_data or "") < 6_000, "more than ids went over the wire"


def test_undo_and_redo(task: Page) -> None:
    before = order(task)
    task.get_by_test_id(f"item-{before[1]}").get_by_test_id("up").click()
    after = order(task)
    assert after[:2] == [before[1], before[0]]
    task.get_by_test_id("undo").click()
    assert order(task) == before
    task.get_by_test_id("redo").click()
    assert order(task) == after


def test_a_server_that_does_not_answer_loses_nothing(task: Page, watch: Watch) -> None:
    watch.expect("Failed to load resource")
    page = task

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/judgements", refuse)
    page.get_by_test_id("disagree").check()
    page.get_by_test_id("note").fill("kept through it all")
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("save-state")).to_contain_text("Not saved yet, will retry")
    page.unroute("**/api/v1/judgements")
    reopen(page)
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved, version", timeout=15_000)
    assert page.get_by_test_id("note").input_value() == "kept through it all"


def test_an_answer_that_got_lost_is_not_saved_twice(task: Page, watch: Watch) -> None:
    watch.expect("503")
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(str(json.loads(route.request.post_data or "{}")["idempotency_key"]))
            route.fetch()
            route.fulfill(status=503, json={"error": {"code": "busy", "message": "Come back later."}})
        else:
            route.continue_()

    task.route("**/api/v1/judgements", lose_first)
    task.get_by_test_id("disagree").check()
    task.get_by_test_id("save").click()
    expect(task.get_by_test_id("save-state")).to_have_text("Saved, version 1.", timeout=15_000)


def test_two_tabs_choose_between_their_versions(task: Page, watch: Watch) -> None:
    watch.expect("409")  # the browser itself reports a refused save
    other = task.context.new_page()
    other.goto(task.url)
    other.get_by_role("tab", name="Annotate").click()
    other.get_by_test_id("disagree").check()
    save(other)
    task.get_by_test_id("note").fill("mine")
    task.get_by_test_id("save").click()
    expect(task.get_by_test_id("conflict")).to_be_visible()
    task.get_by_test_id("keep-mine").click()
    expect(task.get_by_test_id("save-state")).to_have_text("Saved, version 2.")
    assert task.get_by_test_id("note").input_value() == "mine"


def test_history_and_exports(task: Page) -> None:
    task.get_by_test_id(f"item-{order(task)[0]}").get_by_test_id("grade-2").click()
    save(task)
    expect(task.get_by_test_id("history-item").first).to_contain_text("wet towel")
    task.get_by_role("tab", name="Data").click()
    for name in ("judgements", "qrels", "runs"):
        with task.expect_download() as download:
            task.get_by_test_id(f"export-{name}").click()
        assert download.value.path().stat().st_size > 0


def test_nothing_can_be_touched_before_what_was_saved_is_here(task: Page) -> None:
    """On a slow line Save could be pressed before the page knew which version it builds on: a conflict with oneself."""
    save(task)

    def slowly(route: Route) -> None:
        task.wait_for_timeout(1_200)
        route.continue_()

    task.route("**/api/v1/judgements?run=*", slowly)
    task.reload()
    task.get_by_role("tab", name="Annotate").click()
    task.get_by_test_id("ranker").wait_for(state="attached")
    expect(task.get_by_test_id("save")).to_be_hidden()
    task.keyboard.press("Control+s")
    task.get_by_test_id("save").click()
    expect(task.get_by_test_id("save-state")).to_contain_text("Saved, version 2.")
