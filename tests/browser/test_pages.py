"""Each page as readers meet it: accessible, in dark and light, on a desk and on a phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import NARROW, SHOTS, WIDE, Open
from circuits import BELL2, BELL3
from harness import Service
from integration.uws_helpers import FAILING
from playwright.sync_api import Page
from uws import create, wait

AXE = Axe()
LOADED = Axe("0")  # Where a page has it already.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VISUAL = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
"""The rules for which scheme and width make a difference."""
WIDE_COUNTS = "\n".join(
    [
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[12];\ncreg a[40];\ncreg b[20];',
        *(f"h q[{k}];" for k in range(12)),
        *(f"measure q[{k % 12}] -> a[{k}];" for k in range(40)),
        *(f"measure q[{k % 12}] -> b[{k}];" for k in range(20)),
    ]
)
"""Sixty bits, and too many outcomes for a page."""


@dataclass(frozen=True)
class Known:
    """Jobs whose pages are looked at."""

    pending: str
    completed: str
    failed: str
    wide: str
    batch: str
    compiled: str


@pytest.fixture(scope="module")
def known(service: Service) -> Known:
    with service.client() as http:
        jobs = Known(
            pending=create(http, RUNID="to be run", TAG=["a", "b"], SEED=1),
            completed=create(http, BELL3, PHASE="RUN", METADATA='{"a": 1}'),
            failed=create(http, FAILING, PHASE="RUN"),
            wide=create(http, WIDE_COUNTS, PHASE="RUN"),
            batch=create(http, [BELL2, BELL3, BELL2], PHASE="RUN", RUNID="three"),
            compiled=create(http, BELL3, PHASE="RUN", TARGET="device", SHOTS=10),
        )
        for job in (jobs.completed, jobs.failed, jobs.wide, jobs.batch, jobs.compiled):
            wait(http, job)
    return jobs


def looked_at(page: Page, name: str) -> None:
    """Hold a page to WCAG in both schemes and widths, and keep pictures of it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for scheme, size, word, rules, axe in (
        ("light", WIDE, "wide", {"type": "tag", "values": TAGS}, AXE),
        ("dark", NARROW, "narrow", {"type": "rule", "values": VISUAL}, LOADED),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        # What is well is not described: that takes longer than to find out.
        found = axe.run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{name}, {scheme}:\n{found.generate_report()}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} is {width} wide on {size['width']}"
        page.screenshot(path=SHOTS / f"{name}-{scheme}-{word}.png", full_page=True)


PAGES: dict[str, Any] = {
    "home": "/",
    "new": "/new?EXAMPLE=teleport",
    "list": "/jobs?PHASE=COMPLETED&PHASE=PENDING",
    "targets": "/targets",
    "target": "/targets/simulator",
    "device": "/targets/device",
    "sessions": "/sessions",
    "operator": "/operator",
    "account-none": "/account",
    "job-pending": lambda known: known.pending,
    "job-completed": lambda known: known.completed,
    "job-failed": lambda known: known.failed,
    "job-wide": lambda known: known.wide,
    "job-batch": lambda known: f"{known.batch}?SHOW=1",
    "job-compiled": lambda known: known.compiled,
    "circuit": lambda known: f"{known.completed}/circuits/0",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(open_page: Open, service: Service, known: Known, name: str) -> None:
    path = PAGES[name]
    page = open_page(service, path if isinstance(path, str) else path(known))
    if name != "job-wide":  # Its tables are as on the others, and long.
        page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true })")
    looked_at(page, name)
    headings = page.locator("h1").count()
    assert headings == 1
    if name == "list":
        for width in (375, 1100, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            cut = page.evaluate(
                "(table => table.scrollWidth - table.clientWidth)"
                "(document.querySelector('#rows .scroll'))"
            )
            assert cut == 0, f"the list is cut at a width of {width}"


def test_a_refused_form_is_accessible(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new", expected=403)
    page.fill("textarea[name=CIRCUIT]", "OPENQASM 3.0;\nqubit[2] q;\nhadamard q[0];\n")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("heading", name="The job was not created").wait_for()
    looked_at(page, "new-refused")


def test_an_error_is_a_page(open_page: Open, service: Service) -> None:
    page = open_page(service, "/jobs/nothing", expected=404)
    assert page.get_by_role("alert").inner_text() == "there is no job nothing"
    looked_at(page, "error")


@pytest.mark.parametrize("name", ["sign-in", "account", "operator-list"])
def test_pages_of_accounts_are_accessible(open_page: Open, closed: Service, name: str) -> None:
    page = open_page(closed, "/jobs", expected=401)
    if name != "sign-in":
        page.fill("#name", "root")
        page.fill("#password", "root-password")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Jobs").wait_for()
        if name == "account":
            page.goto("/account")
            page.fill("#label", "laptop")
            page.get_by_role("button", name="Create a token").click()
            page.locator("#secret").wait_for()
    looked_at(page, name)


def test_the_first_page_is_small_and_from_here_alone(open_page: Open, service: Service) -> None:
    sizes: list[int] = []
    page = open_page(service, "about:blank")
    page.on(
        "response",
        lambda answer: (
            sizes.append(len(answer.body())) if answer.ok and "events" not in answer.url else None
        ),
    )
    page.goto("/")
    page.get_by_role("link", name="Start a job").wait_for()
    assert len(sizes) >= 3
    assert sum(sizes) < 100_000


def test_a_page_is_whole_without_scripts(open_page: Open, service: Service, known: Known) -> None:
    page = open_page(service, known.completed, java_script_enabled=False)
    assert page.get_by_role("img", name="Histogram").is_visible()
    assert page.get_by_role("img", name="Circuit on 2 qubits").is_visible()
    assert "UTC" in page.locator("time").first.inner_text()


def test_times_are_the_readers_own_with_utc_on_hover(
    open_page: Open, service: Service, known: Known
) -> None:
    page = open_page(service, known.completed, timezone_id="Asia/Tokyo", locale="de-DE")
    time = page.locator("#facts time").first
    instant = time.get_attribute("datetime")
    shown = page.evaluate(
        "t => new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium',"
        " timeZone: 'Asia/Tokyo'}).format(new Date(t))",
        instant,
    )
    assert time.inner_text() == shown
    assert (time.get_attribute("title") or "").endswith(" UTC")


@pytest.mark.parametrize("path", ["results", "parameters"])
def test_xml_is_readable_in_a_browser(
    open_page: Open, service: Service, known: Known, path: str
) -> None:
    page = open_page(service, f"{known.completed}/{path}")
    style = page.evaluate(
        "[getComputedStyle(document.documentElement).display,"
        " getComputedStyle(document.documentElement, '::before').content]"
    )
    assert style == ["block", f'"{path.capitalize()}"']
    page.screenshot(path=SHOTS / f"xml-{path}.png")


def test_a_device_is_shown_with_its_couplings_and_what_was_compiled_for_it(
    open_page: Open, service: Service, known: Known
) -> None:
    page = open_page(service, "/targets/device")
    device = page.get_by_role("img", name="5 qubits and 4 couplings")
    assert device.locator("circle").count() == 5
    assert device.locator("line[class*=g]").count() == 4
    assert page.get_by_role("row", name="cz").count() == 4
    page.goto(known.compiled)
    compiled = page.locator("#circuit svg.circuit")
    assert compiled.count() == 2
    assert compiled.nth(1).get_by_text(re.compile("^r$", re.IGNORECASE)).count() > 0
