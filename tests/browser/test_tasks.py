"""The task screen: a project's tasks one after the other, the cause of a mistake, words that decide, versions and merges."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, Screen
from tests.browser.projects import BREAD, ONIONS, begin, blind, call, focused, ready, row, titles, with_model

pytestmark = pytest.mark.browser


def submitted(page: Page, act: str = "save") -> dict[str, Any]:
    """What goes over the wire when the task is submitted, with the server's answer under `answer`."""
    with page.expect_response(lambda r: r.request.method == "POST" and r.url.endswith("/judgements")) as got:
        page.get_by_test_id(act).click()
    assert got.value.ok, got.value.text()
    return {**json.loads(got.value.request.post_data or "{}"), "answer": got.value.json()}


def test_submit_loads_the_next_task_and_then_says_that_none_is_left(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "One after the other", BREAD, ONIONS)
    page, _ = open_page()
    page.get_by_role("tab", name="Annotate").click()
    page.get_by_test_id("project").filter(has_text=project.name).get_by_test_id("work").click()
    ready(page)
    first = page.get_by_test_id("task-query").inner_text()
    text = page.locator("rr-annotate").inner_text()
    assert "model" not in text.lower() and "first stage" not in text, "a blind task tells of a model"
    assert submitted(page)["state"] == "submitted"
    expect(page.get_by_test_id("task-query")).not_to_have_text(first)
    ready(page)
    assert 'data-testid="item-' in focused(page), "the focus is on the first passage of the next task"
    submitted(page)
    expect(page.get_by_test_id("all-projects")).to_be_visible()
    page.get_by_test_id("all-projects").click()
    mine = page.get_by_test_id("project").filter(has_text=project.name)
    expect(mine).to_contain_text("2 of 2 tasks judged")
    mine.get_by_test_id("own-tasks").locator("summary").click()
    mine.get_by_test_id("own-task").filter(has_text="onions").click()
    ready(page)
    page.get_by_test_id("note").fill("seen again")
    expect(page.get_by_test_id("save-state")).to_have_text("Kept in this browser; submit to correct.")
    assert submitted(page)["answer"]["judgement"]["version"] == 2


def test_the_tutorial_tells_what_was_expected(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "With examples", BREAD, tutorial=True)
    page, _ = open_page()
    begin(page, studio, project)
    expect(page.get_by_test_id("task-progress")).to_contain_text("Example 1 of 5")
    submitted(page)
    told = page.get_by_test_id("feedback")
    expect(told).to_contain_text("Expected")
    expect(told).to_contain_text("4 more to practise")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("task-progress")).to_contain_text("Example 2 of 5")


def test_one_gesture_stores_the_wrong_claim_its_span_and_the_order(studio: str, open_page: OpenPage) -> None:
    project = with_model(studio, "The cause", "Why does a wet towel dry in the wind?")
    page, _ = open_page()
    begin(page, studio, project)
    row(page, 1).focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_test_id("cause")).to_have_count(0)
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_test_id("cause")).to_contain_text("The model put it at rank 1, you say rank 3.")
    page.keyboard.press("c")
    page.keyboard.press("1")
    page.get_by_test_id("cause").get_by_test_id("rewrite").fill("It names the effect, not the reason.")
    sent = submitted(page)
    (claim,) = sent["claims"]
    assert claim["verdict"] == "wrong" and claim["rewrite"] and claim["span"][0] < claim["span"][1]
    assert sent["order"][2] == [sent["shown_order"][0]] and claim["passage_id"] == sent["shown_order"][0]
    assert sent["answer"]["judgement"]["claims"][0]["claim_id"] == claim["claim_id"]


def test_a_citation_leads_to_its_card(studio: str, open_page: OpenPage) -> None:
    project = with_model(studio, "Citations", "Why does bread go stale?")
    page, _ = open_page()
    begin(page, studio, project)
    page.get_by_test_id("task-trace").locator("summary").click()
    cite = page.get_by_test_id("task-trace").get_by_test_id("cite").first
    pid = cite.get_attribute("data-pid")
    cite.click()
    assert f'data-pid="{pid}"' in focused(page) and "<li" in focused(page)
    page.get_by_test_id("focus").get_by_text("What the model said of it").wait_for()


