"""A real browser for the tests of this folder: Debian's Chromium, driven by Playwright.

`visit` opens a page and keeps what goes wrong on it; `Visit.axe` runs the rules of axe-core.  Where
there is no Chromium, or no Playwright, the tests are skipped with that as the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1280, 800), (390, 844)
GRAVE = ("serious", "critical")
PATIENCE = 90_000  # milliseconds that anything may take: of a slow machine that does other things
_OWN = ("", "127.0.0.1", "localhost")  # "" is what data:, blob: and file: have for a host
_LOCAL = ("data", "blob", "file", "about")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is not marked `everyday` here takes its time, and is left to campaigns."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not item.get_closest_marker("everyday"):
            item.add_marker("campaign")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser to start; the test is skipped where there is none."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: .[browser]")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the path")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for the tests of this folder, closed when they are done: other tests of the
    process may want an event loop of their own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Visit:
    """A page that was opened, and what went wrong on it.

    errors: what the console called one, exceptions that nothing caught, and answers of 400 and
    above;  elsewhere: requests to other hosts.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Keep what goes wrong from now on."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._answered)
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))

    def axe(self, *, without: tuple[str, ...] = ()) -> list[str]:
        """What axe-core finds serious or critical: "rule: element, element, ..."."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        grave = [one for one in found if one["impact"] in GRAVE and one["id"] not in without]
        return [
            f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'][:5])}"
            for one in grave
        ]

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL and parts.hostname not in _OWN:
            self.elsewhere.append(url)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a page: visit(url, size=DESKTOP, dark=False), in a window of its own."""
    contexts = []

    def opened(url: str, size: tuple[int, int] = DESKTOP, dark: bool = False, **more: Any) -> Visit:
        width, height = size
        looks = {"color_scheme": "dark" if dark else "light", "reduced_motion": "reduce"}
        context = browser.new_context(viewport={"width": width, "height": height}, **looks, **more)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        found = Visit(context.new_page())
        found.watch()
        found.page.goto(url)
        return found

    yield opened
    for context in contexts:
        context.close()
