"""A server as `make app` starts it with a pretend model beside the embedded one, and pages that fail on anything a visitor would notice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.browser.watch import Watch
from tests.openai_server import OpenAIServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page is not tested in a browser")
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright  # noqa: E402 - only after it is known to be there

# Milliseconds until what is expected must be there: two browsers and two servers share two cores.
expect.set_options(timeout=20_000)

ROOT = Path(__file__).parents[2]
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
_START_SECONDS = 120
_MODELS = """
[[model]]
name = "slow"
backend = "openai"
label = "Slow test model"
address = "{address}"
model = "inline"
router = "router.json"

[[model]]
name = "absent"
backend = "openai"
label = "Absent model"
address = "https://localhost"
key_env = "NO_SUCH_VARIABLE"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a visitor sits in front of."""

    width: int = 1280
    height: int = 860
    scheme: Literal["light", "dark"] = "light"
    still: bool = False


OpenPage = Callable[..., tuple[Page, Watch]]


@pytest.fixture(scope="session")
def slow_model() -> Iterator[OpenAIServer]:
    """Answers in 40 pieces over 4 seconds."""
    with OpenAIServer(pieces=40, seconds=4.0) as server:
        yield server


@pytest.fixture(scope="session")
def studio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `studio`; its data folder is `var` in it."""
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def studio(studio_folder: Path, slow_model: OpenAIServer) -> Iterator[str]:
    """Address of a running server with an empty data folder; its models are `nano`, `slow` and one that can't be used."""
    folder = studio_folder
    models = folder / "models.toml"
    models.write_text(_MODELS.format(address=slow_model.address), encoding="utf-8")
    log = (folder / "log").open("w+", encoding="utf-8")
    command = [sys.executable, "app.py", "--port", "0", "--data-dir", str(folder / "var"), "--models", str(models)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        yield _address(process, Path(log.name))
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, once it can answer a question."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8"))
        if found and _ready(found[0]):
            return found[0]
        time.sleep(0.1)
    pytest.fail(f"the server did not get ready in {_START_SECONDS} s:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Chromium:
    """The browser that all tests of this folder share: starting one for each took longer than most of them.

    Tests have contexts of their own, which share nothing. One that is gone is started anew.
    """

    def __init__(self, driver: Playwright, path: str) -> None:
        self._driver, self._path = driver, path
        self._running: Browser | None = None

    def running(self) -> Browser:
        """The browser, started the first time."""
        if self._running is None or not self._running.is_connected():
            self._running = self._driver.chromium.launch(executable_path=self._path, args=list(_ARGUMENTS))
        return self._running

    def close(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.close()


@pytest.fixture(scope="package")
def shared(chromium: str) -> Iterator[Chromium]:
    """Ends with this folder's tests: while it lives, an event loop runs on this thread, which other tests can't have."""
    with sync_playwright() as driver:
        made = Chromium(driver, chromium)
        yield made
        made.close()


def leave(context: BrowserContext) -> None:
    """Close a context; a request that a test answers itself may be under way, and would fail in the next test."""
    for page in context.pages:
        page.unroute_all(behavior="ignoreErrors")
    context.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def browser(shared: Chromium) -> Iterator[Browser]:
    """The Chromium of this machine, without a context; those that a test leaves open are closed."""
    browser = shared.running()
    yield browser
    for context in browser.contexts:
        leave(context)


@pytest.fixture
def open_page(browser: Browser, studio: str) -> Iterator[OpenPage]:
    """`open_page(path, screen)` gives a page and its Watch; when the test ends, everything the watches saw must be allowed."""
    watches: list[Watch] = []
    with ExitStack() as stack:

        def open_one(path: str = "/", screen: Screen | None = None) -> tuple[Page, Watch]:
            seen = screen or Screen()
            context = browser.new_context(
                viewport={"width": seen.width, "height": seen.height},
                color_scheme=seen.scheme,
                reduced_motion="reduce" if seen.still else "no-preference",
            )
            stack.callback(leave, context)
            page = context.new_page()
            page.set_default_timeout(20_000)
            watches.append(Watch(page, studio))
            page.goto(studio + path)
            return page, watches[-1]

        yield open_one
    for watch in watches:
        watch.check()


@pytest.fixture
def opened(open_page: OpenPage) -> tuple[Page, Watch]:
    """The first screen at 1280 pixels, ready to be used, and its watch."""
    page, watch = open_page()
    page.get_by_test_id("example").first.wait_for()
    return page, watch


@pytest.fixture
def page(opened: tuple[Page, Watch]) -> Page:
    """The page of `opened`."""
    return opened[0]


@pytest.fixture
def watch(opened: tuple[Page, Watch]) -> Watch:
    """The watch of `opened`: for tests that provoke an error themselves."""
    return opened[1]
