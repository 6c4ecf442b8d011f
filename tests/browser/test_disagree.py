"""A visitor objects to a ranking: after the consent line, with an own order, once."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_explore import ask
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser


@pytest.fixture
def ranked(page: Page, request: pytest.FixtureRequest) -> Page:
    """A finished ranking by the signals with the objection open."""
    ask(page, "signals", f"Why does a wet towel dry in the wind? {request.node.name}")
    page.get_by_test_id("card-1").wait_for()
    page.get_by_test_id("object").click()
    page.get_by_test_id("consent").wait_for()
    return page


def test_one_click_after_the_consent_line_sends_an_objection_without_an_order(ranked: Page) -> None:
    expect(ranked.get_by_test_id("consent")).to_contain_text("version")
    with ranked.expect_request(lambda r: r.method == "POST" and r.url.endswith("/disagreements")) as sent:
        ranked.get_by_test_id("objection-send").click()
    body = json.loads(sent.value.post_data or "{}")
    assert body["order"] is None and body["note"] == "" and body["consent_version"]
    expect(ranked.get_by_test_id("objection-sent")).to_be_visible()
    expect(ranked.get_by_test_id("object")).to_be_hidden()


def test_an_order_by_keyboard_and_a_note_go_with_it_and_reach_the_inbox(ranked: Page) -> None:
    ranked.get_by_test_id("objection-order").locator("summary").click()
    steps = ranked.get_by_test_id("steps").get_by_test_id("step")
    before = [row.get_attribute("data-pid") for row in steps.all()]
    steps.nth(2).focus()
    ranked.keyboard.press("Alt+ArrowUp")
    ranked.keyboard.press("Alt+ArrowUp")
    ranked.get_by_test_id("objection-note").fill("<b>The third</b> says why.")
    with ranked.expect_request(lambda r: r.method == "POST" and r.url.endswith("/disagreements")) as sent:
        ranked.get_by_test_id("objection-send").click()
    body = json.loads(sent.value.post_data or "{}")
    assert [group[0] for group in body["order"][:3]] == [before[2], before[0], before[1]] and len(body["order"]) == len(before) <= 10
    expect(ranked.get_by_test_id("objection-sent")).to_be_visible()
    ranked.get_by_role("tab", name="Review").click()
    ranked.get_by_test_id("review-objections").click()
    expect(ranked.get_by_test_id("objection-item").first).to_contain_text("<b>The third</b> says why.")


def test_an_answer_that_got_lost_is_sent_again_under_the_same_key(ranked: Page, watch: Watch) -> None:
    watch.expect("503")
    keys: list[str] = []

    def lose_first(route: Route) -> None:
        keys.append(str(json.loads(route.request.post_data or "{}")["idempotency_key"]))
        if len(keys) > 1:
            return route.continue_()
        route.fetch()
        return route.fulfill(status=503, json={"error": {"code": "busy", "message": "Come back later."}})

    ranked.route("**/api/v1/runs/*/disagreements", lose_first)
    ranked.get_by_test_id("objection-send").click()
    expect(ranked.get_by_test_id("objection-trouble")).to_contain_text("Come back later")
    ranked.get_by_test_id("objection-send").click()
    expect(ranked.get_by_test_id("objection-sent")).to_be_visible()
    assert len(keys) == 2 and keys[0] == keys[1]
