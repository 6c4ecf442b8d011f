"""Projects for the tests of the task screen, made over HTTP as an admin would, and what these tests do again and again."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

BREAD = {
    "topic": "bread",
    "query": "Why does bread rise slowly in winter?",
    "passages": [
        {"id": "yeast one", "title": "Yeast", "text": "😀 Yeast is sluggish in the cold, and a warm oven wakes it."},
        {"id": "sales/2", "title": "Sales", "text": "January sales begin on the second."},
        {"id": "flour", "title": "Flour", "text": "Flour holds gluten, which traps gas."},
        {"id": "salt", "title": "Salt", "text": "Salt slows yeast in any season."},
    ],
}
ONIONS = {
    "topic": "onions",
    "query": "Why do onions make you cry?",
    "passages": [
        {"id": "gas", "title": "Gas", "text": "Cut cells let go a gas that stings."},
        {"id": "soup", "title": "Soup", "text": "Onion soup needs two hours."},
        {"id": "knife", "title": "Knife", "text": "A sharp knife breaks fewer cells."},
    ],
}


_FOCUSED = """(() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e.cloneNode(false).outerHTML;
})()"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A project by id and name."""

    id: str
    name: str


def call(address: str, method: str, path: str, value: Any = None) -> Any:
    """One request to `/api/v1`, parsed."""
    headers = {"X-Requested-With": "reasonrank", "Content-Type": "application/json"}
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(f"{address}/api/v1/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def blind(address: str, name: str, *lists: dict[str, Any], **rules: Any) -> Made:
    """A project that shows no model; passages in the order given here, one person a task, no tutorial, no chance, unless `rules` say so."""
    made = call(
        address,
        "POST",
        "projects",
        {
            "name": name,
            "view": "blind",
            "shown": "first_stage",
            "overlap": 1,
            "tutorial": False,
            "gold_share": 0.0,
            "audit_share": 0.0,
            **rules,
        },
    )
    if lists:
        call(address, "POST", f"projects/{made['id']}/tasks", {"lists": list(lists)})
    return Made(id=made["id"], name=name)


def with_model(address: str, name: str, *queries: str) -> Made:
    """A project whose lists the embedded model has ranked, its reasoning shown."""
    rules = {"name": name, "view": "model", "shown": "model", "overlap": 1, "tutorial": False, "gold_share": 0.0, "audit_share": 0.0}
    made = call(address, "POST", "projects", rules)
    asked = {"queries": list(queries), "run": True, "model": "nano"}
    call(address, "POST", f"projects/{made['id']}/tasks", asked)
    return Made(id=made["id"], name=name)


def to_tab(page: Page, name: str) -> None:
    """Open a tab, also where the bar has no room for it and it stands in Gradio's menu."""
    page.get_by_role("tab", name="Explore").wait_for()
    shown = page.get_by_role("tab", name=name)
    if not shown.is_visible():
        page.locator("#tabs .overflow-menu > button").click()
        shown = page.locator("#tabs .overflow-dropdown button", has_text=name)
    shown.click()


def begin(page: Page, address: str, project: Made) -> None:
    """Open a project's next task and wait until it can be worked on."""
    page.goto(f"{address}/?project={project.id}")
    page.get_by_role("tab", name="Annotate").click()
    ready(page)


def ready(page: Page) -> None:
    """The task is there, with what was saved of it."""
    page.get_by_test_id("ranker").wait_for()
    expect(page.get_by_test_id("save-state")).not_to_be_empty()


def titles(page: Page) -> list[str]:
    """Headings of the ranked passages from top to bottom."""
    return page.get_by_test_id("ranker").locator("h3").all_inner_texts()


def row(page: Page, place: int) -> Any:
    """The row of the passage that was shown at `place`, from 1."""
    return page.get_by_test_id(f"item-{place}")


def focused(page: Page) -> str:
    """The opening tag of what has the focus, inside shadow roots too."""
    return str(page.evaluate(_FOCUSED))
