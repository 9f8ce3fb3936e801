"""A parameter is one specification: whoever adds one finds it wherever parameters are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import typer
from generator import reference
from in_process import open_api
from typer.testing import CliRunner

from quws.cli.jobs import make_submit
from quws.client import Client
from quws.domain.errors import InvalidParameter
from quws.domain.options import RunOptions
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.reading import check_target, read_job
from quws.domain.parameters.request import JobRequest
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Kind, Role, Shown, Specification
from quws.domain.parameters.values import integer
from quws.domain.parameters.writing import forwarded
from quws.domain.policy import Policy
from quws.domain.spec import JobSpec
from quws.domain.targets import TargetDescription, TargetKind
from quws.store.schema import upgrade

CIRCUIT = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\ncreg c[1];\nmeasure q -> c;\n'
SIMULATOR = TargetDescription(name="simulator", kind=TargetKind.SIMULATOR, title="A test", qubits=5)
TARGET = SIMULATOR.model_copy(update={"name": "qpu"})


def _not_on_a_qpu(request: JobRequest, target: TargetDescription) -> str | None:
    twist = getattr(request.options, "twist", None)
    return (
        None
        if twist is None or target.name != "qpu"
        else f"TWIST must not be given on target {target.name}"
    )


TWIST = Specification(
    name="TWIST",
    aliases=("TURN",),
    keyword="twist",
    role=Role.OPTION,
    kind=Kind.INTEGER,
    read=integer("TWIST", 0, 11, "twelfths of a turn"),
    label="Twist",
    help="How far everything is twisted.",
    example="3",
    low=0,
    high=11,
    objection=_not_on_a_qpu,
    forwarded=True,
    shown=Shown.NUMBER,
)
MORE = SPECIFICATIONS.plus(TWIST)


def request(*pairs: tuple[str, str]) -> JobRequest:
    posted = [Posted(name, value.encode()) for name, value in (("CIRCUIT", CIRCUIT), *pairs)]
    return read_job(posted, Policy(), MORE)


# -- the reader, and what comes of it ----------------------------------------------


@pytest.mark.parametrize("name", ["TWIST", "twist", "Turn"])
def test_the_reader_takes_it(name: str) -> None:
    assert request((name, "7")).options == RunOptions(shots=1000, twist=7)  # type: ignore[call-arg]


def test_the_reader_refuses_what_it_must_not_be() -> None:
    with pytest.raises(InvalidParameter, match=r"^TWIST must be a whole number from 0 to 11"):
        request(("TWIST", "12"))


def test_a_target_may_object_to_it() -> None:
    check_target(request(), TARGET, MORE)
    with pytest.raises(InvalidParameter, match=r"^TWIST must not be given on target") as caught:
        check_target(request(("TWIST", "1")), TARGET, MORE)
    assert caught.value.parameter == "TWIST"


def test_it_is_kept_with_the_job_and_reaches_the_target() -> None:
    row = json.loads(json.dumps(JobSpec.of(request(("TWIST", "7")).options).stored()))
    options = JobSpec.load(row).options
    sent = RunOptions.model_validate_json(options.model_dump_json())
    assert sent.model_dump()["twist"] == 7


def test_another_quws_is_told() -> None:
    assert forwarded(request(("TWIST", "7")).options, MORE)["TWIST"] == "7"
    assert "TWIST" not in forwarded(request().options, MORE)


# -- the API and its pages ---------------------------------------------------------


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def http(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A service without workers."""
    folder = tmp_path_factory.mktemp("api")
    upgrade(f"sqlite:///{folder / 'schema.db'}")
    async with (
        open_api(folder, folder / "schema.db", specifications=MORE) as api,
        api.client() as client,
    ):
        yield client


