"""Released clients, unmodified, against the service."""

from __future__ import annotations

import gc
import http.server
import io
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import httpx
import pytest
import requests
from astropy.table import Table
from circuits import BELL2, ENDLESS, slow
from harness import CannotStart, Service, until
from programs import debian
from pyvo.dal import AsyncTAPJob, TAPService
from uws import create, text, wait
from uws import document as fetch

# What pyvo does with its own sockets and astropy with years to come is theirs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::erfa.ErfaWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(autouse=True)
def sockets_are_found_here() -> Iterator[None]:
    """Find what these clients left open while it is excused: else it is blamed on a later test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def stilts() -> str:
    """STILTS as Debian ships it; on a fresh machine it is installed from there."""
    return debian("stilts", "stilts")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


# -- pyvo -------------------------------------------------------------------


def test_pyvo_creates_runs_waits_fetches_and_deletes(
    service: Service, session: requests.Session
) -> None:
    job = AsyncTAPJob.create(service.url, BELL2, language="OPENQASM-2", session=session, SHOTS=100)
    assert job.phase == "PENDING"
    job.run()
    job.wait(timeout=60)
    job.raise_if_error()
    table = job.fetch_result().to_table()
    assert set(table["outcome"]) == {"00", "11"}
    assert sum(table["count"]) == 100
    assert job.owner is None
    url = job.url
    job.delete()
    assert session.get(url, timeout=20).status_code == 404


def test_pyvo_drives_a_job_that_it_did_not_make(
    http: httpx.Client, session: requests.Session
) -> None:
    job = AsyncTAPJob(create(http, ENDLESS, SHOTS=1), session=session)
    job.execution_duration = 77
    assert job.execution_duration.to_value("s") == 77
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    job.destruction = tomorrow
    assert job.destruction == tomorrow
    job.run()
    job.abort()
    assert job.phase == "ABORTED"
    job.delete()


def test_pyvo_reads_the_job_list(
    service: Service, http: httpx.Client, session: requests.Session
) -> None:
    job_id = create(http).rsplit("/", 1)[1]
    tap = TAPService(service.url, session=session)
    found = tap.get_job_list(phases=["PENDING"], last=5)
    assert job_id in [item.jobid for item in found]
    after = tap.get_job_list(after="2020-01-01T00:00:00.000000Z")
    assert job_id in [item.jobid for item in after]
    assert tap.get_job(job_id).phase == "PENDING"


def test_pyvo_runs_a_job_with_tap_words_only(service: Service, session: requests.Session) -> None:
    """LANG=ADQL and REQUEST=doQuery come unasked."""
    job = TAPService(service.url, session=session).submit_job(BELL2)
    job.run().wait(timeout=60)
    assert sum(job.fetch_result().to_table()["count"]) == 1000


# -- astroquery -------------------------------------------------------------------


class TapPlus:
    """What astroquery's ``TapPlus(url=…)`` sends, as of its release 0.4.11.

    The package itself brings a keyring and cryptography along, and takes long to load.
    """

    POST = {  # noqa: RUF012 - nobody changes it
        "Content-type": "application/x-www-form-urlencoded",
        "Accept": "text/plain",
        "User-Agent": "astroquery/0.4.11 Python/3.11.9 (Linux)",
    }

    def __init__(self, url: str) -> None:
        address = httpx.URL(url)
        self._connection = HTTPConnection(address.host, address.port, timeout=70)

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[HTTPResponse, str]:
        # Its URL ends in a slash, and so does what it puts before the path.
        if form is None:
            self._connection.request("GET", f"//{path}", None, {})
        else:
            self._connection.request("POST", f"//{path}", urlencode(form), self.POST)
        answer = self._connection.getresponse()
        return answer, answer.read().decode()

    def launch_job_async(
        self, query: str, output_format: str, name: str
    ) -> tuple[HTTPResponse, str]:
        form = {
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "FORMAT": output_format,
            "tapclient": "aqtappy1-20250905",
            "QUERY": query,
            "PHASE": "RUN",
            "jobname": name,
        }
        return self.ask("async", form)

    def wait_for_job_end(self, job: str) -> str:
        def phase() -> str:
            answer, text = self.ask(f"async/{job}/phase")
            assert answer.status == 200
            return "" if text in ("PENDING", "QUEUED", "EXECUTING") else text

        return str(until(phase, 60, "the end of the job"))


def test_astroquery_sends_a_circuit_and_fetches_counts(service: Service) -> None:
    tap = TapPlus(service.url)
    for output_format, read_as in (("csv", "ascii.csv"), ("votable", "votable")):
        answer, _ = tap.launch_job_async(BELL2, output_format, "my first")
        assert answer.status == 303
        job = (answer.getheader("location") or "").rsplit("/", 1)[1]
        assert tap.wait_for_job_end(job) == "COMPLETED"
        answer, result = tap.ask(f"async/{job}/results/result")
        assert answer.status == 200
        table = Table.read(io.BytesIO(result.encode()), format=read_as)
        assert set(map(str, table["outcome"])) <= {"0", "00", "11"}
        assert sum(table["count"]) == 1000
        _, document = tap.ask(f"async/{job}")
        assert "<uws:runId>my first</uws:runId>" in document
        _, jobs = tap.ask("async")
        assert f'<uws:jobref id="{job}"' in jobs


def test_astroquery_says_why_a_circuit_is_refused(service: Service) -> None:
    """It raises an ``HTTPError`` of the reason phrase, and reads no body."""
    tap = TapPlus(service.url)
    answer, _ = tap.launch_job_async(BELL2.replace("h q[0]", "hadamard q[0]"), "csv", "wrong")
    assert (answer.status, answer.reason[:36]) == (403, "Forbidden: CIRCUIT, line 5, column 1")
    answer, _ = tap.launch_job_async(BELL2, "fits", "wrong")
    assert answer.reason.startswith("Forbidden: RESPONSEFORMAT must be one of votable, json, csv")


# -- STILTS -------------------------------------------------------------------


def test_stilts_resumes_a_job_and_reads_its_table(
    stilts: str, service: Service, http: httpx.Client
) -> None:
    job = create(http, SHOTS=50)
    done = _run(stilts, "tapresume", f"joburl={job}", "ofmt=csv", "delete=never")
    assert done.stdout.splitlines()[0] == "circuit,outcome,count,fraction"
    assert sum(int(line.split(",")[2]) for line in done.stdout.splitlines()[1:]) == 50


def test_stilts_says_what_went_wrong(stilts: str, http: httpx.Client) -> None:
    job = create(http, slow(24, 200), SHOTS=1, EXECUTIONDURATION=1, PHASE="RUN")
    wait(http, job)
    done = _run(stilts, "tapresume", f"joburl={job}", "delete=never", check=False)
    assert done.returncode != 0
    assert "ABORTED" in done.stderr


def test_stilts_says_why_a_circuit_is_refused(stilts: str, service: Service) -> None:
    wrong = BELL2.replace("h q[0]", "hadamard q[0]")
    for sync in ("false", "true"):
        done = _run(
            stilts,
            "tapquery",
            f"tapurl={service.url}",
            "parse=false",
            f"sync={sync}",
            f"adql={wrong}",
            check=False,
        )
        assert done.returncode != 0
        assert "CIRCUIT, line 5, column 1: " in done.stderr


def test_taplint_finds_no_error_in_the_uws_stage(
    stilts: str, service: Service, http: httpx.Client
) -> None:
    with _adapter(service) as adapter:
        done = _run(
            stilts,
            "taplint",
            f"tapurl={adapter}",
            f"asyncurl={adapter}/jobs",
            "interface=tap1.1",
            "stages=UWS",
        )
    totals = next(line for line in done.stdout.splitlines() if line.startswith("Totals:"))
    assert "Errors: 0" in totals, done.stdout
    assert "I-UWS" in done.stdout or "S-UWS" in done.stdout


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command),
        check=check,
        capture_output=True,
        text=True,
        timeout=110,
        stdin=subprocess.DEVNULL,
    )


class _adapter:
    """taplint sends a SELECT, which no circuit service can take: this replaces that one body,
    and hands the answer back. Everything after it goes to the service itself.
    """

    def __init__(self, service: Service) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = httpx.post(
                    service.jobs, data={"CIRCUIT": slow(22, 60), "SHOTS": "5", "RUNID": "TAPLINT"}
                )
                self.send_response(answer.status_code)
                self.send_header("Location", answer.headers["Location"])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


# -- curl -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def curl() -> Iterator[str]:
    found = shutil.which("curl")
    if found is None:
        raise CannotStart("these tests need curl on the PATH")
    yield found


def test_curl_as_the_readme_has_it(curl: str, service: Service, http: httpx.Client) -> None:
    done = _run(
        curl,
        "-sSL",
        "-d",
        "SHOTS=1000",
        "-d",
        "PHASE=RUN",
        "--data-urlencode",
        f"CIRCUIT={BELL2}",
        service.jobs,
    )
    assert "<uws:job " in done.stdout
    job_id = done.stdout.split("<uws:jobId>")[1].split("<")[0]
    job = f"{service.jobs}/{job_id}"
    assert wait(http, job) == "COMPLETED"
    done = _run(curl, "-sS", f"{job}/results/counts")
    assert '"counts":{' in done.stdout


def test_curl_uploads_a_file(curl: str, service: Service, http: httpx.Client, tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bell.qasm").write_text(BELL2)
    done = _run(
        curl,
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{redirect_url}",
        "-F",
        f"CIRCUIT=@{tmp_path}/bell.qasm",
        "-F",
        "PHASE=RUN",
        service.jobs,
    )
    assert wait(http, done.stdout) == "COMPLETED"
    assert text(fetch(http, done.stdout), "phase") == "COMPLETED"
