from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from elsewhere import Site, Vendor, start_site
from harness import Postgres, Service, add_users, cluster, embedded
from integration.uws_helpers import (
    STRICT,
    Said,
    said_in_common_phases,
    said_in_rare_phases,
)
from standing import Standing
from uws import listed

from quws.client import Client

FORMS = ("embedded", "cluster")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin what takes long first, and look at its end last: others are tested meanwhile."""
    for form in FORMS:
        places = [place for place, item in enumerate(items) if form_of(item) == form]
        ordered = sorted((items[place] for place in places), key=turn)
        for place, item in zip(places, ordered, strict=True):
            items[place] = item


def form_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("service")


def turn(item: pytest.Item) -> int:
    if item.get_closest_marker("first"):
        return 0
    return 2 if item.get_closest_marker("last") else 1


SETTINGS = {
    # Where the receivers of webhooks are that tests start.
    "QUWS_POLICY__WEBHOOK_NETWORKS": '["127.0.0.0/8"]',
    # Every job is charged, and none meets a limit that does not mean to.
    "QUWS_POLICY__MAX_DAY_SHOTS": "1000000000",
    "QUWS_POLICY__MAX_MONTH_SECONDS": "1000000000",
    "QUWS_POLICY__MAX_RUNNING": "1000",
}

TARGETS = """
[simulator]
adapter = "simulator"
options = { qubits = 26, threads = 1 }
timeslots = { step = 1, shortest = 1 }
"""
"""The simulator as without a list; and it can be booked."""


@pytest.fixture(scope="session", params=FORMS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service in both of its forms; every test that uses it runs on both."""
    folder = tmp_path_factory.mktemp(request.param)
    targets = folder.with_suffix(".toml")
    targets.write_text(TARGETS)
    settings = SETTINGS | {"QUWS_TARGETS": str(targets)}
    if request.param == "embedded":
        with embedded(folder, settings, new=True) as running:
            yield running
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with cluster(folder, postgres.migrated(), settings) as running:
            yield running


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


CLOSED = {
    "QUWS_AUTH": "users",
    "QUWS_POLICY__MAX_QUEUED": "2",
    "QUWS_SHORT_SLOTS": "1",
}


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that wants its users to sign in, runs two jobs of each, and lets short ones by."""
    with embedded(tmp_path_factory.mktemp("closed"), CLOSED) as service:
        add_users(service, "alice", "bob", "ella", operator="root@lab")
        yield service


@pytest.fixture(scope="module")
def closed_spread(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[Service]:
    """The like, in several processes behind one port."""
    folder = tmp_path_factory.mktemp("closed_spread")
    with cluster(folder, postgres.migrated(), CLOSED, workers=1) as service:
        add_users(service, "bob", "ella", operator="root@lab")
        yield service


@pytest.fixture(scope="session")
def said_in(service: Service) -> dict[str, Said]:
    """What the service says of a job in each of the common phases."""
    return said_in_common_phases(service)


@pytest.fixture(scope="session")
def strict_form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a quota that keeps history: the rare phases come about in it."""
    with embedded(tmp_path_factory.mktemp("strict"), STRICT) as running:
        yield running


@pytest.fixture
def strict(strict_form: Service) -> Iterator[httpx.Client]:
    with strict_form.client() as client:
        yield client
        # What is left would count against the next test's quota, and stand in its lists.
        for query in ({}, {"PHASE": "ARCHIVED"}):
            for job in listed(client, **query):
                client.delete(f"/jobs/{job}")


@pytest.fixture(scope="session")
def rare(strict_form: Service) -> dict[str, Said]:
    """What the strict service says of a job in each of the rare phases."""
    return said_in_rare_phases(strict_form)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    environment = {"QUWS_GRACE": "0", "QUWS_POLICY__MAX_ATTEMPTS": "2"}
    made = Standing(tmp_path_factory.mktemp("standing"), environment)
    yield made
    made.close()


@pytest.fixture
def own(standing: Standing) -> Service:
    """An embedded service that the test may end. It has no job, and hands over at once."""
    return standing.without_jobs()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def vendor(site: Site) -> Iterator[Vendor]:
    """The vendor, well and idle before and after."""
    yield site.vendor
    site.vendor.calm()


@pytest.fixture
def site_http(site: Site) -> Iterator[httpx.Client]:
    with site.service.client() as client:
        yield client


@pytest.fixture
def operator(site: Site) -> Iterator[httpx.Client]:
    with site.service.client(auth=("op", "op-password")) as client:
        yield client


@pytest.fixture
def no_sessions(service: Service) -> Iterator[None]:
    """Begin without sessions that are open, and leave none, which would hold others' jobs off."""
    _end_sessions(service)
    yield
    _end_sessions(service)


def _end_sessions(service: Service) -> None:
    with Client(service.url) as client:
        for item in client.sessions():
            if item.state != "closed":
                client.session_of(item.id).cancel()
                client.jobs(session=item.id).abort()
