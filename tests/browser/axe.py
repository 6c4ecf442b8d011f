"""What axe-core says of a page: the rules of WCAG 2.2 AA that a program can check. The script comes with the pinned package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_BAD = ("serious", "critical")
_RUN = "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}).then((r) => r.violations)"


@cache
def _script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Serious and critical violations of what is on screen, shadow roots included, each with the elements it is about."""
    page.evaluate(_script())
    found: list[dict[str, Any]] = page.evaluate(_RUN, _TAGS)
    return [
        f"{one['impact']} {one['id']}: {one['help']} -- " + " | ".join(str(node["html"])[:160] for node in one["nodes"][:4])
        for one in found
        if one["impact"] in _BAD
    ]


def check(page: Page) -> None:
    """Fails with every serious or critical violation."""
    found = violations(page)
    assert not found, "\n".join(found)
