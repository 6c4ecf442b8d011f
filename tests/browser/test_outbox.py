"""What the browser keeps for the server: nothing is lost when a tab, the browser or the server goes away, and nothing is saved twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import ROOT, OpenPage, _ready
from tests.browser.projects import BREAD, ONIONS, begin, blind, call, ready, row, titles

pytestmark = pytest.mark.browser
_START_SECONDS = 300  # two cores that other tests are at work on, too
SAVES = "**/api/v1/judgements"


class Server:
    """A studio of its own on a port of its own, that a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> str:
        command = [sys.executable, "app.py", "--port", str(self.port), "--data-dir", str(self.folder / "var"), "--no-worker"]
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        address, end = f"http://127.0.0.1:{self.port}", time.monotonic() + _START_SECONDS
        while not _ready(address):
            if time.monotonic() > end or self.process.poll() is not None:
                pytest.fail(f"the server did not get ready:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.5)
        return address

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    if made.process.poll() is None:
        made.kill()


def judgements(address: str) -> list[dict[str, Any]]:
    """The newest version of every judgement."""
    found: list[dict[str, Any]] = call(address, "GET", "judgements")["judgements"]
    return found


def refuse(page: Page | BrowserContext) -> None:
    """Saves don't get through any more."""
    page.route(SAVES, lambda route: route.abort() if route.request.method == "POST" else route.continue_())


def newest(address: str, query: str) -> dict[str, Any]:
    return next(one for one in judgements(address) if one["query"] == query)


@pytest.mark.process
def test_a_server_killed_under_an_open_page_loses_nothing(server: Server, browser: Browser) -> None:
    address = server.start()
    project = blind(address, "Killed", BREAD, ONIONS)
    context = browser.new_context()
    page = context.new_page()
    begin(page, address, project)
    server.kill()
    row(page, 3).get_by_test_id("up").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("save-state")).to_contain_text("Not saved yet, will retry")
    expect(page.get_by_test_id("unsent")).to_have_text("1 save not sent yet")
    page.close()
    server.start()
    again = context.new_page()
    again.goto(address)
    again.get_by_role("tab", name="Annotate").click()
    expect(again.get_by_test_id("history-item")).to_have_count(1, timeout=30_000)
    (saved,) = judgements(address)
    assert saved["state"] == "submitted" and saved["version"] == 1
    assert saved["order"][1] == ["flour"]
    context.close()


def test_a_tab_closed_while_saving_is_saved_once(studio: str, open_page: OpenPage) -> None:
    project = blind(studio, "Closed", {**BREAD, "query": "Closed while saving?"})
    page, _ = open_page()
    begin(page, studio, project)
    held: list[Route] = []
    page.route(SAVES, lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    row(page, 4).focus()
    page.keyboard.press("Alt+Home")
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/judgements")) as asked:
        page.keyboard.press("Control+Enter")
    key = json.loads(asked.value.post_data or "{}")["idempotency_key"]
    again = page.context.new_page()
    page.close()
    again.goto(studio)
    again.get_by_role("tab", name="Annotate").click()
    expect(again.get_by_test_id("history-item").filter(has_text="Closed while saving?")).to_be_visible(timeout=30_000)
    saved = newest(studio, "Closed while saving?")
    assert saved["idempotency_key"] == key and saved["version"] == 1 and saved["order"][0] == ["salt"]


def test_two_tabs_on_one_task_keep_both_unsaved_versions(studio: str, open_page: OpenPage) -> None:
    """In one shared slot the second tab's copy would replace the first's."""
    project = blind(studio, "Both kept", {**BREAD, "query": "Both kept?"})
    page, watch = open_page()
    watch.expect("ERR_FAILED")
    begin(page, studio, project)
    other = page.context.new_page()
    begin(other, studio, project)
    refuse(page.context)
    for tab, place, note in ((page, 3, "from the first tab"), (other, 4, "from the second tab")):
        row(tab, place).focus()
        tab.keyboard.press("Alt+Home")
        tab.get_by_test_id("note").fill(note)
        tab.keyboard.press("Control+s")
        expect(tab.get_by_test_id("save-state")).to_contain_text("Not saved yet")
    third = page.context.new_page()
    page.close()
    other.close()
    begin(third, studio, project)
    assert third.get_by_test_id("note").input_value() == "from the second tab"
    third.context.unroute(SAVES)
    expect(third.get_by_test_id("save-state")).to_have_text("Draft saved, version 1.", timeout=30_000)
    third.get_by_test_id("restore-kept").click()
    expect(third.get_by_test_id("note")).to_have_value("from the first tab")
    expect(third.get_by_test_id("save-state")).to_have_text("Draft saved, version 2.")
    assert titles(third)[0] == "Flour"


def draft(page: Page, address: str, name: str) -> None:
    """Begin a task and change something."""
    begin(page, address, blind(address, name, {**BREAD, "query": f"{name}?"}))
    row(page, 4).focus()
    page.keyboard.press("Alt+Home")


def test_without_a_database_of_its_own_the_browser_says_so_and_still_saves(studio: str, open_page: OpenPage) -> None:
    page, _ = open_page("/healthz")
    page.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    draft(page, studio, "No database")
    expect(page.get_by_test_id("save-state")).to_contain_text("keeps no copies")
    expect(page.get_by_test_id("save-state")).to_have_text("Draft saved, version 1.")


def test_a_full_disk_is_told(studio: str, open_page: OpenPage) -> None:
    page, _ = open_page("/healthz")
    page.add_init_script("IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }")
    draft(page, studio, "Full")
    expect(page.get_by_test_id("save-state")).to_contain_text("storage is full")
    expect(page.get_by_test_id("save-state")).to_have_text("Draft saved, version 1.")


def test_leaving_a_task_saves_what_was_begun(studio: str, open_page: OpenPage) -> None:
    page, _ = open_page()
    draft(page, studio, "Left")
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("history-item").filter(has_text="Left?")).to_be_visible()
    assert newest(studio, "Left?")["state"] == "draft"
    page.get_by_test_id("project").filter(has_text="Left").get_by_test_id("work").click()
    ready(page)
    assert titles(page)[0] == "Salt"
