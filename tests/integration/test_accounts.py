"""Who may do what: users with passwords and tokens, a trusted proxy, and nobody else."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from answers import expect
from circuits import BELL2, ENDLESS
from commands import quws, run
from harness import Service
from lxml import html
from standing import api_alone
from uws import create, document, listed, text, wait

CHILDREN = (
    "",
    "/phase",
    "/executionduration",
    "/destruction",
    "/quote",
    "/owner",
    "/error",
    "/events",
    "/parameters",
    "/parameters/CIRCUIT",
    "/results",
    "/results/result",
    "/results/counts",
)
PROXY_SECRET = "known-to-the-proxy-alone"


@pytest.fixture
def alice(closed: Service) -> Iterator[httpx.Client]:
    with closed.client(auth=("alice", "alice-password")) as client:
        yield client


@pytest.fixture
def bob(closed: Service) -> Iterator[httpx.Client]:
    with closed.client(auth=("bob", "bob-password")) as client:
        yield client


def test_O5_who_does_not_sign_in_is_challenged(closed: Service, alice: httpx.Client) -> None:
    job = create(alice)
    with closed.client() as nobody:
        for method, url in (
            ("GET", "/jobs"),
            ("GET", "/events"),
            ("POST", "/jobs"),
            ("GET", job),
            ("DELETE", job),
        ):
            answer = nobody.request(method, url)
            assert answer.status_code == 401
            challenges = answer.headers.get_list("www-authenticate")
            assert challenges[0].startswith("Basic ")
            assert challenges[1].startswith("Bearer ")
        empty = nobody.get("/jobs", headers={"Authorization": "Basic Og=="})
        assert empty.status_code == 401
        for open_to_all in ("/availability", "/capabilities", "/health/live"):
            assert nobody.get(open_to_all).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Basic YWxpY2U6d3Jvbmc=",
        "Basic bm9ib2R5Ondyb25n",
        "Basic %%%",
        "Basic",
        "Bearer quws_wrong",
        "Digest x",
    ],
)
def test_wrong_credentials_are_nobody(closed: Service, header: str) -> None:
    with closed.client() as client:
        for _ in range(2):
            assert client.get("/jobs", headers={"Authorization": header}).status_code == 401


def test_O1_another_users_job_is_forbidden_with_all_that_belongs_to_it(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    job = create(alice, PHASE="RUN")
    wait(alice, job)
    for child in CHILDREN:
        assert bob.get(job + child).status_code == 403, child
        assert bob.head(job + child).status_code == 403, child
    for child, form in (
        ("", {"ACTION": "DELETE"}),
        ("", {"PHASE": "ABORT"}),
        ("/phase", {"PHASE": "ABORT"}),
        ("/destruction", {"DESTRUCTION": "2099-01-01"}),
        ("/executionduration", {"EXECUTIONDURATION": "1"}),
        ("/parameters", {"SHOTS": "1"}),
    ):
        assert bob.post(job + child, data=form).status_code == 403
    assert bob.put(f"{job}/parameters/SHOTS", content=b"1").status_code == 403
    assert bob.delete(job).status_code == 403
    assert bob.get(f"{job.replace('/jobs/', '/sync/')}").status_code == 403
    assert text(document(alice, job), "phase") == "COMPLETED"


def test_O2_L13_a_list_holds_the_callers_jobs_only(alice: httpx.Client, bob: httpx.Client) -> None:
    mine, other = create(alice), create(bob)
    for query in ({}, {"PHASE": "PENDING"}, {"LAST": "1000"}, {"AFTER": "2020-01-01"}):
        seen = listed(bob, **query)
        assert other.rsplit("/", 1)[1] in seen
        assert mine.rsplit("/", 1)[1] not in seen


def test_news_are_of_the_callers_jobs_only(alice: httpx.Client, bob: httpx.Client) -> None:
    with closing_stream(bob) as lines:
        assert next(lines) == "listening"
        other, mine = create(alice), create(bob)
        alice.delete(other)
        assert next(lines) == f"job {mine}"
        bob.delete(mine)
        assert next(lines) == f"job_deleted {mine}"


@contextlib.contextmanager
def closing_stream(http: httpx.Client) -> Iterator[Iterator[str]]:
    """The events of all jobs of a caller: kind, and the job that is meant."""

    def read(answer: httpx.Response) -> Iterator[str]:
        kind = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield f"{kind} {json.loads(value).get('url', '')}".strip()

    with http.stream("GET", "/events", timeout=20) as answer:
        assert answer.status_code == 200
        yield read(answer)


def test_O3_the_owner_is_who_signed_in(alice: httpx.Client) -> None:
    job = create(alice)
    assert text(document(alice, job), "ownerId") == "alice"
    assert alice.get(f"{job}/owner").text == "alice"
    assert alice.get(job, headers={"Accept": "application/json"}).json()["owner"] == "alice"


def test_an_operator_sees_everything(closed: Service, alice: httpx.Client) -> None:
    job = create(alice)
    with closed.client(auth=("root@lab", "root@lab-password")) as operator:
        assert job.rsplit("/", 1)[1] in listed(operator)
        assert operator.get(job).status_code == 200


def test_a_token_is_a_way_in_until_it_is_revoked(closed: Service) -> None:
    secret = quws(closed, "token", "create", "alice", "--label", "laptop", "--days", "1")
    with closed.client(headers={"Authorization": f"Bearer {secret}"}) as client:
        assert client.get("/jobs").status_code == 200
        assert client.get(f"{create(client)}/owner").text == "alice"
        assert "laptop, valid until" in quws(closed, "token", "list", "alice")
        quws(closed, "token", "revoke", "alice", "laptop")
        assert client.get("/jobs").status_code == 401
    assert secret not in closed.log()
    expired = quws(closed, "token", "create", "alice", "--days", "-1")
    with closed.client(headers={"Authorization": f"Bearer {expired}"}) as client:
        assert client.get("/jobs").status_code == 401


def test_a_quota_holds_jobs_and_a_later_run_lets_them_go(
    closed: Service, alice: httpx.Client, bob: httpx.Client
) -> None:
    quota = int(closed.environment["QUWS_POLICY__MAX_QUEUED"])
    running = [create(alice, ENDLESS, SHOTS=1, PHASE="RUN") for _ in range(quota)]
    held = create(alice, PHASE="RUN")
    root = document(alice, held)
    assert text(root, "phase") == "HELD"
    told = alice.get(held, headers={"Accept": "application/json"}).json()
    assert told["timeline"][-1]["message"].startswith("quota_exceeded")
    alice.post(f"{held}/phase", data={"PHASE": "RUN"})
    assert text(document(alice, held), "phase") == "HELD"
    free = create(bob, PHASE="RUN")
    assert text(document(bob, free), "phase") != "HELD"
    for job in running:
        alice.delete(job)
    assert alice.post(f"{held}/phase", data={"PHASE": "RUN"}).status_code == 303
    assert wait(alice, held) == "COMPLETED"


def test_a_proxy_that_is_trusted_says_who_asks(tmp_path: Path) -> None:
    settings = {"QUWS_AUTH": "proxy", "QUWS_PROXY_SECRET": PROXY_SECRET}
    with (
        api_alone(tmp_path, settings) as service,
        service.client(headers={"X-Proxy-Secret": PROXY_SECRET}) as client,
        service.client() as another,
    ):
        assert client.get("/jobs").status_code == 401
        as_carol = {"X-Forwarded-User": "carol"}
        # Any program can come from the same address.
        assert another.get("/jobs", headers=as_carol).status_code == 401
        answer = client.post("/jobs", data={"CIRCUIT": BELL2}, headers=as_carol)
        job = answer.headers["Location"]
        assert client.get(f"{job}/owner", headers=as_carol).text == "carol"
        assert client.get(job, headers={"X-Forwarded-User": "dave"}).status_code == 403
    assert PROXY_SECRET not in service.log()


def test_a_public_address_needs_users_or_a_flag(tmp_path: Path) -> None:
    done = run({**os.environ}, "serve", "--host", "0.0.0.0", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "--allow-anonymous" in done.stderr


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def signed_in(service: Service, name: str = "alice", following: str = "") -> httpx.Response:
    with service.client(headers=BROWSER) as http:
        form = {"NAME": name, "PASSWORD": f"{name}-password", "NEXT": following}
        return http.post("/account/sign-in", data=form)


def test_a_browser_is_asked_by_a_page_and_a_program_by_a_challenge(closed: Service) -> None:
    with closed.client() as http:
        page = http.get("/jobs?LAST=3", headers=BROWSER)
        assert page.status_code == 401
        # With Basic in it the browser would ask by itself, before anybody sees the page.
        assert "Basic" not in page.headers["www-authenticate"]
        assert 'name="NEXT" value="/jobs?LAST=3"' in page.text
        wrong = http.get("/jobs", headers=BROWSER, auth=("alice", "wrong"))
        assert wrong.headers["www-authenticate"].startswith("Basic")


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(closed: Service) -> None:
    answer = signed_in(closed, following="/jobs?LAST=3")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{closed.url}/jobs?LAST=3"
    name, _, rest = answer.headers["set-cookie"].partition("=")
    attributes = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=604800"} <= attributes
    assert "secure" not in attributes  # This service speaks plain http.
    secret = rest.split(";")[0]
    cookies = {"Cookie": f"{name}={secret}"}
    with closed.client(headers=cookies) as http:
        account = expect(http.get("/account", headers=BROWSER)).text
        assert "You are signed in as alice." in " ".join(
            html.fromstring(account).text_content().split()
        )
        job = create(http)
        assert http.get(f"{job}/owner").text == "alice"
        # A page of another site makes browsers send the request, but not as theirs.
        foreign = http.post(
            "/jobs", data={"CIRCUIT": BELL2}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert foreign.status_code == 403
        left = http.post("/account/sign-out", headers=BROWSER)
        assert "max-age=0" in left.headers["set-cookie"].lower()
        assert http.get("/jobs").status_code == 401
    assert secret not in closed.log()


def test_a_new_password_ends_the_sessions_of_the_old_one(closed: Service) -> None:
    quws(closed, "user", "add", "carol", "--password-stdin", given="carol-password\n")
    cookie = signed_in(closed, "carol").headers["set-cookie"].split(";")[0]
    with closed.client(headers={"Cookie": cookie}) as http:
        assert http.get("/jobs").status_code == 200
        quws(closed, "user", "password", "carol", "--password-stdin", given="another-password\n")
        assert http.get("/jobs").status_code == 401
