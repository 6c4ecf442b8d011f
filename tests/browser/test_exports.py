"""The view Exports on the real routes: formats with their dictionary, a version with hash and command, its file."""

from __future__ import annotations

import hashlib
import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pretend
from tests.browser.conftest import OpenPage, Screen

pytestmark = pytest.mark.browser


def exports(page: Page) -> None:
    """Go to the view."""
    page.get_by_role("tab", name="Data").click()
    page.get_by_test_id("data-exports").click()
    page.get_by_test_id("export-form").wait_for()


def test_a_version_is_made_listed_with_its_hash_and_its_file_has_that_hash(page: Page) -> None:
    exports(page)
    page.get_by_test_id("format").select_option("qrels")
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/exports")) as sent:
        page.get_by_test_id("export-form-send").click()
    body = json.loads(sent.value.post_data or "{}")
    assert body["format"] == "qrels" and body["include_holdout"] is False and "project" not in body
    version = page.get_by_test_id("export-version").first
    expect(version).to_contain_text("qrels", timeout=15_000)
    told = version.locator("code.hash").inner_text()
    with page.expect_download() as download:
        version.get_by_test_id("export-file").click()
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == told


def test_each_format_has_its_dictionary(page: Page) -> None:
    exports(page)
    choices = page.get_by_test_id("format").locator("option").all_inner_texts()
    assert len(choices) >= 5
    for name in choices:
        page.get_by_test_id("format").select_option(name)
        expect(page.get_by_test_id("format-about").locator("h3")).to_have_text(name)
        assert len(page.get_by_test_id("format-about").locator("p").first.inner_text()) > 20


def test_a_version_of_which_rows_were_withdrawn_says_so(open_page: OpenPage) -> None:
    page, watch = open_page("/", Screen(width=375, height=800))
    version = {
        "id": "0198c7a2-0000-7000-8000-0000000000e1",
        "format": "parquet",
        "schema_version": "2",
        "query": {"project": None, "states": ["submitted"]},
        "until": 40,
        "content_hash": "a" * 64,
        "rows": 60,
        "judgements": 3,
        "created": "2026-11-28T10:00:00Z",
        "withdrawn": 2,
        "command": "python -m app export rebuild 0198c7a2 --out FILE",
    }
    pretend.serve(page, {"exports": {"exports": [version]}})
    exports(page)
    expect(page.get_by_test_id("withdrawn")).to_contain_text("2 judgements in it went since")
    watch.fits()
