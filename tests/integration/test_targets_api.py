"""``/targets`` in its renderings."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from answers import expect
from astropy.io import votable
from elsewhere import CALIBRATION
from lxml import html
from uws import create, document, job_json, wait

JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html,application/xhtml+xml"}


def tables(answer: httpx.Response) -> dict[str, Any]:
    """The tables of a VOTable, which must be valid."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-votable+xml"
    found = votable.parse(io.BytesIO(answer.content), verify="exception")
    return {table.name: table.array for table in found.iter_tables()}


def test_the_list_says_what_there_is_and_how_it_fares(site_http: httpx.Client) -> None:
    found = {item["name"]: item for item in site_http.get("/targets", headers=JSON).json()}
    assert set(found) == {"simulator", "vendor"}
    assert found["vendor"]["status"] == "online"
    assert found["vendor"]["queue_length"] == 0
    assert found["vendor"]["calibration"]["id"] == "monday"
    assert found["simulator"]["calibration"] is None
    table = tables(site_http.get("/targets"))["targets"]
    assert list(table["name"]) == ["simulator", "vendor"]
    page = site_http.get("/targets", headers=HTML)
    links = html.fromstring(expect(page).text).xpath("//main//a/@href")
    assert any(link.endswith("/targets/vendor") for link in links), links
    assert page.headers["content-type"].startswith("text/html")


def test_a_target_as_json_as_tables_and_as_a_page(site_http: httpx.Client) -> None:
    found = site_http.get("/targets/vendor", headers=JSON).json()
    assert found["qubits"] == 5
    assert found["native_gates"] == ["h", "cx"]
    assert found["coupling"] == [[0, 1], [1, 2]]
    assert found["checked"] is not None
    assert isinstance(found["load"], list)
    both = tables(site_http.get("/targets/vendor"))
    assert list(both["qubits"]["qubit"]) == [0, 1]
    assert both["qubits"]["t1"][0] == pytest.approx(5e-5)
    assert list(both["gates"]["gate"]) == ["cx"]
    assert "monday" not in site_http.get("/targets/simulator").text
    assert len(tables(site_http.get("/targets/simulator"))["qubits"]) == 0
    page = site_http.get("/targets/vendor", headers=HTML).text
    assert "0.02" in page


def test_the_history_of_calibrations(site_http: httpx.Client) -> None:
    target = site_http.get("/targets/vendor", headers=JSON).json()
    (ref,) = site_http.get(target["calibrations_url"], headers=JSON).json()
    assert ref["id"] == "monday"
    found = site_http.get(ref["url"], headers=JSON).json()
    assert found["qubits"][0] == CALIBRATION["qubits"][0]
    assert found["gates"] == CALIBRATION["gates"]
    assert found["time"] == "2026-11-23T06:00:00.000Z"
    assert list(tables(site_http.get(target["calibrations_url"]))["calibrations"]["id"]) == [
        "monday"
    ]
    assert list(tables(site_http.get(ref["url"]))["gates"]["qubits"]) == ["0,1"]


def test_a_job_says_with_which_calibration_it_ran(site_http: httpx.Client) -> None:
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert wait(site_http, job) == "COMPLETED"
    found = job_json(site_http, job)
    assert found["calibration_url"].endswith("/targets/vendor/calibrations/monday")
    extras = document(site_http, job).find(".//{urn:quws:job:1}calibration")
    assert extras is not None
    assert extras.text == "monday"
    plain = create(site_http, PHASE="RUN")
    wait(site_http, plain)
    assert job_json(site_http, plain)["calibration_id"] is None


@pytest.mark.parametrize(
    "path",
    ["/targets/nothing", "/targets/nothing/calibrations", "/targets/vendor/calibrations/never"],
)
def test_what_is_not_there(site_http: httpx.Client, path: str) -> None:
    answer = site_http.get(path)
    assert answer.status_code == 404
    assert answer.text.startswith("not_found: ")


def test_head_says_what_get_says(site_http: httpx.Client) -> None:
    for path in ("/targets", "/targets/vendor", "/targets/vendor/calibrations/monday"):
        assert site_http.head(path).headers["content-type"] == "application/x-votable+xml"
