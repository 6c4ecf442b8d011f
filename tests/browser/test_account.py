"""Accounts in the page, on a server of their own: from the first invite to signing in, passwords and deleting one's data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, _address
from tests.browser.watch import Watch

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page is not tested in a browser")
from playwright.sync_api import Browser, Page, expect  # noqa: E402 - only after it is known to be there

pytestmark = pytest.mark.browser
PASSWORD = "four words that differ"
_RELOAD_MS = 30_000  # the page is loaded anew after signing in and out


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server whose accounts nobody else's tests see."""
    folder = tmp_path_factory.mktemp("house")
    log = (folder / "log").open("w+", encoding="utf-8")
    command = [sys.executable, "app.py", "--port", "0", "--data-dir", str(folder / "var"), "--no-worker"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        yield _address(process, Path(log.name))
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def visit(browser: Browser, address: str, path: str = "/") -> tuple[Page, Watch]:
    """A fresh browser profile at the page."""
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page, address)
    page.goto(address + path)
    page.get_by_test_id("account").wait_for()
    return page, watch


def invite(page: Page, *roles: str) -> str:
    """Make an invitation in the tab Manage; its link."""
    page.get_by_role("tab", name="Manage").click()
    page.get_by_test_id("manage-invites").click()
    for role in ("annotator", "reviewer", "researcher", "admin"):
        page.get_by_test_id(f"roles-{role}").set_checked(role in roles)
    page.get_by_test_id("invite-new-send").click()
    return page.get_by_test_id("invite-link").inner_text()


def accept(browser: Browser, address: str, link: str, name: str) -> tuple[Page, Watch]:
    """Make the account an invitation allows; its page, signed in."""
    page, watch = visit(browser, address, link.removeprefix(address))
    page.get_by_test_id("invite-dialog").get_by_test_id("name").fill(name)
    page.get_by_test_id("email").fill(f"{name.lower()}@example.org")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("invite-form-send").click()
    expect(page.get_by_test_id("account-menu")).to_contain_text(name, timeout=_RELOAD_MS)
    assert "invite=" not in page.url
    return page, watch


def test_from_the_first_invite_to_deleted_data(browser: Browser, house: str) -> None:
    local, _ = visit(browser, house)
    expect(local.get_by_test_id("account-local")).to_have_text("Local")
    admin, admin_watch = accept(browser, house, invite(local, "annotator", "reviewer", "researcher", "admin"), "Ada")
    link = invite(admin, "annotator")
    admin_watch.check()
    person, watch = accept(browser, house, link, "Bob")
    _lacks_what_was_not_given(person)
    _changes_the_password(person, watch)
    _signs_out_and_in(person, watch)
    admin.get_by_test_id("manage-people").click()
    expect(admin.get_by_test_id("accounts")).to_contain_text("bob@example.org")
    _deletes(person)


def _lacks_what_was_not_given(page: Page) -> None:
    page.get_by_role("tab", name="Manage").click()
    expect(page.get_by_test_id("needs-admin")).to_contain_text("takes the role admin")
    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_test_id("needs-reviewer")).to_contain_text("annotator")


def _changes_the_password(page: Page, watch: Watch) -> None:
    watch.expect("40[0-9]")
    page.get_by_test_id("account-menu").locator("summary").click()
    page.get_by_test_id("change-password").click()
    page.get_by_test_id("old").fill("not the password")
    page.get_by_test_id("new").fill(PASSWORD + " now")
    page.get_by_test_id("password-form-send").click()
    expect(page.get_by_test_id("password-form-trouble")).to_be_visible()
    page.get_by_test_id("old").fill(PASSWORD)
    page.get_by_test_id("password-form-send").click()
    expect(page.get_by_test_id("password-dialog")).to_have_count(0)


def _signs_out_and_in(page: Page, watch: Watch) -> None:
    if page.get_by_test_id("account-menu").get_attribute("open") is None:
        page.get_by_test_id("account-menu").locator("summary").click()
    page.get_by_test_id("sign-out").click()
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("email").fill("bob@example.org")
    page.get_by_test_id("password").fill("wrong")
    page.get_by_test_id("sign-in-form-send").click()
    expect(page.get_by_test_id("sign-in-form-trouble")).to_be_visible()
    page.get_by_test_id("password").fill(PASSWORD + " now")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("account-menu")).to_contain_text("Bob", timeout=_RELOAD_MS)
    watch.check()


def _deletes(page: Page) -> None:
    page.get_by_test_id("account-menu").locator("summary").click()
    page.get_by_test_id("delete-data").click()
    page.get_by_test_id("word").fill("yes")
    page.get_by_test_id("delete-form-send").click()
    expect(page.get_by_test_id("delete-form-trouble")).to_contain_text("Nothing was deleted")
    page.get_by_test_id("word").fill("delete my data")
    page.get_by_test_id("delete-form-send").click()
    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=_RELOAD_MS)
