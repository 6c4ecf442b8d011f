"""The tab Results over the real studio with small bundles kept: sorting, domains, a topic with both traces, comparing, files, starting."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from app.artifacts import ArtifactStore
from app.evaluations import keep
from app.ranking.evaluation.bundles.read import Bundle
from app.services.storage import open_database
from app.settings import Settings
from tests.browser import axe
from tests.browser.conftest import OpenPage, Screen
from tests.browser.pretend_train import job
from tests.browser.test_train import NARROW, posted
from tests.browser.watch import Watch
from tests.ranking.bundles.made import QUERIES, made

pytestmark = pytest.mark.browser
WAYS: tuple[dict[str, Any], ...] = (
    {"name": "plain"},
    {"name": "<img src=x onerror=alert(1)>", "luck": 2, "nano": False, "thinking": {"mode": "direct"}},
    {"name": "another seed", "luck": 5, "seed": 5},
)
HOSTILE = QUERIES["b4"]


@pytest.fixture(scope="module")
def kept(studio: str, studio_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Three evaluations in the running studio, the last one the newest."""
    folder, settings = tmp_path_factory.mktemp("bundles"), Settings(data_dir=studio_folder / "var")
    bundles = [made(folder / str(number), **way) for number, way in enumerate(WAYS)]

    def keep_all() -> None:
        database = open_database(settings)
        for bundle in bundles:
            keep(database, ArtifactStore(settings.artifacts_dir), bundle.folder)
        database.close()

    # The browser's event loop runs on this thread, where no session may be opened.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(keep_all).result()
    return bundles


def opened(open_page: OpenPage, place: str, screen: Screen | None = None) -> tuple[Page, Watch]:
    """The tab Results at a place ("board&evaluation=...")."""
    page, watch = open_page(f"/?results={place}", screen)
    page.get_by_test_id(f"results-{place.split('&')[0]}").and_(page.locator("[aria-selected=true]")).wait_for()
    return page, watch


def ids(page: Page) -> list[str]:
    found: list[str] = page.get_by_test_id("board-table").locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.id)")
    return found


