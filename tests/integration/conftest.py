from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from elsewhere import Site, Vendor, start_site
from harness import Postgres, Service, cluster, embedded


@pytest.fixture(scope="session", params=["embedded", "cluster"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service in both of its forms; every test that uses it runs on both."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with embedded(folder) as running:
            yield running
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with cluster(folder, postgres.database()) as running:
            yield running


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


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
