"""Pages in headless Chromium, for tests of what a user sees of them.

Import it by `pytest.importorskip`: without the extra `browser` the tests are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs 'browser'")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium; the test is skipped where there is none."""
    if CHROMIUM is None:
        assert not os.environ.get("BPNET_BROWSER"), "CI installs Chromium, and it is not there"
        pytest.skip("there is no Chromium: apt-get install chromium")
    # the sandbox does not work as root, as in a container
    options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
    with sync_api.sync_playwright() as driver, driver.chromium.launch(**options) as started:
        yield started


def opened(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """Open a page, and return it with what it said on the console and what it fetched."""
    page = browser.new_page(**options)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on(
        "request",
        lambda request: None if request.url == path.as_uri() else problems.append(request.url),
    )
    page.goto(path.as_uri())
    return page, problems


def violations(page: Any) -> list[tuple[str, str]]:
    """Return what axe finds wrong with a page: the rule, and the first place."""
    found = axe.Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
