"""The whole loop with real people in real browsers: two annotate one task unseen by each other, a third decides, a fourth takes it away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, _address
from tests.browser.watch import Watch

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page is not tested in a browser")
from playwright.sync_api import Browser, Page, expect  # noqa: E402 - only after it is known to be there

from tests.browser import axe  # noqa: E402
from tests.browser.projects import BREAD, ready, row, titles  # noqa: E402

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \u202eabc $$\\frac{a}{b}$$"
PEOPLE = {
    "ann": ["annotator"], "bob": ["annotator"], "rita": ["reviewer"], "rex": ["researcher"],
    "ada": ["annotator", "reviewer", "researcher", "admin"],
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with five accounts and one task that takes two people."""
    folder = tmp_path_factory.mktemp("whole")
    # On a thread of its own: a browser that is open for other tests has an event loop on this one, where no database may be used.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(_make_people, folder / "var").result()
    log = (folder / "log").open("w+", encoding="utf-8")
    command = [sys.executable, "app.py", "--port", "0", "--data-dir", str(folder / "var"), "--no-worker"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        address = _address(process, Path(log.name))
        rules = {"name": "Kitchen", "view": "blind", "shown": "first_stage", "overlap": 2, "tutorial": False, "gold_share": 0.0}
        made = call(address, "ada", "POST", "projects", rules)
        call(address, "ada", "POST", f"projects/{made['id']}/tasks", {"lists": [BREAD]})
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def token(name: str) -> str:
    return f"session-of-{name}-{'x' * 30}"


def _make_people(folder: Path) -> None:
    from app.services.accounts import hashed
    from app.services.storage import open_database
    from app.settings import Settings
    from db.models import now
    from db.store import accounts
    from db.store.accounts import NewAccount

    database = open_database(Settings(data_dir=folder))
    with database.write() as session:
        for name, roles in PEOPLE.items():
            new = NewAccount(name=name, email=f"{name}@example.org", roles=roles, password_hash="none")
            accounts.open_session(session, accounts.create(session, new).id, hashed(token(name)), now() + timedelta(days=1))
    database.close()


def call(address: str, name: str, method: str, path: str, value: Any = None) -> Any:
    headers = {"X-Requested-With": "reasonrank", "Content-Type": "application/json", "Cookie": f"rr_session={token(name)}"}
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(f"{address}/api/v1/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def visit(browser: Browser, address: str, name: str) -> tuple[Page, Watch]:
    """A browser in which somebody is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.add_cookies([{"name": "rr_session", "value": token(name), "url": address}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page, address)
    page.goto(address)
    expect(page.get_by_test_id("account-menu")).to_contain_text(name)
    return page, watch


def work(page: Page, steps: int, note: str) -> None:
    """Take the next task of the project, move its last passage up, submit."""
    page.get_by_role("tab", name="Annotate").click()
    page.get_by_test_id("work").first.click()
    ready(page)
    assert titles(page) == ["Yeast", "Sales", "Flour", "Salt"]
    row(page, 4).focus()
    for _ in range(steps):
        page.keyboard.press("Alt+ArrowUp")
    page.get_by_test_id("note").fill(note)
    page.keyboard.press("Control+Enter")


def test_two_annotate_one_decides_one_takes_it_away(browser: Browser, house: str) -> None:
    (ann, ann_watch), (bob, bob_watch) = visit(browser, house, "ann"), visit(browser, house, "bob")
    work(ann, 3, HOSTILE)
    expect(ann.get_by_test_id("all-projects")).to_be_visible()
    work(bob, 1, "")
    project = call(house, "ada", "GET", "projects")["projects"][0]
    _until(lambda: call(house, "ada", "GET", "projects")["projects"][0]["judged"] == 1)
    ann_watch.check()
    bob_watch.check()
    rita, watch = visit(browser, house, "rita")
    rita.get_by_role("tab", name="Review").click()
    rita.get_by_test_id("review-item").first.click()
    rita.get_by_test_id("decide").wait_for()
    expect(rita.get_by_text(HOSTILE[:30], exact=False).first).to_be_visible()
    axe.check(rita)
    rita.get_by_test_id("reason").fill("Salt slows yeast in any season.")
    rita.get_by_test_id("adjudication-send").click()
    _until(lambda: call(house, "rita", "GET", f"projects/{project['id']}/review")["tasks"][0]["adjudicated"])
    watch.check()
    rex, watch = visit(browser, house, "rex")
    rex.get_by_role("tab", name="Data").click()
    rex.get_by_test_id("data-dashboard").click()
    expect(rex.locator("rr-data")).to_contain_text("Disagreement")
    axe.check(rex)
    watch.check()
    made = call(house, "rex", "POST", "exports", {"format": "rows"})["export"]
    assert (made["judgements"], made["rows"]) == (2, 8)


def _until(done: Any) -> None:
    import time

    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, "it did not come about in 20 seconds"
        time.sleep(0.2)


def test_who_may_not_is_told_what_it_takes(browser: Browser, house: str) -> None:
    page, watch = visit(browser, house, "rex")
    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_test_id("needs-reviewer")).to_be_visible()
    watch.check()


def test_the_menu_of_an_account_fits_a_phone(browser: Browser, house: str) -> None:
    page, watch = visit(browser, house, "ada")
    page.set_viewport_size({"width": 375, "height": 760})
    page.get_by_test_id("account-menu").locator("summary").click()
    watch.fits()
    box = page.get_by_test_id("sign-out").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 375
