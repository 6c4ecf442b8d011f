"""The file in Chromium: fits a wide and a narrow screen in light and dark, asks for nothing, and axe finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.reporting import report
from tests.ranking.bundles.made import made
from tests.reporting.bundles import hostile

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the report is not tested in a browser")
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402 - only after it is known to be there

from tests.browser import axe  # noqa: E402

pytestmark = pytest.mark.browser
_OPEN = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
_WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def _seen(browser: Browser, path: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    try:
        view: Page = context.new_page()
        asked, said = list[str](), list[str]()
        view.on("request", lambda one: asked.append(one.url))
        view.on("console", lambda one: said.append(one.text))
        view.on("pageerror", lambda one: said.append(str(one)))
        view.goto(path.as_uri())
        assert view.evaluate(_WIDER) == 0
        view.evaluate(_OPEN)
        assert view.evaluate(_WIDER) == 0
        axe.check(view)
        assert asked == [path.as_uri()] and said == []
    finally:
        context.close()


def test_in_chromium(tmp_path: Path, chromium: str) -> None:
    calm = report([made(tmp_path / "a"), made(tmp_path / "b", nano=False, luck=1)], tmp_path / "calm.html")
    wild = report([hostile(tmp_path / "h"), made(tmp_path / "c")], tmp_path / "wild.html")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            for path, width, scheme in ((calm, 1280, "light"), (wild, 375, "dark")):
                _seen(browser, path, width, scheme)
        finally:
            browser.close()
