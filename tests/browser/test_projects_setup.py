"""The tab Manage on the real routes: a project is made, filled from a file, given guidelines, closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.conftest import OpenPage, Screen
from tests.browser.projects import to_tab

pytestmark = pytest.mark.browser


@pytest.fixture
def manage(page: Page) -> Page:
    """The tab Manage."""
    to_tab(page, "Manage")
    page.get_by_test_id("project-new").wait_for()
    return page


def make(page: Page, name: str) -> None:
    """A project with what the form proposes, its page open."""
    page.get_by_test_id("project-new").click()
    page.get_by_test_id("name").fill(name)
    page.get_by_test_id("project-form-send").click()
    page.get_by_test_id("import-form").wait_for(state="attached")


def folded(page: Page, name: str) -> None:
    """Open a part of the project's page, unless it is open."""
    part = page.locator("rr-manage details.fold", has=page.locator("summary", has_text=name))
    if part.get_attribute("open") is None:
        part.locator("summary").click()


def test_a_project_is_made_by_the_form_and_its_rules_are_changed(manage: Page) -> None:
    make(manage, "Kitchen rules")
    folded(manage, "Rules")
    manage.get_by_test_id("overlap").fill("2")
    manage.get_by_test_id("gold_share").fill("12.5")
    with manage.expect_request(lambda r: r.method == "PATCH") as sent:
        manage.get_by_test_id("project-form-send").click()
    body = json.loads(sent.value.post_data or "{}")
    assert body["overlap"] == 2 and body["gold_share"] == 0.125 and len(body["grades"]) >= 2
    expect(manage.get_by_test_id("project-saved")).to_have_text("Saved.")
    manage.get_by_test_id("project-back").click()
    expect(manage.get_by_test_id("project-item").filter(has_text="Kitchen rules")).to_contain_text("judged by 2")


def test_a_file_becomes_tasks_and_a_bad_one_is_refused_by_its_lines(manage: Page, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    lists = [
        {"query": f"Why {i}?", "passages": [{"id": "a", "text": f"Because of {i}."}, {"id": "b", "text": "A sale begins."}]}
        for i in range(3)
    ]
    good.write_text("".join(json.dumps(one) + "\n" for one in lists))
    bad.write_text(json.dumps(lists[0]) + "\n{not json\n")
    make(manage, "Filled from a file")
    manage.get_by_test_id("import-form").get_by_test_id("file").set_input_files(bad)
    manage.get_by_test_id("import-form-send").click()
    problems = manage.get_by_test_id("import-problems").or_(manage.get_by_test_id("import-form-trouble"))
    expect(problems.filter(visible=True)).to_contain_text("line 2")
    manage.get_by_test_id("import-form").get_by_test_id("file").set_input_files(good)
    manage.get_by_test_id("import-form-send").click()
    expect(manage.get_by_test_id("import-told")).to_contain_text("3 tasks added")


def test_guidelines_are_seen_as_annotators_see_them_and_get_versions(manage: Page) -> None:
    make(manage, "With guidelines")
    folded(manage, "Guidelines")
    before = manage.get_by_test_id("guideline-version").inner_text()
    manage.get_by_test_id("text").fill("# Rules\n\n**Put what answers** on top <img src=x onerror=alert(1)>")
    preview = manage.get_by_test_id("guideline-preview")
    expect(preview.locator("strong")).to_have_text("Put what answers")
    expect(preview).to_contain_text("<img src=x")
    manage.get_by_test_id("guideline-form-send").click()
    expect(manage.get_by_test_id("guideline-version")).not_to_have_text(before)


def test_two_projects_of_one_name_are_refused_in_words_and_nothing_typed_is_lost(open_page: OpenPage) -> None:
    page, watch = open_page("/", Screen(width=375, height=800))
    watch.expect("40[09]")
    to_tab(page, "Manage")
    make(page, "Only once")
    page.get_by_test_id("project-back").click()
    page.get_by_test_id("project-new").click()
    page.get_by_test_id("name").fill("Only once")
    page.get_by_test_id("about").fill("Kept.")
    page.get_by_test_id("project-form-send").click()
    expect(page.get_by_test_id("project-form-trouble")).to_contain_text("Only once")
    expect(page.get_by_test_id("about")).to_have_value("Kept.")
    watch.fits()


@pytest.mark.parametrize(
    "screen", [Screen(still=True), Screen(width=375, height=760, scheme="dark", still=True)], ids=["wide light", "narrow dark"]
)
def test_the_views_of_manage_follow_the_rules_of_accessibility(open_page: OpenPage, screen: Screen) -> None:
    page, watch = open_page("/", screen)
    to_tab(page, "Manage")
    page.get_by_test_id("project-new").wait_for()
    axe.check(page)
    make(page, f"Rules of accessibility {screen.width}")
    for part in ("Guidelines", "Rules"):
        folded(page, part)
    axe.check(page)
    for view, ready in (("people", "accounts"), ("invites", "invite-new")):
        page.get_by_test_id(f"manage-{view}").click()
        page.get_by_test_id(ready).wait_for()
        axe.check(page)
    watch.fits()
