"""A real browser: Debian's Chromium, driven by Playwright.

Every page that a test opens is watched: an error on its console, a violation of
the content security policy or a request to another host fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Service, add_users, embedded
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from programs import debian

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What Playwright turns off itself, and pages of the browser's own, of which each window of a
    # test has two: they take as much of the processor as the test's.
    "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose"
    ",HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding"
    ",ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,AimEnabled"
    ",WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,OmniboxAimPopup",
]
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 375, "height": 800}
SHOTS = Path(os.environ.get("QUWS_TEST_SCREENSHOTS") or Path(__file__).parents[2] / ".ci/artifacts")
"""Where screenshots are kept for people to look at."""

TARGETS = """
[simulator]
adapter = "simulator"

[device]
adapter = "emulator"
conformance = "none"
options = { device = "bluebell-5", overhead = 0.0, speed = 100.0 }
"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> str:
    return debian("chromium", "chromium")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # No wider than a module: its event loop is in the way of tests that have their own.
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    yield running
    running.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded form, with one anonymous user, the simulator and a device."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "targets.toml").write_text(TARGETS)
    with embedded(folder) as running:
        yield running


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded form, with accounts."""
    with embedded(tmp_path_factory.mktemp("closed"), {"QUWS_AUTH": "users"}) as running:
        add_users(running, "alice", "bob", operator="root")
        yield running


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens pages, each like a reader of its own, and watches them."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(
        service: Service,
        path: str,
        *,
        expected: tuple[int, ...] | int = (),
        away: bool = False,
        **options: Any,
    ) -> Page:
        context = browser.new_context(base_url=service.url, viewport=WIDE, **options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()

        def console(message: Any) -> None:
            # A browser complains of every status from 400 on, which may be what a test wants.
            statuses = (expected,) if isinstance(expected, int) else expected
            refused = any(f"status of {status}" in message.text for status in statuses)
            refused = refused or (away and "net::ERR_" in message.text)
            if message.type in ("error", "warning") and not refused:
                complaints.append(f"{page.url}: {message.text}")

        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((service.url, "data:", "blob:"))
                else complaints.append(f"{page.url} asks {request.url}")
            ),
        )
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
