"""A file becomes a collection through the page: refused with the line that is wrong, or indexed and asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

TEXTS = {"sun": "Solar panels turn light into current.", "cell": "Batteries keep charge for the night.", "tea": "Tea cools in a thin cup."}


def send(page: Page, path: Path) -> None:
    page.get_by_test_id("source-upload").check()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Upload and index").click()


def test_a_file_is_refused_with_its_bad_line_or_taken_in_and_asked(page: Page, watch: Watch, tmp_path: Path) -> None:
    watch.expect("400")
    bad, good = tmp_path / "bad.tsv", tmp_path / "lights.jsonl"
    bad.write_text("id\ttext\na\tfirst\na\tsecond\n")
    good.write_text("".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in TEXTS.items()))
    page.get_by_test_id("example").first.wait_for()
    send(page, bad)
    expect(page.get_by_text("line 3")).to_be_visible(timeout=15_000)
    send(page, good)
    option = page.locator("option", has_text="lights.jsonl, 3 passages")
    expect(option).to_be_enabled(timeout=90_000)  # a worker is started and loads the embedding model
    page.get_by_test_id("query").fill("How does light become current?")
    page.get_by_test_id("query").press("Control+Enter")
    expect(page.get_by_test_id("outcome")).to_have_text("clean", timeout=30_000)
    page.get_by_test_id("skip").click()
    expect(page.locator(".card").first).to_contain_text("Solar panels")