def test_the_leaderboard_has_every_number_and_is_sorted_by_the_keyboard(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, watch = opened(open_page, "board")
    page.get_by_test_id("board-table").first.wait_for()
    by_value = sorted(kept, key=lambda bundle: -bundle.manifest["means"]["topics"]["nDCG@10"])
    assert ids(page) == [bundle.id for bundle in by_value]
    first = page.get_by_test_id("board-table").locator("tbody tr").first
    expect(first).to_contain_text(f"{by_value[0].manifest['means']['topics']['nDCG@10']:.3f}")
    expect(first).to_contain_text("p = 0.0313")  # all six topics won: 2 of 64 flips
    expect(page.get_by_test_id("board")).to_contain_text("<img src=x onerror=alert(1)>")
    page.get_by_test_id("sort-value").focus()
    page.keyboard.press("Enter")
    assert ids(page) == [bundle.id for bundle in reversed(by_value)]
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    page.get_by_test_id("sort-what").press("Enter")
    expect(page.locator("th[aria-sort]")).to_have_count(1)
    watch.fits()


def test_a_topic_opens_with_both_orders_and_two_traces_beside_each_other(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, watch = opened(open_page, "board")
    row = page.locator(f"[data-testid=board-table] tr[data-id='{kept[0].id}']")
    row.get_by_test_id("result-open").press("Enter")
    expect(page.get_by_test_id("result-numbers")).to_contain_text("Clean answers")
    page.get_by_test_id("topic-sort").select_option("gain")
    gains = {row.topic: row.values["nDCG@10"] - row.first["nDCG@10"] for row in kept[0].topics}
    most = max(gains, key=lambda topic: gains[topic])
    expect(page.get_by_test_id("topic").first).to_have_attribute("data-topic", most)
    page.locator("[data-testid=topic][data-topic=b4]").get_by_test_id("topic-open").click()
    expect(page.get_by_test_id("topic-query")).to_have_text(HOSTILE)
    expect(page.get_by_test_id("topic-query")).to_be_focused()
    expect(page.get_by_test_id("topic-side")).to_have_count(1)
    page.get_by_test_id("topic-beside").select_option(kept[1].id)
    expect(page.get_by_test_id("topic-side")).to_have_count(2)
    expect(page.get_by_test_id("result-trace").nth(1)).to_contain_text("The question asks for a cause.")
    expect(page.get_by_test_id("result-trace").nth(0).get_by_test_id("raw")).to_be_visible()
    page.get_by_test_id("result-trace").nth(1).get_by_test_id("cite").first.click()
    cited = page.get_by_test_id("topic-passages").locator("li:focus")
    expect(cited).to_have_count(1)
    expect(page.get_by_test_id("orders")).to_be_visible()
    watch.fits()
    page.reload()
    expect(page.get_by_test_id("topic-query")).to_have_text(HOSTILE)
    page.get_by_test_id("topic-back").click()
    expect(page.get_by_test_id("topics-table")).to_be_visible()
    page.get_by_test_id("result-back").click()
    expect(page.get_by_test_id("board-table")).to_be_visible()
    page.wait_for_function("!location.search.includes('evaluation=')")


def test_what_is_taken_away_is_the_bundle_its_table_and_a_report(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, _ = opened(open_page, f"board&evaluation={kept[1].id}")
    files = (("result-csv", ".csv", b"nDCG@10"), ("result-report", ".html", b"<html"), ("result-file", ".tar", b"manifest"))
    for testid, ending, holds in files:
        with page.expect_download() as waited:
            page.get_by_test_id(testid).click()
        path = waited.value.path()
        assert waited.value.suggested_filename.endswith(ending) and holds in Path(path).read_bytes()


def test_two_are_compared_with_causes_and_lead_to_the_topic(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, watch = opened(open_page, f"board&evaluation={kept[0].id}")
    page.get_by_test_id("result-compare").click()
    expect(page.get_by_test_id("compare-a")).to_have_value(kept[0].id)
    page.get_by_test_id("compare-b").select_option(kept[2].id)
    expect(page.get_by_test_id("cause").first).to_contain_text("of the change")
    expect(page.get_by_test_id("compare-differs")).to_contain_text("seed")
    before = page.get_by_test_id("compare-verdict").inner_text()
    page.get_by_test_id("compare-swap").click()
    expect(page.get_by_test_id("compare-a")).to_have_value(kept[2].id)
    expect(page.get_by_test_id("compare-verdict")).not_to_have_text(before)
    watch.fits()
    topic = page.get_by_test_id("compare-topics-table").locator("tbody button").first
    query = topic.inner_text()
    topic.click()
    expect(page.get_by_test_id("topic-query")).to_have_text(query)


def test_domains_are_a_table_whose_cells_say_gain_and_loss_in_words_too(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, watch = opened(open_page, "domains")
    heat = page.get_by_test_id("domain-heat")
    expect(heat.locator("tbody tr")).to_have_count(3)  # two domains and all topics
    expect(heat.locator("tbody tr").first).to_contain_text("▲ +0.")
    expect(heat.locator("thead th")).to_have_count(1 + len(kept))
    watch.fits()


def test_headroom_and_stability_stand_as_charts_and_as_tables(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, watch = opened(open_page, f"headroom&evaluation={kept[0].id}")
    expect(page.get_by_test_id("headroom")).to_contain_text("of what there was to gain")
    page.get_by_test_id("headroom-table").press("Enter")
    expect(page.get_by_test_id("headroom-rows").locator("tbody tr")).to_have_count(7)
    expect(page.get_by_test_id("stability-facts")).to_contain_text("Overlap of orders")
    page.get_by_test_id("stability-topics-table").click()
    expect(page.get_by_test_id("stability-rows").locator("tbody tr")).to_have_count(6)
    page.get_by_test_id("stability-of").select_option(kept[1].id)
    expect(page.get_by_test_id("stability-why")).to_contain_text("another seed")
    watch.fits()


def test_one_is_started_with_what_was_chosen(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, _ = opened(open_page, "board")
    form = page.get_by_test_id("evaluate-form")
    sent = posted(page, "jobs", job("0198c7a2-0000-7000-8000-0000000000f1", "queued", kind="evaluate"))
    form.get_by_test_id("limit").fill("2.5")
    page.get_by_test_id("evaluate-form-send").click()
    expect(form.locator("input[name=limit]:invalid")).to_have_count(1)
    assert sent == []
    form.get_by_test_id("limit").fill("2")
    form.get_by_test_id("thinking").select_option("reasoned")
    form.get_by_test_id("seed").fill("7")
    page.get_by_test_id("evaluate-form-send").click()
    expect(page.get_by_test_id("announce").last).to_contain_text("in the queue")
    assert sent[0]["kind"] == "evaluate"
    assert sent[0]["arguments"] == {"suite": "demo", "model": "nano", "strategy": "sliding", "thinking": "reasoned", "limit": 2, "seed": 7}
    auto = form.locator("option[value=auto]")
    expect(auto).to_be_disabled()
    form.get_by_test_id("model").select_option("slow")
    expect(auto).to_be_enabled()
    form.get_by_test_id("thinking").select_option("auto")
    form.get_by_test_id("model").select_option("nano")
    expect(form.get_by_test_id("thinking")).to_have_value("profile")
    form.get_by_test_id("model").select_option("first_stage")
    expect(form.get_by_test_id("seed")).to_be_hidden()
    form.get_by_test_id("limit").fill("")
    page.get_by_test_id("evaluate-form-send").click()
    page.wait_for_timeout(200)
    assert sent[1]["arguments"] == {"suite": "demo", "model": "first_stage", "strategy": "", "thinking": "", "limit": 0}


def test_an_evaluation_is_started_for_real_and_appears_in_the_table(open_page: OpenPage, kept: list[Bundle]) -> None:
    page, _ = opened(open_page, "board")
    form = page.get_by_test_id("evaluate-form")
    form.get_by_test_id("model").select_option("first_stage")
    form.get_by_test_id("limit").fill("1")
    page.get_by_test_id("evaluate-form-send").click()
    expect(page.locator("[data-testid=board][data-suite=demo]")).to_contain_text("first_stage", timeout=120_000)
    page.get_by_test_id("suite").select_option("demo")
    expect(page.get_by_test_id("board")).to_have_count(1)
    page.wait_for_function("location.search.includes('suite=demo')")


def test_where_there_is_nothing_the_page_says_what_to_do(open_page: OpenPage) -> None:
    page, watch = open_page("/")

    def nothing(route: Route) -> None:
        suites = [{"name": "demo", "title": "The demo", "about": ""}]
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"results": [], "suites": suites}))

    page.route("**/api/v1/results", nothing)
    page.goto(page.url.split("?")[0] + "?results=board")
    expect(page.get_by_test_id("results-empty")).to_contain_text("Nothing has been evaluated yet")
    page.get_by_test_id("suite-run").wait_for()
    page.get_by_test_id("results-empty").locator("button").press("Enter")
    expect(page.get_by_test_id("suite-run")).to_be_focused()
    for view in ("domains", "headroom", "compare"):
        page.get_by_test_id(f"results-{view}").click()
        expect(page.get_by_test_id("results-empty")).to_be_visible()
    watch.fits()


@pytest.mark.parametrize("screen", [Screen(still=True), NARROW], ids=["wide light", "narrow dark"])
def test_every_view_fits_and_follows_the_rules_of_accessibility(open_page: OpenPage, kept: list[Bundle], screen: Screen) -> None:
    page, watch = opened(open_page, "board", screen)
    page.get_by_test_id("evaluate-form").wait_for()
    axe.check(page)
    watch.fits()
    page.locator(f"tr[data-id='{kept[0].id}']").get_by_test_id("result-open").click()
    page.get_by_test_id("topic").first.wait_for()
    page.get_by_test_id("result-made").locator("summary").click()
    axe.check(page)
    watch.fits()
    page.get_by_test_id("topic-open").first.click()
    page.get_by_test_id("topic-beside").select_option(kept[2].id)
    page.get_by_test_id("result-trace").nth(1).wait_for()
    axe.check(page)
    watch.fits()
    for view, there in (("domains", "domain-heat"), ("headroom", "headroom"), ("compare", "compare-verdict")):
        page.get_by_test_id(f"results-{view}").click()
        page.get_by_test_id(there).wait_for()
        axe.check(page)
        watch.fits()