@pytest.mark.anyio
async def test_the_openapi_document_describes_it(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    described = {"type": "integer", "minimum": 0, "maximum": 11}
    for path in ("/jobs", "/jobs/{job_id}", "/jobs/{job_id}/parameters", "/sync"):
        for form in paths[path]["post"]["requestBody"]["content"].values():
            found = form["schema"]["properties"]["TWIST"]
            assert found == described | {
                "description": "How far everything is twisted. TURN is the same."
            }
    (query,) = (item for item in paths["/sync"]["get"]["parameters"] if item["name"] == "TWIST")
    assert query["schema"] == described


@pytest.mark.anyio
async def test_the_form_shows_it_and_a_copy_of_a_job_keeps_it(http: httpx.AsyncClient) -> None:
    page = _Inputs((await http.get("/new")).text)
    assert page.inputs["TWIST"] == {"type": "number", "min": "0", "max": "11", "value": ""}
    assert "How far everything is twisted." in page.text
    answer = await http.post("/jobs", data={"CIRCUIT": CIRCUIT, "twist": "7"})
    job = await _job(http, answer)
    assert job["json_parameters"]["TWIST"] == "7"
    copy = _Inputs((await http.get("/new", params={"COPY": job["id"]})).text)
    assert copy.inputs["TWIST"]["value"] == "7"


@pytest.mark.anyio
async def test_the_form_makes_a_job_with_it(http: httpx.AsyncClient) -> None:
    form = {"CIRCUIT": CIRCUIT, "TWIST": "5", "DO": "create"}
    job = await _job(http, await http.post("/new", data=form))
    assert job["json_parameters"]["TWIST"] == "5"


async def _job(http: httpx.AsyncClient, made: httpx.Response) -> Any:
    assert made.status_code == 303, made.text
    url = made.headers["location"]
    return (await http.get(url, headers={"Accept": "application/json"})).json()


class _Inputs(HTMLParser):
    """The inputs of a page by their names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name is not None:
            kept = ("type", "min", "max", "value")
            self.inputs[name] = {key: given[key] for key in kept if key in given}


# -- clients and the docs ----------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, list[str]]]:
    """What was posted last, by a client that reaches nobody."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(
            403, json={"title": "Forbidden", "status": 403, "detail": "seen", "code": "x"}
        )

    transport = httpx.MockTransport(answer)
    real = httpx.Client

    def client(**options: Any) -> httpx.Client:
        return real(**options, transport=transport)

    monkeypatch.setattr(httpx, "Client", client)
    return lambda: parse_qs(bodies[-1].decode())


def test_the_client_takes_it_as_a_keyword(sent: Callable[[], dict[str, list[str]]]) -> None:
    with Client("http://x", specifications=MORE) as client, pytest.raises(Exception, match="seen"):
        client.submit(CIRCUIT, twist=7, memory=True, tag=["a", "b"], seed=None)
    assert sent() == {
        "CIRCUIT": [CIRCUIT],
        "TWIST": ["7"],
        "MEMORY": ["true"],
        "TAG": ["a", "b"],
        "PHASE": ["RUN"],
    }


def test_quws_submit_has_an_option_for_it(
    sent: Callable[[], dict[str, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "x.qasm").write_text(CIRCUIT)
    app = typer.Typer()
    app.command()(make_submit(MORE))
    run = CliRunner().invoke(app, ["--help"], terminal_width=200, color=False)
    assert "How far everything is twisted." in run.output
    given = ["--twist", "7", "--seed", "0", "--memory", "--tag", "a", "--tag", "b"]
    run = CliRunner().invoke(app, [str(tmp_path / "x.qasm"), *given])
    assert (run.exit_code, run.stderr) == (1, "quws: seen\n")
    assert sent() == {
        "CIRCUIT": [CIRCUIT],
        "TWIST": ["7"],
        "SEED": ["0"],
        "MEMORY": ["true"],
        "TAG": ["a", "b"],
        "PHASE": ["RUN"],
    }


def test_the_docs_list_it() -> None:
    (row,) = (line for line in reference.parameters(MORE).splitlines() if "TWIST" in line)
    assert "How far everything is twisted." in row
    assert "`TWIST` or `TURN`" in row


# -- what quws ships ---------------------------------------------------------------


def test_every_option_has_a_field_of_the_model_that_the_targets_get() -> None:
    assert {item.keyword for item in SPECIFICATIONS.options} == set(RunOptions.model_fields)
