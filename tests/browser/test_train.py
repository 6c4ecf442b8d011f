"""The tab Train over canned answers: jobs with their logs, synthesis and its items, filters that count in the page, dataset versions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import axe, pretend_train
from tests.browser.conftest import OpenPage, Screen
from tests.browser.pretend_train import COUNT, DATASETS, OTHER_ID, RUNNING, SYNTHESIS_ID, WAITING
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

NARROW = Screen(width=375, height=760, scheme="dark", still=True)


def opened(open_page: OpenPage, view: str, screen: Screen | None = None, changes: Mapping[str, Any] | None = None) -> tuple[Page, Watch]:
    """The tab Train at a view, over canned answers; `changes` replace some of them."""
    page, watch = open_page("/", screen)
    pretend_train.serve(page, pretend_train.answers(changes))
    page.goto(page.url.split("?")[0] + f"?train={view}&synthesis={SYNTHESIS_ID}")
    page.get_by_test_id(f"train-{view}").and_(page.locator("[aria-selected=true]")).wait_for()
    return page, watch


def posted(page: Page, path: str, answer: Any, status: int = 201) -> list[dict[str, Any]]:
    """What is posted to a path below /api/v1/."""
    sent: list[dict[str, Any]] = []

    def fulfil(route: Route) -> None:
        if route.request.method == "GET":
            return route.fallback()
        sent.append(json.loads(route.request.post_data or "{}"))
        return route.fulfill(status=status, content_type="application/json", body=json.dumps(answer))

    page.route(f"**/api/v1/{path}", fulfil)
    return sent


def events(*told: tuple[int, str, dict[str, Any]]) -> str:
    """Server-sent events on the wire."""
    return "".join(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for number, name, data in told)


def test_jobs_say_who_works_what_waits_and_what_went_wrong(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "jobs")
    expect(page.get_by_test_id("worker").nth(0)).to_contain_text("alive")
    expect(page.get_by_test_id("worker").nth(1)).to_contain_text("gone")
    expect(page.get_by_test_id("no-worker")).to_have_count(0)
    expect(page.get_by_test_id("jobs-waiting")).to_have_text("1 job at work, 1 waiting.")
    running = page.locator(f"[data-job='{RUNNING}']")
    expect(running.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "42")
    expect(running).to_contain_text("attempt 2")
    expect(running.get_by_test_id("job-doing")).to_contain_text("<img src=x onerror=alert(1)>")
    page.get_by_test_id("jobs-fold").locator("summary").first.click()
    expect(page.get_by_test_id("jobs-ended").get_by_test_id("job-error")).to_contain_text(["see whether its server runs"])
    watch.fits()


def test_where_nobody_works_the_command_stands_there(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "jobs", changes={"jobs": {"workers": [], "jobs": [], "waiting": 0}})
    expect(page.get_by_test_id("no-worker").locator("code")).to_have_text("python -m training worker")
    expect(page.get_by_test_id("jobs-waiting")).to_contain_text("Nothing is at work")


def test_a_log_goes_on_after_its_last_line_and_resumes_after_a_break(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "jobs")
    asked: list[str | None] = []

    def stream(route: Route) -> None:
        last = route.request.headers.get("last-event-id")
        asked.append(last)
        body = events((4, "log", {"text": "four"}), (5, "progress", {"progress": 0.5})) if last == "3" else ""
        if last == "5":
            body = events((5, "log", {"text": "twice"}), (6, "log", {"text": "six"}), (7, "end", {"state": "finished"}))
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route(f"**/api/v1/jobs/{RUNNING}/events", stream)
    job = page.locator(f"[data-job='{RUNNING}']")
    job.get_by_test_id("job-fold").locator("summary").click()
    expect(job.get_by_test_id("job-log")).to_contain_text("four\nsix")
    expect(job.get_by_test_id("job-log")).to_contain_text("read <img src=x")
    expect(job.get_by_test_id("job-log")).not_to_contain_text("twice")
    assert asked == ["3", "5"]


def test_a_running_job_is_ended_after_a_question_a_waiting_one_at_once(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "jobs")
    sent = posted(page, "jobs/*/cancel", {}, 200)
    page.locator(f"[data-job='{RUNNING}']").get_by_test_id("job-cancel").click()
    expect(page.get_by_test_id("cancel-job")).to_contain_text("What it has done so far is kept")
    page.get_by_test_id("cancel-job-close").click()
    assert sent == []
    with page.expect_request(f"**/jobs/{WAITING}/cancel"):
        page.locator(f"[data-job='{WAITING}']").get_by_test_id("job-cancel").click()
    page.locator(f"[data-job='{RUNNING}']").get_by_test_id("job-cancel").click()
    with page.expect_request(f"**/jobs/{RUNNING}/cancel"):
        page.get_by_test_id("cancel-sure").click()


def test_a_schedule_tells_its_next_times_before_it_is_saved(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "jobs")
    expect(page.get_by_test_id("schedule")).to_contain_text("At 3:00 on Monday")
    page.get_by_test_id("schedule-add").locator("summary").click()
    form = page.get_by_test_id("schedule-form")
    form.get_by_test_id("zone").select_option("UTC")
    form.get_by_test_id("cron").fill("30 4 29 2 *")  # 29 February: 2028, more than a year from the machine's 2026
    page.clock.set_fixed_time("2027-03-01T00:00:00Z")
    form.get_by_test_id("cron").fill("15 6 1,2 4 *")
    expect(page.get_by_test_id("schedule-next")).to_have_text(re.compile(r"Next: Apr 1, 2027, 6:15\sAM · Apr 2, 2027, 6:15\sAM$"))
    form.get_by_test_id("cron").fill("@weekly")
    expect(page.get_by_test_id("schedule-next")).to_contain_text("the server will say")
    sent = posted(page, "schedules", {"schedule": {}})
    form.get_by_test_id("name").fill("Weekly")
    form.get_by_test_id("cron").fill("0 3 * * 1")
    page.get_by_test_id("schedule-form-send").click()
    expect(page.get_by_test_id("schedule-form")).to_be_hidden()
    assert sent[0]["cron"] == "0 3 * * 1" and sent[0]["zone"] == "UTC" and sent[0]["kind"] == "synthesize"
    assert sent[0]["arguments"] == {"recipe": "demo", "text": pretend_train.TOML, "teacher": "", "limit": 0}


def test_a_synthesis_is_started_from_a_recipe_as_it_is_or_changed(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "synthesis")
    job = pretend_train.job(WAITING, "queued")
    sent = posted(page, "syntheses", {"job": job})
    expect(page.get_by_test_id("recipe-about")).to_contain_text("a few minutes on one core")
    expect(page.get_by_test_id("embedded")).to_contain_text("reads six numbers of each passage and no text")
    page.get_by_test_id("limit").fill("20")
    page.get_by_test_id("synthesis-form-send").click()
    expect(page.get_by_test_id("synthesis-queued")).to_be_visible()
    page.get_by_test_id("teacher").select_option("big")
    expect(page.get_by_test_id("embedded")).to_be_hidden()
    page.get_by_test_id("recipe-fold").locator("summary").click()
    page.get_by_test_id("text").fill('name = "mine"\n')
    with page.expect_response("**/api/v1/syntheses"):
        page.get_by_test_id("synthesis-form-send").click()
    assert [(one["recipe"], one["text"], one["teacher"], one["limit"]) for one in sent] == [
        ("demo", "", "", 20), ("demo", 'name = "mine"\n', "big", 20),
    ]  # fmt: skip
    assert sent[0]["idempotency_key"] != sent[1]["idempotency_key"]


def test_a_refused_recipe_says_why_and_keeps_what_was_written(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "synthesis")
    watch.expect("400")
    posted(page, "syntheses", {"error": {"code": "bad_input", "message": "the recipe is not TOML: line 1"}}, 400)
    page.get_by_test_id("recipe-fold").locator("summary").click()
    page.get_by_test_id("text").fill("name =")
    page.get_by_test_id("synthesis-form-send").click()
    expect(page.get_by_test_id("synthesis-form-trouble")).to_contain_text("line 1")
    expect(page.get_by_test_id("text")).to_have_value("name =")


def test_a_running_synthesis_shows_cost_and_items_as_they_come(open_page: OpenPage) -> None:
    running = pretend_train.job(pretend_train.ENDED, "running", progress=0.3, doing="item 3 of 10")
    page, watch = opened(open_page, "synthesis", changes={f"jobs/{pretend_train.ENDED}": {**running, "log": []}})
    shown = page.get_by_test_id("synthesis-one")
    expect(shown.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "30")
    expect(shown.get_by_test_id("synthesis-numbers")).to_contain_text("2.04 USD")
    expect(shown.get_by_test_id("synthesis-items").get_by_test_id("synthesis-item")).to_have_count(13)
    expect(shown).to_contain_text("Items, the newest first")
    expect(shown.get_by_test_id("synthesis-item").nth(11)).to_contain_text("consistency 0.06")
    watch.fits()


def test_an_item_shows_labels_origins_every_answer_trace_and_reasons(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "synthesis")
    page.get_by_test_id("item-open").nth(1).click()
    item = page.get_by_test_id("item")
    cards = item.get_by_test_id("item-card")
    expect(cards).to_have_count(8)
    expect(cards.nth(0)).to_contain_text("Passage 2")  # the third answer trains: p2 before p1
    expect(cards.nth(0)).to_contain_text("label 1")
    expect(cards.nth(0)).to_contain_text("linked page")
    expect(cards.nth(0).locator(".arrow")).to_contain_text("▲1")
    expect(item.get_by_test_id("item-scores")).to_contain_text("the labelled passage stands at rank 2")
    expect(item).to_contain_text("the teacher's own pointwise answers")
    item.get_by_test_id("orders-table").click()
    row = item.get_by_test_id("orders-rows").locator("tbody tr", has_text="Passage 2")
    assert row.locator("td").all_inner_texts() == ["2", "7", "1", "1"]  # three answers and a person
    trace = item.get_by_test_id("sample").nth(2).get_by_test_id("trace")
    expect(trace.get_by_test_id("cite")).to_have_count(4)  # [99] was shown nobody and stays text
    trace.get_by_test_id("cite").first.click()
    expect(item.locator("[data-card=p3]")).to_be_focused()  # the third answer was shown p3 first
    watch.fits()
    page.get_by_test_id("item-back").click()
    expect(page.get_by_test_id("item-open").nth(1)).to_be_focused()


def at(page: Page) -> str:
    """The sum of survivors, as it stands."""
    return page.get_by_test_id("survive").inner_text().split("\n")[0]


def test_thresholds_count_in_the_page_without_a_request(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "filters")
    expect(page.get_by_test_id("survive")).to_contain_text(f"of {COUNT} survive")
    # By hand: consistency >= 0.4 leaves numbers 81 to 200, samples >= 0.2 of those 81 to 161, without the held out 90, 100 .. 160: 81 - 8.
    assert at(page) == "73"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    number = page.get_by_test_id("threshold-consistency")
    number.fill("0.6")
    assert at(page) == "37"  # 121 to 161 without 130, 140, 150, 160
    expect(page.get_by_test_id("drops-consistency")).to_have_text("drops 120, 108 by this one alone")
    domains = page.get_by_test_id("survive-domains").locator("tbody tr")
    expect(domains.nth(1)).to_contain_text("cooking")
    assert domains.nth(1).locator("td").all_inner_texts() == ["100", "21", "0.0495 USD"]  # 1.04 / 21
    page.get_by_test_id("range-consistency").focus()
    page.keyboard.press("Home")
    expect(number).to_have_value("0")
    assert at(page) == "145" and asked == []  # 1 to 161 without sixteen tens
    expect(page.get_by_test_id("range-holdout")).to_have_count(0)
    expect(page.get_by_test_id("filter-holdout")).to_contain_text("can't be moved")
    watch.fits()


def test_moved_thresholds_outlive_a_reload_and_are_reset(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "filters")
    page.get_by_test_id("threshold-samples").fill("-1")
    expect(page.get_by_test_id("survive")).to_contain_text("108")  # 81 to 200 without twelve tens
    page.reload()
    expect(page.get_by_test_id("threshold-samples")).to_have_value("-1")
    expect(page.get_by_test_id("survive")).to_contain_text("108")
    page.get_by_test_id("filters-reset").click()
    expect(page.get_by_test_id("threshold-samples")).to_have_value("0.2")
    assert at(page) == "73"
    page.get_by_test_id("filters-synthesis").select_option(OTHER_ID)
    page.wait_for_function(f"location.search.includes('{OTHER_ID}')")


def test_a_number_out_of_bounds_moves_nothing_and_goes_back(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "filters")
    number = page.get_by_test_id("threshold-consistency")
    number.fill("7")
    number.blur()
    expect(number).to_have_value("0.4")
    assert at(page) == "73"


def test_items_on_both_sides_of_the_line_open(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "filters")
    page.get_by_test_id("look-consistency").click()
    near = page.get_by_test_id("near-item")
    expect(near).to_have_count(10)
    expect(near.nth(0)).to_contain_text("0.395")
    expect(near.nth(0)).to_contain_text("the labelled passage stands at rank 80")
    expect(near.nth(5)).to_contain_text("0.400")
    page.get_by_test_id("threshold-consistency").fill("0.5")
    expect(near.nth(0)).to_contain_text("dough number 100")
    near.nth(0).get_by_role("button").click()
    page.get_by_test_id("item-list").wait_for()
    page.get_by_test_id("item-back").click()
    expect(page.get_by_test_id("threshold-consistency")).to_have_value("0.5")
    page.get_by_test_id("table-consistency").click()
    expect(page.get_by_test_id("histogram-table")).to_contain_text("0.96")
    watch.fits()


def test_what_survives_becomes_a_version_by_a_job(open_page: OpenPage) -> None:
    made = pretend_train.job(WAITING, "finished", kind="dataset", result={"dataset": DATASETS[0]})
    page, _ = opened(open_page, "filters", changes={f"jobs/{WAITING}": {**made, "log": []}})
    sent = posted(page, f"syntheses/{SYNTHESIS_ID}/datasets", {"job": pretend_train.job(WAITING, "queued", kind="dataset")})
    page.get_by_test_id("threshold-consistency").fill("0.6")
    page.get_by_test_id("name").fill("strict")
    page.get_by_test_id("build-send").click()
    page.get_by_test_id("build-see").click()
    expect(page.locator(f"[data-id='{DATASETS[0]}']").get_by_test_id("dataset-prose")).to_contain_text("150 examples")
    assert sent[0]["name"] == "strict" and sent[0]["thresholds"] == {"consistency": 0.6}
    assert f"dataset={DATASETS[0]}" in page.url


def test_versions_have_a_card_a_file_and_differences(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "datasets")
    expect(page.get_by_test_id("dataset")).to_have_count(2)
    href = page.get_by_test_id("dataset-file").first.get_attribute("href") or ""
    assert href.endswith(f"/api/v1/datasets/{DATASETS[0]}/file")
    page.get_by_test_id("dataset-card").first.locator("summary").first.click()
    prose = page.get_by_test_id("dataset-prose")
    expect(prose.locator("strong")).to_have_text("embedded")
    expect(prose.get_by_role("cell")).to_have_text(["a", "17"])
    expect(prose).to_contain_text("<script>alert(1)</script>")
    page.get_by_test_id("compare-send").click()
    expect(page.get_by_test_id("diff")).to_contain_text("0 examples came, 1 example went, 1 verdict changed.")
    expect(page.get_by_test_id("diff-removed")).to_contain_text("kept → dropped by consistency")
    expect(page.get_by_test_id("diff-changed")).to_contain_text("labels")
    watch.fits()


@pytest.mark.parametrize(
    ("view", "answer", "says"),
    [
        ("synthesis", {"syntheses": {"syntheses": []}, "recipes": {"recipes": [], "teachers": [], "worker": False}}, "python -m training"),
        ("filters", {"syntheses": {"syntheses": []}}, "synthesize something first"),
        ("datasets", {"datasets": {"datasets": []}}, "build one there"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_the_page_says_what_to_do(open_page: OpenPage, view: str, answer: dict[str, Any], says: str) -> None:
    page, watch = opened(open_page, view, changes=answer)
    expect(page.locator("rr-train")).to_contain_text(says)
    watch.fits()


def test_a_server_that_went_away_is_said_and_comes_back(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "jobs")
    watch.expect("Failed to load resource")
    page.locator(f"[data-job='{RUNNING}']").wait_for()
    page.route("**/api/v1/jobs", lambda route: route.abort())
    expect(page.get_by_test_id("train-lost")).to_contain_text("does not answer")
    expect(page.locator(f"[data-job='{RUNNING}']")).to_be_visible()
    page.unroute("**/api/v1/jobs")
    expect(page.get_by_test_id("train-lost")).to_be_hidden()


def test_the_address_names_the_tab_only_while_it_is_in_sight(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "datasets")
    page.get_by_role("tab", name="Explore").click()
    expect(page.get_by_test_id("example").first).to_be_visible()
    page.wait_for_function("!location.search.includes('train')")
    page.get_by_role("tab", name="Train", exact=True).click()
    page.wait_for_function("location.search.includes('train=datasets')")


def test_views_change_by_arrow_keys(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "synthesis")
    page.get_by_test_id("train-synthesis").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("train-filters")).to_be_focused()
    expect(page.get_by_test_id("survive")).to_be_visible()


@pytest.mark.parametrize("screen", [Screen(still=True), NARROW], ids=["wide light", "narrow dark"])
def test_every_view_follows_the_rules_of_accessibility(open_page: OpenPage, screen: Screen) -> None:
    page, watch = opened(open_page, "synthesis", screen)
    page.get_by_test_id("item-open").first.wait_for()
    page.get_by_test_id("recipe-fold").locator("summary").click()
    axe.check(page)
    page.get_by_test_id("item-open").first.click()
    page.get_by_test_id("item-list").wait_for()
    axe.check(page)
    page.get_by_test_id("train-filters").click()
    page.get_by_test_id("look-samples").click()
    page.get_by_test_id("near-item").first.wait_for()
    page.get_by_test_id("table-duplicate").click()
    axe.check(page)
    watch.fits()
    page.get_by_test_id("train-datasets").click()
    page.get_by_test_id("dataset-card").first.locator("summary").first.click()
    page.get_by_test_id("compare-send").click()
    page.get_by_test_id("diff-removed").wait_for()
    axe.check(page)
    page.get_by_test_id("train-jobs").click()
    page.get_by_test_id("jobs-fold").locator("summary").first.click()
    page.get_by_test_id("schedule-add").locator("summary").click()
    page.get_by_test_id("schedule-next").wait_for()
    page.locator(f"[data-job='{RUNNING}']").get_by_test_id("job-cancel").click()
    axe.check(page)
    watch.fits()
