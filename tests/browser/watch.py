"""What goes on behind a page: errors, policy violations, requests to strangers, and how wide it is."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

# Gradio's own noise that can't be avoided, each with its reason. Empty is what we want: add only with a sentence.
ALLOWED: tuple[str, ...] = ()

_REPORT = "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI, e.sourceFile))"


class Watch:
    """Collects from the moment it is made. `expect(pattern)` allows a console error that the test itself provokes."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.problems: list[str] = []
        self._expected = list(ALLOWED)
        page.add_init_script(_REPORT)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Allow console errors that match."""
        self._expected.append(pattern)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.problems.append(f"request to another host: {request.url}")

    def fits(self) -> None:
        """Nothing on the page is wider than the screen."""
        wide, screen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, f"the page is {wide} px wide on a screen of {screen}"

    def check(self) -> None:
        """Fails with all that was seen and not expected."""
        left = [problem for problem in self.problems if not any(re.search(pattern, problem) for pattern in self._expected)]
        assert not left, "\n".join(left)