def test_words_are_marked_in_code_points(studio: str, open_page: OpenPage) -> None:
    """The first character of the text takes two UTF-16 units and one code point."""
    project = blind(studio, "Words", BREAD)
    page, _ = open_page()
    begin(page, studio, project)
    row(page, 1).focus()
    for key in ("m", "ArrowRight", "Shift+ArrowRight", "Enter", "Escape"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("full-text").locator("mark")).to_have_text("is sluggish")
    page.get_by_test_id("full-text").dblclick(position={"x": 60, "y": 14})
    page.get_by_test_id("mark-selection").click()
    sent = submitted(page)
    text = BREAD["passages"][0]["text"]  # type: ignore[index]
    quoted = [text[span["start"] : span["end"]] for span in sent["spans"]]
    assert "is sluggish" in [quote.strip() for quote in quoted] or any("is sluggish" in quote for quote in quoted)
    assert all(span["passage_id"] == "yeast one" for span in sent["spans"])
    assert sent["answer"]["judgement"]["spans"] == sent["spans"]


def test_an_old_version_comes_back_as_a_new_one(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Versions", BREAD)
    page, _ = open_page()
    begin(page, studio, project)
    before = titles(page)
    for number in (1, 2):
        row(page, 3).get_by_test_id("up").click()
        page.keyboard.press("Control+s")
        expect(page.get_by_test_id("save-state")).to_have_text(f"Draft saved, version {number}.")
    assert titles(page)[0] == before[2]
    page.get_by_test_id("versions").locator("summary").click()
    expect(page.get_by_test_id("version").first).to_contain_text("1 passage moved")
    page.get_by_test_id("restore").click()
    expect(page.get_by_test_id("save-state")).to_have_text("Draft saved, version 3.")
    assert titles(page)[1] == before[2]
    page.get_by_test_id("undo").click()
    assert titles(page)[0] == before[2], "restoring is a step like any other"


def test_two_tabs_merge_passage_by_passage(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Merge", BREAD)
    page, watch = open_page()
    watch.expect("409")
    begin(page, studio, project)
    other = page.context.new_page()
    begin(other, studio, project)
    row(other, 4).focus()
    for key in ("Alt+Home", "3", "Control+s"):
        other.keyboard.press(key)
    expect(other.get_by_test_id("save-state")).to_have_text("Draft saved, version 1.")
    row(page, 2).focus()
    for key in ("x", "Control+s"):
        page.keyboard.press(key)
    clash = page.get_by_test_id("conflict")
    expect(clash).to_contain_text("1 passage moved")
    clash.get_by_role("button", name="Take theirs for Salt").click()
    page.get_by_test_id("save-merge").click()
    expect(page.get_by_test_id("save-state")).to_have_text("Draft saved, version 2.")
    assert titles(page) == ["Salt", "Yeast", "Flour"]
    expect(page.get_by_test_id("bucket")).to_contain_text("Sales")


def test_a_task_is_put_off_skipped_or_flagged(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Ways out", BREAD, ONIONS)
    page, _ = open_page()
    begin(page, studio, project)
    first = page.get_by_test_id("task-query").inner_text()
    page.get_by_test_id("task-more").locator("summary").click()
    page.get_by_test_id("later").click()
    expect(page.get_by_test_id("task-query")).not_to_have_text(first)
    ready(page)
    page.get_by_test_id("task-more").locator("summary").click()
    page.get_by_test_id("flagged").click()
    expect(page.get_by_test_id("save-state")).to_contain_text("Say in the note")
    page.keyboard.type("The question is cut off.")
    page.get_by_test_id("task-more").locator("summary").click()
    assert submitted(page, "flagged")["note"] == "The question is cut off."
    expect(page.get_by_test_id("task-query")).to_have_text(first)
    ready(page)
    page.get_by_test_id("task-more").locator("summary").click()
    submitted(page, "cannot_judge")
    expect(page.get_by_test_id("all-projects")).to_be_visible()


HOSTILE = {
    "topic": "<i>",
    "query": "<img src=x onerror=alert(1)> \u202ereversed \u2066",
    "passages": [
        {"id": "<script>alert(2)</script>", "title": "<b onclick=alert(3)>bold</b>", "text": "</li><script>alert(4)</script>\u202e x"},
        {"id": "javascript:alert(5)", "title": "خبز", "text": "الخميرة تعمل ببطء في البرد."},
        {"id": "cjk", "title": "", "text": "酵母は寒いと働きが鈍くなります。"},
    ],
}
GUIDE = (
    "# <script>alert(6)</script>\n\n[x](javascript:alert(7)) [ok](https://example.org/) **bold** `<b>`\n\n- <img src=x onerror=alert(8)>"
)


def test_hostile_texts_are_shown_as_they_were_written(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Hostile <script>alert(0)</script>", HOSTILE, guidelines=GUIDE)
    page, _ = open_page()
    begin(page, studio, project)
    assert "<img src=x onerror" in page.get_by_test_id("task-query").inner_text()
    assert "<b onclick=alert(3)>bold</b>" in titles(page)
    guide = page.get_by_test_id("guidelines")
    expect(guide).to_contain_text("[x](javascript:alert(7))")
    assert guide.locator("a").count() == 1 and guide.locator("script, img").count() == 0
    row(page, 2).focus()
    for key in ("m", "ArrowLeft", "Enter", "Escape"):  # forward, since this text runs from right to left
        page.keyboard.press(key)
    expect(page.get_by_test_id("full-text").locator("mark")).to_have_text("تعمل")
    row(page, 3).focus()
    for key in ("m", "Enter", "Escape"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("full-text").locator("mark")).to_have_text("酵母")
    submitted(page)


def test_a_passage_of_five_megabytes_is_shown_in_steps(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Large", BREAD)
    page, _ = open_page()

    def swell(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["task"]["passages"][0]["text"] = "grain 😀 " * 600_000
        route.fulfill(response=answer, json=body)

    page.route("**/next", swell)
    begin(page, studio, project)
    row(page, 1).focus()
    shown = page.get_by_test_id("full-text")
    assert page.evaluate("(e) => e.textContent.length", shown.element_handle()) <= 20_000
    page.get_by_test_id("show-more").click()
    assert 20_000 < page.evaluate("(e) => e.textContent.length", shown.element_handle()) <= 40_000
    assert page.evaluate("document.querySelector('rr-annotate').shadowRoot.textContent.length") < 100_000


def test_a_whole_task_by_buttons_on_a_phone(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Phone", BREAD)
    page, watch = open_page("/", Screen(width=375, height=700))
    begin(page, studio, project)
    row(page, 4).get_by_test_id("up").click()
    row(page, 2).get_by_test_id("toss").click()
    row(page, 4).get_by_test_id("grade-3").click()
    row(page, 4).get_by_test_id("read").click()
    page.get_by_test_id("mark-words").click()
    page.get_by_role("button", name="One word more").click()
    page.get_by_test_id("mark-chosen").click()
    watch.fits()
    page.get_by_test_id("task-more").locator("summary").click()
    watch.fits()
    page.keyboard.press("Escape")
    sent = submitted(page)
    assert sent["not_relevant"] == ["sales/2"] and sent["grades"] == {"salt": 3}
    assert sent["spans"] == [{"passage_id": "salt", "start": 0, "end": len("Salt slows")}]


def test_a_lapsed_lease_is_told_calmly_and_the_work_still_counts(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Lapsed", BREAD)
    page, _ = open_page()

    def past(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["task"]["lease_until"] = "2020-01-01T00:00:00+00:00"
        route.fulfill(response=answer, json=body)

    page.route("**/next", past)
    begin(page, studio, project)
    expect(page.get_by_test_id("lease")).to_contain_text("still saved")
    assert submitted(page)["answer"]["judgement"]["state"] == "submitted"
    assert call(studio, "GET", f"projects/{project.id}")["mine"]["submitted"] == 1
