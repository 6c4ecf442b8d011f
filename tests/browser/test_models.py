"""The tab Models over canned answers: what serves, the gate, promoting and going back, updates as they learn, what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import axe, pretend_models
from tests.browser.conftest import OpenPage, Screen
from tests.browser.pretend_models import ACTIVE, BASE, BETTER, CANDIDATE, ENDED, POINTS, REJECTED, UPDATE, VERSIONS, WAITING, WORSE
from tests.browser.pretend_train import job
from tests.browser.test_train import NARROW, events, posted
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser


def opened(open_page: OpenPage, place: str, screen: Screen | None = None, changes: Mapping[str, Any] | None = None) -> tuple[Page, Watch]:
    """The tab Models at a place ("versions&version=..."), over canned answers; `changes` replace some of them."""
    page, watch = open_page("/", screen)
    pretend_models.serve(page, pretend_models.answers(changes))
    page.goto(page.url.split("?")[0] + f"?models={place}")
    page.get_by_test_id(f"models-{place.split('&')[0]}").and_(page.locator("[aria-selected=true]")).wait_for()
    return page, watch


def test_what_serves_and_every_version_stand_with_gain_interval_and_n(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "versions")
    serving = page.get_by_test_id("serving-model")
    expect(serving.nth(0)).to_contain_text("nano a1a1a1a1")
    expect(serving.nth(1)).to_contain_text("waiting")
    versions = page.get_by_test_id("version")
    expect(versions).to_have_count(len(VERSIONS))
    active = page.locator(f"[data-testid=version][data-id='{ACTIVE}']")
    expect(active).to_contain_text("NDCG@10 +0.034 (+0.010 to +0.058), p = 0.0030, n = 48 of the gold lists")
    rejected = page.locator(f"[data-testid=version][data-id='{REJECTED}']")
    expect(rejected).to_contain_text("<img src=x onerror=alert(1)>")
    expect(rejected).to_contain_text("rejected by the check 'better'")
    watch.fits()


def test_a_version_shows_every_check_its_limit_and_what_could_have_been_seen(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"versions&version={REJECTED}")
    rows = page.get_by_test_id("gate-checks").locator("tbody tr")
    expect(rows).to_have_count(len(WORSE.checks))
    better = rows.filter(has_text="better than the active version")
    expect(better).to_contain_text("failed")
    expect(better).to_contain_text("\u22120.035")  # half of the lists lost 0.04, half 0.03
    expect(rows.filter(has_text="time of a list")).to_contain_text("2.50 ×")
    expect(rows.filter(has_text="time of a list")).to_contain_text("at most 1.50 ×")
    assert WORSE.smallest is not None
    expect(page.get_by_test_id("gate-smallest")).to_contain_text(f"{WORSE.smallest:.3f}")
    table = page.get_by_test_id("honest-table").locator("tbody tr")
    expect(table).to_have_count(3)
    expect(table.nth(2)).to_contain_text("0.731")
    expect(table.nth(2)).to_contain_text("+0.119")
    page.get_by_test_id("version-card").locator("summary").click()
    expect(page.get_by_test_id("version-card").locator("strong")).to_have_text("can't")
    expect(page.get_by_test_id("version-card")).to_contain_text("<script>alert(1)</script>")
    expect(page.get_by_test_id("version-card")).not_to_contain_text("reranking")
    href = page.get_by_test_id("version-file").get_attribute("href") or ""
    assert href.endswith(f"/api/v1/versions/{REJECTED}/file")
    page.get_by_test_id("version-curves").locator("summary").click()
    expect(page.get_by_test_id("curve-sft-loss")).to_contain_text("Step 40: loss 0.400")
    watch.fits()


def test_a_version_outlives_a_reload_and_leads_to_its_base_and_back(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "versions")
    page.locator(f"[data-testid=version][data-id='{CANDIDATE}']").get_by_test_id("version-open").click()
    expect(page.get_by_role("heading", name="nano b2b2b2b2")).to_be_focused()
    page.reload()
    expect(page.get_by_role("heading", name="nano b2b2b2b2")).to_be_visible()
    page.get_by_test_id("to-base").click()
    expect(page.get_by_role("heading", name="nano d4d4d4d4")).to_be_visible()
    page.get_by_test_id("version-back").click()
    expect(page.get_by_test_id("version").first).to_be_visible()
    page.wait_for_function("!location.search.includes('version=')")


def test_a_version_that_the_gate_lets_pass_is_promoted_under_the_recipes_margins(open_page: OpenPage) -> None:
    page, _ = opened(open_page, f"versions&version={CANDIDATE}")
    sent = posted(page, f"versions/{CANDIDATE}/promote", {**VERSIONS[0], "state": "active"}, 200)
    page.get_by_test_id("promote-open").click()
    expect(page.get_by_test_id("promote")).to_contain_text("nano a1a1a1a1")  # what serves now
    page.get_by_test_id("note").fill("Looks right.")
    page.get_by_test_id("promote-form-send").click()
    expect(page.get_by_test_id("promote")).to_be_hidden()
    assert sent == [{"margins": None, "note": "Looks right."}]


def test_a_refused_version_is_promoted_only_under_other_margins_with_a_reason(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"versions&version={REJECTED}")
    watch.expect("409")
    answer = {"error": {"code": "conflict", "message": "rejected still"}, "decision": BETTER.plain | {"reason": "now it would pass"}}
    sent = posted(page, f"versions/{REJECTED}/promote", answer, 409)
    page.get_by_test_id("promote-open").click()
    told = page.get_by_test_id("promote-told")
    expect(told).to_contain_text("No margin lets this pass: it is no better on these lists.")
    expect(told).to_contain_text("It would pass with “It may be slower by the factor” at 2.500 or more.")
    page.get_by_test_id("slower").fill("3")
    page.get_by_test_id("promote-form-send").click()
    expect(page.get_by_test_id("promote-form-trouble")).to_contain_text("Say why")
    page.get_by_test_id("gold_drop").fill("")
    page.get_by_test_id("promote-form-send").click()
    expect(page.get_by_test_id("promote-form-trouble")).to_contain_text("Every margin is a number")
    page.get_by_test_id("gold_drop").fill("0.02")
    page.get_by_test_id("note").fill("Slow is fine by night.")
    page.get_by_test_id("promote-form-send").click()
    expect(page.get_by_test_id("promote-form-trouble")).to_contain_text("rejected still")
    expect(told).to_contain_text("now it would pass")
    assert sent == [{"margins": {"slower": 3}, "note": "Slow is fine by night."}]


def test_going_back_says_what_changes_before_it_does(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "versions")
    sent = posted(page, "versions/rollback", {"promotion": {}, "serving": []}, 200)
    page.locator("[data-model=nano]").get_by_test_id("go-back").click()
    asked = page.get_by_test_id("go-back-sure")
    expect(asked).to_contain_text("nano a1a1a1a1\u2069 serves now")
    expect(asked).to_contain_text("answered by \u2068nano d4d4d4d4")
    expect(asked).to_contain_text("What is given up: NDCG@10 +0.034")
    page.get_by_test_id("go-back-sure-close").click()
    assert sent == []
    page.locator("[data-model=big]").get_by_test_id("go-back").click()
    expect(asked).to_contain_text("waits for its server and would be withdrawn")
    page.get_by_test_id("note").fill("Not yet.")
    page.get_by_test_id("go-back-form-send").click()
    expect(asked).to_have_count(0)
    assert sent == [{"model": "big", "note": "Not yet."}]


def test_where_no_version_served_before_nothing_is_offered(open_page: OpenPage) -> None:
    first = {
        "versions": [VERSIONS[-1] | {"state": "active"}],
        "serving": [{"model": "nano", "version": BASE, "state": "serving", "text": ""}],
    }
    page, _ = opened(open_page, "versions", changes={"versions": first})
    page.get_by_test_id("go-back").click()
    expect(page.get_by_test_id("go-back-sure")).to_contain_text("there is none to go back to")
    expect(page.get_by_test_id("go-back-form")).to_have_count(0)


def test_an_update_is_started_with_recipe_seed_and_cold_start(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "updates")
    sent = posted(page, "jobs", job(UPDATE, "queued", kind="update"))
    expect(page.get_by_test_id("training-about")).to_contain_text("two minutes on one core")
    expect(page.get_by_test_id("seed")).to_have_value("7")
    page.get_by_test_id("from_scratch").check()
    page.get_by_test_id("seed").fill("11")
    page.get_by_test_id("update-form-send").click()
    expect(page.get_by_test_id("update-queued")).to_be_visible()
    expect(page.get_by_test_id("update-one")).to_be_visible()  # it opens by itself once it is in the list
    page.get_by_test_id("recipe").select_option("reasonrank-7b")
    expect(page.get_by_test_id("from_scratch")).to_be_hidden()
    expect(page.get_by_test_id("seed")).to_have_value("42")
    assert sent[0]["kind"] == "update"
    assert sent[0]["arguments"] == {"recipe": "nano", "seed": 11, "from_scratch": True, "again": False}


def test_a_running_update_shows_points_as_they_are_written_after_a_break_too(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "updates")
    asked: list[str | None] = []

    def stream(route: Route) -> None:
        last = route.request.headers.get("last-event-id")
        asked.append(last)
        body = events((1, "log", {"text": "begins"}), (2, "point", POINTS[12])) if last is None else ""
        if last == "2":
            body = events((2, "point", POINTS[12]), (3, "point", POINTS[13]), (4, "end", {"state": "finished"}))
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route(f"**/api/v1/jobs/{UPDATE}/events", stream)
    page.locator(f"[data-testid=update][data-id='{UPDATE}']").get_by_test_id("update-open").click()
    loss = page.get_by_test_id("curve-sft-loss")
    expect(loss).to_contain_text("Step 14: loss 0.833")  # 2 / 2.4
    assert asked[:2] == [None, "2"]
    expect(page.locator("[data-step=dataset]")).to_contain_text("done")
    expect(page.locator("[data-step=sft]")).to_contain_text("at work")
    expect(page.locator("[data-step=decide]")).to_contain_text("to come")
    expect(page.locator("[data-step=cold]")).to_have_count(0)
    expect(page.get_by_test_id("completions")).to_be_hidden()
    page.get_by_test_id("curve-table-sft-loss").click()
    expect(loss.locator("tbody tr")).to_have_count(14)
    expect(loss.locator("tbody tr").first).to_contain_text("0.833")
    posted(page, "jobs/*/cancel", {}, 200)
    with page.expect_request(f"**/jobs/{UPDATE}/cancel"):
        page.get_by_test_id("job-cancel").click()
        page.get_by_test_id("cancel-sure").click()


def test_an_ended_update_keeps_its_curves_its_decision_and_its_place(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"updates&update={ENDED}")
    page.reload()
    expect(page.get_by_test_id("update-decision")).to_contain_text("rejected by the check 'better'")
    parts = page.get_by_test_id("curve-rl-parts")
    expect(parts).to_contain_text("Step 300: ndcg 0.800, recall 0.600, rbo 0.200, format 1.000, faithful 0.900, grades -0.100")
    expect(parts.locator(".legend li")).to_have_count(6)
    expect(parts.locator("svg path.course").nth(6 + 5)).to_have_class("course m-dash-1 series-0")  # the sixth line, after the key's six
    for name in ("reward", "kl", "length", "ndcg"):
        expect(page.get_by_test_id(f"curve-rl-{name}").locator("svg.plot-svg")).to_be_visible()
    page.get_by_test_id("curve-table-rl-kl").click()
    expect(page.get_by_test_id("curve-rl-kl").get_by_role("region")).to_have_attribute(
        "aria-label", "KL against the start: the last 200 of 300 steps"
    )
    page.get_by_test_id("to-version").click()
    expect(page.get_by_test_id("version-page")).to_be_visible()
    watch.fits()


def test_what_it_wrote_is_read_step_by_step_with_the_parts_of_its_reward(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"updates&update={ENDED}")
    page.get_by_test_id("completions").locator("summary").first.click()
    written = page.get_by_test_id("completion")
    expect(written).to_have_count(10)
    expect(written.first).to_contain_text("Step 300, answer 1: <img src=x")
    expect(written.first.get_by_test_id("parts")).to_contain_text("-0.20")
    expect(page.get_by_test_id("step-next")).to_be_disabled()
    page.get_by_test_id("completions-more").click()
    expect(written).to_have_count(15)
    expect(page.get_by_test_id("completions-more")).to_be_hidden()
    page.get_by_test_id("step-before").click()
    expect(written.first).to_contain_text("Step 299, answer 1")
    page.get_by_test_id("step").select_option("all")
    expect(written.first).to_contain_text("Step 1, answer 1")
    watch.fits()


def test_what_was_learned_names_people_influence_and_changed_questions(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"learned&version={CANDIDATE}")
    expect(page.get_by_test_id("learned-sum")).to_have_text("3 corrections of 2 people went into its training data.")
    expect(page.get_by_test_id("learned-influence")).to_contain_text("4 more had fewer corrections")
    influence = page.get_by_test_id("influence").locator("tbody tr")
    expect(influence.nth(0)).to_contain_text("+0.004 to +0.039")
    expect(influence.nth(1)).to_contain_text("<img src=x")
    first = page.get_by_test_id("changed").first
    expect(first).to_contain_text("1 passage moved")  # p6 went to the top: the others stand as they stood to each other
    first.get_by_test_id("orders-table").click()
    row = first.get_by_test_id("orders-rows").locator("tbody tr", has_text="Passage 6")
    assert row.locator("td").all_inner_texts() == ["6", "1"]
    expect(first).to_contain_text("After, NDCG@10 0.930")
    expect(first.get_by_test_id("cite")).to_have_count(2)  # [99] was shown nobody and stays text
    page.get_by_test_id("learned-version").select_option(ACTIVE)
    page.wait_for_function(f"location.search.includes('{ACTIVE}')")
    watch.fits()


def test_influence_that_a_job_measured_afterwards_stands_there_too(open_page: OpenPage) -> None:
    found = {**pretend_models.LEARNED["influence"], "version": CANDIDATE}
    one = pretend_models.whole(VERSIONS[0])
    bare = {**one, "report": {**one["report"], "learned": {**pretend_models.LEARNED, "influence": None}}}
    jobs = {"workers": [], "jobs": [job(WAITING, "finished", kind="influence", result=found)], "waiting": 0}
    page, _ = opened(open_page, f"learned&version={CANDIDATE}", changes={f"versions/{CANDIDATE}": bare, "jobs": jobs})
    expect(page.get_by_test_id("influence").locator("tbody tr")).to_have_count(2)


def test_influence_that_nobody_measured_can_be_measured(open_page: OpenPage) -> None:
    one = pretend_models.whole(VERSIONS[0])
    bare = {**one, "report": {**one["report"], "learned": {**pretend_models.LEARNED, "influence": None}}}
    page, _ = opened(open_page, f"learned&version={CANDIDATE}", changes={f"versions/{CANDIDATE}": bare})
    sent = posted(page, "jobs", job(UPDATE, "queued", kind="influence"))
    page.get_by_test_id("measure-send").click()
    expect(page.get_by_test_id("learned-influence")).to_contain_text("In the queue")
    assert sent[0]["kind"] == "influence" and sent[0]["arguments"] == {"version": CANDIDATE}


@pytest.mark.parametrize(
    ("view", "answer", "says"),
    [
        ("versions", {"versions": {"versions": [], "serving": []}}, "No version has been made yet"),
        ("updates", {"updates": {"updates": []}}, "No update has been made yet"),
        ("updates", {"recipes": {"recipes": [], "training": [], "teachers": [], "worker": False}}, "python -m training worker"),
        ("learned", {"versions": {"versions": [VERSIONS[-1]], "serving": []}}, "Nothing has been learned yet"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_the_page_says_what_to_do(open_page: OpenPage, view: str, answer: dict[str, Any], says: str) -> None:
    page, watch = opened(open_page, view, changes=answer)
    expect(page.locator("rr-models")).to_contain_text(says)
    watch.fits()


def test_a_server_that_went_away_is_said_and_comes_back(open_page: OpenPage) -> None:
    page, watch = opened(open_page, "versions")
    watch.expect("Failed to load resource")
    page.get_by_test_id("version").first.wait_for()
    page.route("**/api/v1/versions", lambda route: route.abort())
    expect(page.get_by_test_id("train-lost")).to_contain_text("does not answer")
    expect(page.get_by_test_id("version").first).to_be_visible()
    page.unroute("**/api/v1/versions")
    expect(page.get_by_test_id("train-lost")).to_be_hidden()


def test_an_update_is_scheduled_after_so_many_new_judgements(open_page: OpenPage) -> None:
    kept = {
        "id": "0198c7a2-0000-7000-8000-0000000000e2", "name": "Learn", "cron": "", "zone": "UTC", "kind": "update", "judgements": 50,
        "arguments": {}, "enabled": True, "next_at": None, "says": "After every 50 new judgements",
    }  # fmt: skip
    page, _ = opened(open_page, "versions", changes={"schedules": {"schedules": [kept]}})
    page.get_by_role("tab", name="Train", exact=True).click()
    page.get_by_test_id("train-jobs").click()
    expect(page.get_by_test_id("schedule")).to_contain_text("update of a model · After every 50 new judgements")
    page.get_by_test_id("schedule-add").locator("summary").click()
    page.get_by_test_id("name").fill("Learn more")
    page.get_by_test_id("recipe").select_option("update nano")
    page.get_by_test_id("by").select_option("judgements")
    expect(page.get_by_test_id("cron")).to_be_hidden()
    sent = posted(page, "schedules", {"schedule": kept})
    page.get_by_test_id("judgements").fill("")
    page.get_by_test_id("schedule-form-send").click()
    expect(page.get_by_test_id("schedule-form-trouble")).to_contain_text("from 1")
    page.get_by_test_id("judgements").fill("25")
    page.get_by_test_id("schedule-form-send").click()
    expect(page.get_by_test_id("schedule-form")).to_be_hidden()
    assert sent == [
        {
            "name": "Learn more", "judgements": 25, "kind": "update", "enabled": True,
            "arguments": {"recipe": "nano", "seed": 7, "from_scratch": False},
        }
    ]  # fmt: skip


def test_the_address_names_the_tab_only_while_it_is_in_sight(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "learned")
    page.get_by_role("tab", name="Explore").click()
    expect(page.get_by_test_id("example").first).to_be_visible()
    page.wait_for_function("!location.search.includes('models')")
    page.get_by_role("tab", name="Models").click()
    page.wait_for_function("location.search.includes('models=learned')")


def test_everything_is_reached_by_the_keyboard_alone(open_page: OpenPage) -> None:
    page, _ = opened(open_page, "versions")
    page.get_by_test_id("models-versions").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("models-updates")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    opener = page.locator(f"[data-testid=version][data-id='{REJECTED}']").get_by_test_id("version-open")
    opener.focus()
    page.keyboard.press("Enter")
    promote = page.get_by_test_id("promote-open")
    promote.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("promote")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("promote")).to_have_count(0)
    expect(promote).to_be_focused()


def test_the_tab_is_found_where_the_bar_has_no_room_for_it(open_page: OpenPage) -> None:
    page, watch = opened(open_page, f"versions&version={REJECTED}", Screen(width=320, height=640, still=True))
    page.get_by_test_id("gate-checks").wait_for()
    expect(page.locator("#tab-train-button")).to_have_count(0)  # those after Review are in Gradio's menu, this one too until it was chosen
    watch.fits()


def test_a_studio_without_updates_serves_what_it_ships_and_has_nothing_to_go_back_to(open_page: OpenPage) -> None:
    page, watch = open_page("/?models=versions")
    expect(page.get_by_test_id("serving-model").first).to_contain_text("nano, as it ships")
    page.get_by_test_id("version-open").first.click()
    expect(page.get_by_test_id("version-provenance")).to_contain_text("weights that start at random")
    expect(page.get_by_test_id("promote-open")).to_have_count(0)
    page.get_by_test_id("version-back").click()
    page.locator("[data-model=nano]").get_by_test_id("go-back").click()
    expect(page.get_by_test_id("go-back-sure")).to_contain_text("there is none to go back to")
    page.get_by_test_id("go-back-sure-close").click()
    page.get_by_test_id("models-updates").click()
    expect(page.get_by_test_id("updates")).to_be_attached()
    watch.fits()


@pytest.mark.parametrize("screen", [Screen(still=True), NARROW], ids=["wide light", "narrow dark"])
def test_every_view_follows_the_rules_of_accessibility(open_page: OpenPage, screen: Screen) -> None:
    page, watch = opened(open_page, "versions", screen)
    page.get_by_test_id("version").first.wait_for()
    axe.check(page)
    page.locator(f"[data-testid=version][data-id='{ACTIVE}']").get_by_test_id("version-open").click()
    page.get_by_test_id("version-card").locator("summary").click()
    page.get_by_test_id("version-recipe").locator("summary").click()
    page.get_by_test_id("promotion").wait_for()
    axe.check(page)
    watch.fits()
    page.get_by_test_id("version-back").click()
    page.locator(f"[data-testid=version][data-id='{REJECTED}']").get_by_test_id("version-open").click()
    page.get_by_test_id("promote-open").click()
    axe.check(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("models-learned").click()
    page.get_by_test_id("changed").first.wait_for()
    axe.check(page)
    watch.fits()
    page.get_by_test_id("models-updates").click()
    page.locator(f"[data-testid=update][data-id='{ENDED}']").get_by_test_id("update-open").click()
    page.get_by_test_id("completions").locator("summary").first.click()
    page.get_by_test_id("completion").first.wait_for()
    page.get_by_test_id("curve-table-sft-loss").click()
    axe.check(page)
    watch.fits()
