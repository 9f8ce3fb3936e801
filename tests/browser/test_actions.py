"""What readers do on the pages, with scripts and without."""

from __future__ import annotations

import re

import pytest
from browser.conftest import Open
from circuits import BELL2, ENDLESS
from harness import Service
from integration.uws_helpers import executing, instant, phase_of, removed
from playwright.sync_api import Page, expect
from uws import create, job_json, listed, wait

WRONG = "OPENQASM 3.0;\nqubit[2] q;\nhadamard q[0];\n"
RIGHT = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\n'
    "cx q[0], q[1];\nc = measure q;\n"
)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def reached(page: Page, phase: str) -> None:
    expect(page.locator(".track .now .name")).to_have_text(phase, timeout=40_000)


def mark(page: Page) -> None:
    """Leave something that a reload would take away."""
    page.evaluate("window.stays = true")


def stayed(page: Page) -> bool:
    return bool(page.evaluate("window.stays === true"))


def test_a_circuit_is_written_run_and_counted(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new?EXAMPLE=bell")
    page.fill("#run_id", "my first")
    page.fill("#shots", "500")
    page.fill("#seed", "7")
    press(page, "Run now")
    page.get_by_role("heading", name="my first").wait_for()
    reached(page, "COMPLETED")
    expect(page.get_by_role("img", name="Histogram: 2 outcomes of 500 shots")).to_be_visible()
    expect(page.get_by_role("link", name="counts", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="result", exact=True).click()
    assert b"VOTABLE" in download.value.path().read_bytes()


def test_a_job_page_lives(open_page: Open, service: Service) -> None:
    with service.client() as http:
        job = create(http, [BELL2, BELL2])
        page = open_page(service, job)
        mark(page)
        expect(page.locator("#now")).to_contain_text("0 of 2 circuits")
        page.locator("summary", has_text="curl").click()
        http.post(f"{job}/phase", data={"PHASE": "RUN"})
        reached(page, "COMPLETED")
        expect(page.locator("#now")).to_contain_text("2 of 2 circuits")
        expect(page).to_have_title(re.compile("^COMPLETED"))
        assert page.locator("#curl").is_visible()
        assert stayed(page)


def test_creating_and_running_are_two_steps(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new?EXAMPLE=ghz")
    press(page, "Create, and look at the quote first")
    reached(page, "PENDING")
    expect(page.locator(".quote")).to_be_visible()
    press(page, "Run")
    reached(page, "COMPLETED")


def test_the_place_in_the_queue_and_the_end_of_waiting(open_page: Open, service: Service) -> None:
    with service.client() as http:
        blocker = create(http, ENDLESS, SHOTS=1, PHASE="RUN")
        ahead, job = create(http, PHASE="RUN"), create(http, PHASE="RUN")
        with removed(http, blocker, ahead, job):
            executing(http, blocker)
            page = open_page(service, job)
            reached(page, "QUEUED")
            expect(page.get_by_role("status")).to_contain_text("1 job goes before this one.")
            http.delete(ahead)
            # A place in the queue is looked up every few seconds.
            expect(page.get_by_role("status")).to_contain_text(
                "It is the next one in the queue.", timeout=20_000
            )
            press(page, "Abort")
            reached(page, "ABORTED")
            other = open_page(service, blocker)
            reached(other, "EXECUTING")
            http.delete(blocker)
            other.wait_for_url("**/jobs")


def test_a_job_is_deleted_from_its_page(open_page: Open, service: Service) -> None:
    with service.client() as http:
        job = create(http)
        page = open_page(service, job)
        press(page, "Delete")
        page.get_by_role("heading", name="Delete this job?").wait_for()
        page.get_by_role("link", name="Keep").click()
        reached(page, "PENDING")
        press(page, "Delete")
        press(page, "Delete it")
        expect(page.get_by_role("status")).to_have_text("1 job was deleted.")
        assert http.get(job).status_code == 404


def test_a_long_circuit_scrolls_with_its_numbers(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new?EXAMPLE=bell")
    text = page.locator("textarea")
    text.fill(RIGHT + "\n".join(f"// line {number}" for number in range(8, 121)))
    last = page.locator(".lines li").nth(119)
    last.scroll_into_view_if_needed()
    editor, line, sheet = (
        item.bounding_box() for item in (page.locator(".editor"), last, page.locator(".sheet"))
    )
    assert editor and line and sheet
    assert sheet["height"] > 120 * line["height"] > 3 * editor["height"]
    assert editor["y"] <= line["y"] <= line["y"] + line["height"] <= editor["y"] + editor["height"]
    # The text is as high as its numbers, and has no bar of its own.
    assert text.evaluate("item => item.scrollHeight - item.clientHeight") <= 1
    box = text.bounding_box()
    assert box and abs(box["height"] - sheet["height"]) <= 1


def test_a_service_that_is_away_is_said_and_nothing_is_lost(
    open_page: Open, service: Service
) -> None:
    page = open_page(service, "/new?EXAMPLE=bell", away=True)
    bar = page.get_by_role("alert").filter(has_text="The service does not answer")
    page.fill("#run_id", "written before")
    page.context.set_offline(True)
    press(page, "Create, and look at the quote first")
    expect(bar).to_be_visible()
    assert page.locator("#run_id").input_value() == "written before"
    page.context.set_offline(False)
    expect(bar).to_be_hidden()
    press(page, "Create, and look at the quote first")
    reached(page, "PENDING")
    # What streams already is not cut off so: from here on nothing gets through at all.
    blocked = re.compile("/(events|health/live)$")
    page.route(blocked, lambda route: route.abort())
    page.reload()
    mark(page)
    expect(bar).to_be_visible()
    with service.client() as http:
        http.post(f"{page.url}/phase", data={"PHASE": "ABORT"})
        page.unroute(blocked)
        reached(page, "ABORTED")
        expect(bar).to_be_hidden()
        assert stayed(page)
        http.delete(page.url)


def test_an_error_is_marked_at_its_line_while_one_writes(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new?EXAMPLE=bell")
    picture = page.locator("#found-0 svg.circuit")
    expect(picture).to_be_visible()
    page.fill("textarea", WRONG)
    expect(page.locator("#found-0 .alert")).to_contain_text("CIRCUIT, line 3")
    bad = page.locator(".lines .bad")
    expect(bad).to_have_count(1)
    place = bad.evaluate("item => [...item.parentElement.children].indexOf(item) + 1")
    assert place == 3
    assert page.locator("textarea").get_attribute("aria-invalid") == "true"
    expect(picture).to_be_visible()  # The last one that could be drawn, dimmed.
    page.fill("textarea", RIGHT.replace("c = measure q;\n", ""))
    expect(page.locator("#found-0 .alert")).to_contain_text("measures nothing")
    expect(page.get_by_role("img", name="1 H, 1 not")).to_be_visible()
    page.fill("textarea", RIGHT)
    expect(page.locator("#found-0 .alert")).to_have_count(0)
    expect(bad).to_have_count(0)
    expect(page.locator("#found-0")).to_contain_text("2 qubits, 2 classical bits, depth 3")


def test_everything_works_without_scripts(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new", expected=403, java_script_enabled=False)
    page.fill("textarea", WRONG)
    page.fill("#run_id", "kept")
    press(page, "Run now")
    expect(page.get_by_role("alert")).to_contain_text("CIRCUIT, line 3")
    expect(page.locator(".lines .bad")).to_have_count(1)
    assert page.locator("#run_id").input_value() == "kept"
    assert page.locator("textarea").input_value() == WRONG
    page.fill("textarea", RIGHT)
    press(page, "Check")
    expect(page.locator("#found-0 svg.circuit")).to_be_visible()
    press(page, "Add a circuit")
    expect(page.locator("textarea")).to_have_count(2)
    page.locator("textarea").nth(1).fill(BELL2)
    press(page, "Run now")
    page.get_by_role("heading", name="kept").wait_for()
    with service.client() as http:
        wait(http, page.url)
    page.reload()
    reached(page, "COMPLETED")
    expect(page.locator("#now")).to_contain_text("2 of 2 circuits")
    page.select_option("#show", "1")
    press(page, "Show")
    expect(page.get_by_role("heading", name="Counts of circuit 1")).to_be_visible()
    page.get_by_role("link", name="Copy as new job").click()
    expect(page.locator("textarea")).to_have_count(2)
    assert page.locator("textarea").nth(1).input_value() == BELL2
    assert page.locator("#run_id").input_value() == "kept"
    page.get_by_role("button", name="Remove circuit 1").click()
    expect(page.locator("textarea")).to_have_count(1)


def test_a_refused_value_is_named_and_nothing_is_made(open_page: Open, service: Service) -> None:
    with service.client() as http:
        before = listed(http)
        page = open_page(service, "/new", expected=403)
        page.locator("summary", has_text="More").click()
        page.get_by_label("METADATA").fill('{"kept": 1}')
        page.fill("#destruction", "2001-01-01")
        press(page, "Run now")
        expect(page.get_by_role("alert")).to_contain_text("DESTRUCTION must be in the future")
        assert page.locator("#destruction").get_attribute("aria-invalid") == "true"
        assert page.get_by_label("METADATA").input_value() == '{"kept": 1}'
        assert listed(http) == before


def test_destruction_and_duration_are_changed(open_page: Open, service: Service) -> None:
    with service.client() as http:
        job, later = create(http), instant(7200)
        page = open_page(service, job)
        for field, value in (("#destruction", later), ("#duration", "77")):
            page.locator("summary", has_text="Destruction and execution").click()
            page.fill(field, value)
            with page.expect_navigation():
                page.locator("form", has=page.locator(field)).get_by_role("button").click()
        document = job_json(http, job)
        assert document["destruction_time"] == later
        assert document["execution_duration"] == 77


def test_the_list_is_filtered_as_in_the_api(open_page: Open, service: Service) -> None:
    with service.client() as http:
        pending, done = create(http, RUNID="lies still"), create(http, PHASE="RUN")
        wait(http, done)
        page = open_page(service, "/jobs")
        page.locator("summary", has_text="Filter").click()
        page.get_by_label("PENDING", exact=True).check()
        press(page, "Show")
        page.wait_for_url("**/jobs?PHASE=PENDING*")
        expect(page.get_by_role("link", name="lies still")).to_be_visible()
        assert set(page.locator("tbody .phase").all_inner_texts()) == {"PENDING"}
        page.fill("#last", "1")
        press(page, "Show")
        page.wait_for_url("**LAST=1&**")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert page.locator("tbody a").get_attribute("href") == pending
        page.goto("/jobs?AFTER=2999-01-01")
        expect(page.locator("#rows")).to_contain_text("No job fits.")


def test_the_list_lives_and_acts_on_many(open_page: Open, service: Service) -> None:
    with service.client() as http:
        page = open_page(service, "/jobs")
        mark(page)
        jobs = [create(http, RUNID=f"many {number}", TAG="many") for number in range(3)]
        for number in range(3):
            expect(page.get_by_role("link", name=f"many {number}")).to_be_visible()
        page.get_by_label("Select job many 0").check()
        page.get_by_label("Select job many 1").check()
        run = create(http, PHASE="RUN", RUNID="comes between")
        # The first job of a service may wait for its worker.
        expect(page.get_by_role("row", name="comes between")).to_contain_text(
            "COMPLETED", timeout=40_000
        )
        assert page.get_by_label("Select job many 0").is_checked()
        assert stayed(page)
        press(page, "Abort")
        expect(page.get_by_role("status")).to_have_text("2 jobs were aborted.")
        assert [phase_of(http, job) for job in jobs] == ["ABORTED", "ABORTED", "PENDING"]
        for name in ("many 0", "many 1", "many 2"):
            page.get_by_label(f"Select job {name}").check()
        # What is pressed is not taken away before it is let go.
        page.get_by_role("button", name="Delete", exact=True).hover()
        page.mouse.down()
        with page.expect_response(lambda answer: "/jobs" in answer.url):
            http.delete(jobs[2])
        page.mouse.up()
        press(page, "Delete all 2")
        expect(page.get_by_role("status")).to_contain_text("2 jobs were deleted.")
        assert [http.get(job).status_code for job in jobs] == [404] * 3
        http.delete(run)


def test_the_keyboard_is_enough(open_page: Open, service: Service) -> None:
    page = open_page(service, "/new?EXAMPLE=bell")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("#shots")
    page.keyboard.press("Enter")  # The first button of the form only checks.
    expect(page.get_by_role("heading", name="New job")).to_be_visible()
    page.locator("textarea").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") != "TEXTAREA"


def test_a_user_signs_in_makes_a_token_and_signs_out(open_page: Open, closed: Service) -> None:
    page = open_page(closed, "/new?EXAMPLE=ghz", expected=401)
    page.fill("#name", "alice")
    page.fill("#password", "wrong-password")
    press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("nobody of this name")
    page.fill("#name", "alice")
    page.fill("#password", "alice-password")
    press(page, "Sign in")
    page.wait_for_url("**/new?EXAMPLE=ghz")
    press(page, "Run now")
    reached(page, "COMPLETED")
    expect(page.locator("#facts")).to_contain_text("alice")
    page.get_by_role("link", name="alice").click()
    page.fill("#label", "laptop")
    press(page, "Create a token")
    secret = page.locator("#secret").inner_text()
    with closed.client(headers={"Authorization": f"Bearer {secret}"}) as http:
        assert http.get("/jobs").status_code == 200
        page.goto("/account")
        assert secret not in page.content()
        page.get_by_role("button", name="Revoke laptop").click()
        expect(page.get_by_text("You have no tokens.")).to_be_visible()
        assert http.get("/jobs").status_code == 401
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/jobs")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("user", ["bob", "root"])
def test_operators_see_all_and_others_their_own(
    open_page: Open, closed: Service, user: str
) -> None:
    with closed.client(auth=("alice", "alice-password")) as alice:
        job = create(alice, RUNID=f"of alice, for {user}")
    page = open_page(closed, "/jobs", expected=(401, 403))
    page.fill("#name", user)
    page.fill("#password", f"{user}-password")
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    row = page.get_by_role("row", name=f"of alice, for {user}")
    if user == "root":
        expect(row).to_contain_text("alice")
        page.goto("/operator")
        expect(page.get_by_role("heading", name="Workers at work")).to_be_visible()
    else:
        expect(row).to_have_count(0)
        for path in (job, "/operator"):
            page.goto(path)
            expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
