"""The tab Review: from the table of tasks to a decision; agreement, annotators, objections."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import axe, pretend
from tests.browser.conftest import OpenPage, Screen
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

TASK = "0198c7a2-0000-7000-8000-000000000001"


def opened(open_page: OpenPage, screen: Screen | None = None, **changes: Any) -> tuple[Page, Watch]:
    """The tab Review over canned answers; `changes` replace the task under review."""
    page, watch = open_page("/", screen)
    answers = pretend.review_answers()
    if changes:
        answers[f"tasks/{TASK}/review"] = pretend.review(**changes)
    pretend.serve(page, answers)
    page.get_by_role("tab", name="Review").click()
    page.get_by_test_id("review-item").first.wait_for()
    return page, watch


def decisions(page: Page, answers: list[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    """What is posted as decisions, each answered by the next of `answers`."""
    sent: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "{}"))
        status, body = answers[min(len(sent), len(answers)) - 1]
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route(f"**/api/v1/tasks/{TASK}/adjudications", answer)
    return sent


def open_task(page: Page) -> None:
    """The first task of the table."""
    page.get_by_test_id("review-item").first.click()
    page.get_by_test_id("decide").wait_for()


def test_tasks_come_with_what_people_were_apart_and_hostile_text_stays_text(open_page: OpenPage) -> None:
    page, watch = opened(open_page)
    rows = page.get_by_test_id("review-tasks").locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("0.61")
    expect(rows.nth(0)).to_contain_text("1 flagged")
    expect(rows.nth(1)).to_contain_text("<img src=x onerror=alert(1)>")
    expect(rows.nth(3)).to_contain_text("one judge")
    watch.fits()


def test_heat_map_counts_each_judge_once_and_says_who_did_not_rank(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    open_task(page)
    row = page.get_by_test_id("heat").locator("tbody tr", has_text="Passage 7").locator("td")
    # Rank 1 by the third person, 7 by the model; two people did not rank it.
    assert [text.strip() for text in row.all_inner_texts()] == ["1", "0", "0", "0", "0", "0", "1", "0", "2"]


def test_orders_as_lines_tell_every_place_by_keyboard_and_as_a_table(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    open_task(page)
    lines = page.get_by_test_id("orders").get_by_role("img")
    lines.first.focus()
    page.keyboard.press("End")
    name = page.evaluate("document.querySelector('rr-review').shadowRoot.activeElement.getAttribute('aria-label')")
    assert "not ranked" in name and "nano" in name
    page.get_by_test_id("orders-table").click()
    expect(page.get_by_test_id("orders-rows").locator("tbody tr")).to_have_count(8)


def test_a_picked_order_is_changed_by_keyboard_and_saved_with_its_reason(open_page: OpenPage) -> None:
    page, _ = opened(open_page, base=4)
    sent = decisions(page, [(201, {"adjudication": {}})])
    open_task(page)
    page.get_by_test_id("pick-w1").check(force=True)
    page.get_by_test_id("steps").locator("[data-pid=p1]").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.get_by_test_id("reason").fill("The first names the cause.")
    page.get_by_test_id("adjudication-send").click()
    expect(page.get_by_test_id("reason")).to_have_value("")
    assert len(sent) == 1
    assert sent[0]["order"][:2] == [["p1"], ["p2"]] and sent[0]["picked_id"].endswith("101")
    assert sent[0]["base_version"] == 4 and sent[0]["reason"] == "The first names the cause." and "gold" not in sent[0]


def test_no_decision_without_a_reason(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    sent = decisions(page, [(201, {"adjudication": {}})])
    open_task(page)
    page.get_by_test_id("reason").fill("   ")
    page.get_by_test_id("adjudication-send").click()
    expect(page.get_by_test_id("adjudication-trouble")).to_contain_text("why")
    assert not sent


def test_a_stale_decision_shows_both_and_is_saved_on_top_under_a_new_key(open_page: OpenPage) -> None:
    page, watch = opened(open_page)
    watch.expect("409")
    newest = {
        "id": "a",
        "version": 2,
        "label": "pother",
        "picked_id": None,
        "order": [["p5"], ["p1"]],
        "not_relevant": [],
        "unranked": [],
        "grades": {},
        "reason": "No.",
        "created": "2026-11-28T09:00:00Z",
    }
    stale = {"error": {"code": "stale", "message": "Somebody decided meanwhile."}, "yours": {}, "newest": newest}
    sent = decisions(page, [(409, stale), (201, {"adjudication": {}})])
    open_task(page)
    page.get_by_test_id("reason").fill("Mine.")
    page.get_by_test_id("adjudication-send").click()
    expect(page.get_by_test_id("conflict")).to_contain_text("Version 2")
    page.get_by_test_id("keep-mine").click()
    expect(page.get_by_test_id("reason")).to_have_value("")
    assert [one["base_version"] for one in sent] == [0, 2]
    assert sent[0]["idempotency_key"] != sent[1]["idempotency_key"] and sent[0]["order"] == sent[1]["order"]


def test_a_lost_answer_is_sent_again_under_the_same_key(open_page: OpenPage) -> None:
    page, watch = opened(open_page)
    watch.expect("503")
    sent = decisions(page, [(503, {"error": {"code": "busy", "message": "Come back later."}}), (200, {"adjudication": {}})])
    open_task(page)
    page.get_by_test_id("reason").fill("Mine.")
    page.get_by_test_id("adjudication-send").click()
    expect(page.get_by_test_id("adjudication-trouble")).to_contain_text("Come back later")
    page.get_by_test_id("adjudication-send").click()
    expect(page.get_by_test_id("reason")).to_have_value("")
    assert sent[0]["idempotency_key"] == sent[1]["idempotency_key"]


def test_the_only_judge_is_told_that_somebody_else_decides(open_page: OpenPage) -> None:
    page, _ = opened(open_page, alone=True)
    page.get_by_test_id("review-item").first.click()
    expect(page.get_by_test_id("may-not")).to_contain_text("only judge")
    expect(page.get_by_test_id("decide")).to_have_count(0)


def test_agreement_says_n_interval_and_why_there_is_none(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    page.get_by_test_id("review-agreement").click()
    lines = page.get_by_test_id("statistics").first.get_by_role("listitem")
    expect(lines.nth(0)).to_contain_text("0.61 (0.51 to 0.71), n = 12")
    expect(lines.nth(3)).to_contain_text("Nobody gave grades in two tasks.")


def test_annotators_have_a_page_with_flags_in_sentences_and_models_are_among_them(open_page: OpenPage) -> None:
    page, watch = opened(open_page, Screen(width=375, height=800))
    page.get_by_test_id("review-annotators").click()
    expect(page.get_by_test_id("annotator-rows").locator("tbody tr").nth(2)).to_contain_text("model")
    page.get_by_test_id("annotator-item").nth(1).click()
    expect(page.get_by_test_id("flags")).to_contain_text("On 11 of 12 tasks the order is the one shown")
    watch.fits()


def test_an_objection_is_accepted_with_trust(open_page: OpenPage) -> None:
    page, _ = opened(open_page)
    sent: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "{}"))
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"disagreement": pretend.OBJECTION}))

    page.route("**/api/v1/disagreements/*/decision", answer)
    page.get_by_test_id("review-objections").click()
    expect(page.get_by_test_id("objection-item")).to_contain_text("<img src=x")
    page.get_by_test_id("trust").fill("0.25")
    with page.expect_response("**/decision"), page.expect_response("**/disagreements?state=new"):
        page.get_by_test_id("accept-send").click()
    expect(page.locator("rr-review [aria-busy]")).to_have_count(0)
    with page.expect_response("**/decision"):
        page.get_by_test_id("reject").click()
    assert sent == [{"state": "accepted", "trust": 0.25}, {"state": "rejected"}]


@pytest.mark.parametrize(
    "screen", [Screen(still=True), Screen(width=375, height=760, scheme="dark", still=True)], ids=["wide light", "narrow dark"]
)
def test_every_view_follows_the_rules_of_accessibility(open_page: OpenPage, screen: Screen) -> None:
    page, watch = opened(open_page, screen)
    axe.check(page)
    open_task(page)
    axe.check(page)
    for view, ready in (("agreement", "statistics"), ("annotators", "annotator-rows"), ("objections", "objection-item")):
        page.get_by_test_id(f"review-{view}").click()
        page.get_by_test_id(ready).first.wait_for()
        axe.check(page)
    watch.fits()
