"""What a page must not do, and how it is looked at: console, network, accessibility, pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Page, Request, Response

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDTHS = {"phone": 390, "desktop": 1280}
THEMES = ("light", "dark")
_NO_SUCCESS = ("status of", "Status Error Code")


class Watchman:
    """Writes down what a page does that none should do."""

    def __init__(self, page: Page, host: str) -> None:
        self.complaints: list[str] = []
        self._host = host
        self._expected: set[int] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def expect(self, *statuses: int) -> None:
        """Answers of that HTTP status are meant by the test."""
        self._expected.update(statuses)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        # Chromium and htmx each write a line about an answer that is no success.
        known = [f"{words} {status} " for words in _NO_SUCCESS for status in self._expected]
        if any(one in message.text for one in known):
            return
        self.complaints.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme not in {"data", "blob"} and target.netloc != self._host:
            self.complaints.append(f"request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        # A page that is left ends its stream and what it was still loading.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"request failed: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.complaints.append(f"HTTP {response.status}: {response.url}")


def violations(page: Page, *, colours: bool = True) -> list[str]:
    """What axe-core finds wrong, one line a rule with the elements; in the theme that is on.
    Without `colours` it does not measure contrasts, which takes most of its time."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(_axe())
    options = {"runOnly": list(TAGS), "resultTypes": ["violations"]}
    if not colours:
        options["rules"] = {"color-contrast": {"enabled": False}}  # type: ignore[assignment]
    found = page.evaluate("options => axe.run(document, options)", options)
    return [_line(one) for one in found["violations"]]


def both_themes(page: Page, look: Callable[[str], None]) -> None:
    """Calls `look` with each theme while the page shows it; ends with the light one."""
    for theme in reversed(THEMES):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.wait_for_function("theme => document.documentElement.dataset.theme === theme",
                               arg=theme)  # fmt: skip
        look(theme)


def shown(page: Page, name: str) -> None:
    """Shows the page at both widths and in both themes, so that a complaint in any of them counts.

    With ANOMALY_SHOTS it takes a picture of each into that folder; without it none, as a picture
    takes a second or more and nothing compares them.
    """
    folder = os.environ.get("ANOMALY_SHOTS")
    before = page.viewport_size
    for width, pixels in WIDTHS.items():
        page.set_viewport_size({"width": pixels, "height": 800})

        def picture(theme: str, width: str = width) -> None:
            if folder:
                path = Path(folder) / f"{name}-{width}-{theme}.png"
                page.screenshot(path=path, full_page=True)

        both_themes(page, picture)
    if before:
        page.set_viewport_size(before)


def overflow(page: Page) -> list[str]:
    """Elements that make the page wider than the window: nobody should have to scroll sideways."""
    return list(page.evaluate(_OVERFLOW))


_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const boxes = (one) => {
    for (let up = one.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== 'visible') return true;
    }
    return false;
  };
  return [...document.body.querySelectorAll('*')]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !boxes(one))
    .slice(0, 5)
    .map((one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.slice(0, 60)}`);
}"""


@cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


def _line(found: dict[str, Any]) -> str:
    where = [str(node["target"][0]) for node in found["nodes"][:4]]
    why = found["nodes"][0].get("failureSummary", "").replace("\n", " ")
    return f"{found['id']} ({found['impact']}): {found['help']}; {json.dumps(where)}; {why[:300]}"
