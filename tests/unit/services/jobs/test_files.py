"""The bytes of a job: its parameters, its circuits and its results, whole and in part."""

from __future__ import annotations

import json

import pytest
from house import ANNA, CIRCUIT, FACTS, House
from store_helpers import NOW

from quws.domain.errors import IllegalMove, InvalidCircuit, InvalidParameter, NotFound
from quws.domain.job import Job, Result
from quws.domain.parameters.posted import Posted
from quws.domain.phases import Phase
from quws.domain.quotes import work_of
from quws.services.jobs.files import Content

pytestmark = pytest.mark.anyio
LARGE = "OPENQASM 2.0; // " + "x" * 5000


async def content(found: Content, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in found.read(start, end)])


async def made(house: House, *given: Posted) -> Job:
    return await house.job((await house.jobs.submission.submit(ANNA, list(given))).id)


def of(name: str, value: str) -> Posted:
    return Posted(name, value.encode())


# -- reading --------------------------------------------------------------------------


@pytest.mark.parametrize("circuit", [CIRCUIT, LARGE, CIRCUIT + " // ü"], ids=len)
async def test_a_parameter_is_given_whole_and_in_part(house: House, circuit: str) -> None:
    job = await made(house, of("circuit", circuit))
    found = await house.jobs.files.parameter(job, "Circuit")
    raw = circuit.encode()
    assert (found.size, found.mime_type) == (len(raw), "text/plain; charset=utf-8")
    assert await content(found) == raw
    assert await content(found, 3, 7) == raw[3:7]
    assert await content(found, 3) == raw[3:]


@pytest.mark.parametrize("more", ["", " " * 5000])
async def test_one_circuit_with_values_has_one_text(house: House, more: str) -> None:
    house.checker.facts[CIRCUIT] = FACTS.model_copy(update={"parameters": ["a", "b"]})
    table = '{"b": [1, 2, 3], "a": [0.5, 0.25, 0.125]}' + more
    job = await made(house, of("CIRCUIT", CIRCUIT), of("BINDINGS", table))
    files = house.jobs.files
    assert (job.circuits, len(job.spec.facts), len(job.spec.stored_circuits["kinds"])) == (3, 3, 1)
    assert await files.circuits(job) == [CIRCUIT]
    for index in range(3):
        assert await files.circuit(job, index) == CIRCUIT
    assert await files.values(job, 2) == {"a": 0.125, "b": 3}
    assert await content(await files.parameter(job, "BINDINGS")) == table.encode()
    assert job.work == work_of([FACTS] * 3, 1000)


async def test_other_circuits_have_no_values(house: House) -> None:
    job = await made(house, of("CIRCUIT", "a"), of("CIRCUIT", "b"))
    assert await house.jobs.files.circuit(job, 1) == "b"
    assert await house.jobs.files.values(job, 1) == {}


async def test_values_can_be_changed_while_pending(house: House) -> None:
    house.checker.facts[CIRCUIT] = FACTS.model_copy(update={"parameters": ["a"]})
    job = await made(house, of("CIRCUIT", CIRCUIT), of("BINDINGS", '{"a": [1]}'))
    await house.jobs.change.set_parameters(ANNA, job.id, [of("BINDINGS", "a\n2\n3\n")])
    job = await house.job(job.id)
    assert (job.circuits, await house.jobs.files.values(job, 1)) == (2, {"a": 3})
    with pytest.raises(InvalidParameter, match="BINDINGS names b"):
        await house.jobs.change.set_parameters(ANNA, job.id, [of("BINDINGS", "b\n2\n")])


async def test_a_repeated_parameter_is_given_by_its_place(house: House) -> None:
    job = await made(house, of("CIRCUIT", "a"), of("SHOTS", "5"), of("CIRCUIT", "b"))
    files = house.jobs.files
    assert await content(await files.parameter(job, "CIRCUIT")) == b"a"
    assert await content(await files.parameter(job, "CIRCUIT", 1)) == b"b"
    for name, position in (("CIRCUIT", 2), ("SEED", 0)):
        with pytest.raises(NotFound, match=f"has no parameter '{name}'"):
            await files.parameter(job, name, position)
    assert await files.circuits(job) == ["a", "b"]
    assert await files.circuits(job, range(1, 2)) == ["b"]
    assert await files.circuits(job, range(2, 3)) == []


async def test_circuits_of_a_large_batch_are_found_as_those_of_a_small_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("parameters", "facts"):
        monkeypatch.setattr(f"quws.artifacts.{module}.LARGE_BATCH", 1)
    job = await made(house, of("CIRCUIT", "a"), of("SHOTS", "5"), of("CIRCUIT", "b"))
    files = house.jobs.files
    job = await house.job(job.id)
    assert [(item.name, item.count) for item in job.parameters] == [("CIRCUIT", 2), ("SHOTS", 1)]
    assert json.loads(await content(await files.parameter(job, "CIRCUIT"))) == ["a", "b"]
    for place, circuit in enumerate((b"a", b"b")):
        found = await files.parameter(job, "circuit", place)
        assert (found.size, found.mime_type) == (1, "text/plain; charset=utf-8")
        assert await content(found) == circuit
    with pytest.raises(NotFound, match="has no parameter 'CIRCUIT'"):
        await files.parameter(job, "CIRCUIT", 2)
    assert await files.circuits(job) == ["a", "b"]
    # The others may be changed, and they stay; they may be changed, too.
    await house.jobs.change.set_parameters(ANNA, job.id, [of("SHOTS", "6")])
    job = await house.job(job.id)
    assert await files.circuits(job) == ["a", "b"]
    await house.jobs.change.set_parameters(ANNA, job.id, [of("CIRCUIT", "c")])
    job = await house.job(job.id)
    assert (job.circuits, await files.circuits(job)) == (1, ["c"])
    assert (await house.queue_and_claim(job)).job.spec.facts != []


async def test_bytes_in_a_large_batch_come_back_as_they_were_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("parameters", "facts"):
        monkeypatch.setattr(f"quws.artifacts.{module}.LARGE_BATCH", 1)
    binary = b"QISKIT\x0d\0\xff\n"
    job = await made(house, of("CIRCUIT", "a"), Posted("CIRCUIT", binary, uploaded=True))
    found = await house.jobs.files.parameter(job, "CIRCUIT", 1)
    assert await content(found) == binary
    assert (found.size, found.mime_type) == (len(binary), "application/octet-stream")
    posted = await house.jobs.files.posted(job.parameters[0])
    assert [item.value for item in posted] == [b"a", binary]


@pytest.mark.parametrize("circuit", [CIRCUIT, LARGE], ids=len)
async def test_an_uploaded_circuit_is_a_file(house: House, circuit: str) -> None:
    part = Posted("My-Part", circuit.encode(), "text/x-qasm", uploaded=True)
    job = await made(house, of("circuit", "param:My-Part"), part)
    assert [(item.name, item.by_reference) for item in job.parameters] == [("CIRCUIT", True)]
    assert await house.jobs.files.circuits(job) == [circuit]
    found = await house.jobs.files.parameter(job, "CIRCUIT")
    assert (found.mime_type, await content(found)) == ("text/x-qasm", circuit.encode())
    await house.artifacts.delete(job.id)
    with pytest.raises(NotFound, match="the circuits are not there any more"):
        await house.jobs.files.circuits(job)
    with pytest.raises(NotFound, match="the file is not there any more"):
        await content(found)


async def test_an_upload_stays_one_when_something_else_changes(house: House) -> None:
    job = await made(house, of("CIRCUIT", "param:a"), of("SHOTS", "5"), of("a", CIRCUIT))
    await house.jobs.change.set_parameters(ANNA, job.id, [of("SHOTS", "6")])
    found = await house.job(job.id)
    assert [(item.name, item.by_reference) for item in found.parameters] == [
        ("CIRCUIT", True),
        ("SHOTS", False),
    ]
    assert await house.jobs.files.circuits(found) == [CIRCUIT]


async def test_a_result_is_given_by_its_name(house: House) -> None:
    job = await made(house, of("CIRCUIT", CIRCUIT))
    with pytest.raises(NotFound, match="has no result 'counts'; it has: none yet"):
        await house.jobs.files.result(job, "counts")
    claim = await house.queue_and_claim(job)
    await house.artifacts.put(f"{job.id}/1/counts", b"0123456789")
    result = Result("counts", f"{job.id}/1/counts", 10, "application/json")
    await house.complete(claim, [result])
    job = await house.job(job.id)
    found = await house.jobs.files.result(job, "counts")
    assert (found.size, found.mime_type) == (10, "application/json")
    assert await content(found, 2, 5) == b"234"
    with pytest.raises(NotFound, match=f"job {job.id} has no result 'other'; it has: counts"):
        await house.jobs.files.result(job, "other")


# -- changing -------------------------------------------------------------------------


async def test_parameters_get_new_values(house: House) -> None:
    job = await made(house, of("CIRCUIT", LARGE), of("SHOTS", "5"), of("TAG", "blue"))
    house.hub.told.clear()
    change = house.jobs.change.set_parameters
    await change(ANNA, job.id, [of("shots", "50"), of("Circuit", "a"), of("CIRCUIT", "b")])
    found = await house.job(job.id)
    assert [(item.name, item.value) for item in found.parameters] == [
        *(("TAG", "blue"), ("SHOTS", "50"), ("CIRCUIT", "a"), ("CIRCUIT", "b")),
    ]
    assert found.circuits == 2
    assert found.work == work_of([FACTS, FACTS], 50)
    assert await house.jobs.files.circuits(found) == ["a", "b"]
    assert [event.phase for event in house.hub.told] == [Phase.PENDING]
    claim = await house.queue_and_claim(found)
    assert claim.job.spec.options.shots == 50
    assert len(claim.job.spec.facts) == 2


async def test_large_values_that_stay_are_kept_and_old_links_work(house: House) -> None:
    job = await made(house, of("CIRCUIT", LARGE), of("SHOTS", "5"))
    old = await house.jobs.files.parameter(job, "CIRCUIT")
    await house.jobs.change.set_parameters(ANNA, job.id, [of("SHOTS", "50")])
    found = await house.job(job.id)
    assert await house.jobs.files.circuits(found) == [LARGE]
    await house.jobs.change.set_parameters(ANNA, job.id, [of("CIRCUIT", LARGE + "y")])
    assert await house.jobs.files.circuits(await house.job(job.id)) == [LARGE + "y"]
    assert await content(old) == LARGE.encode()
    await house.jobs.control.delete(ANNA, job.id)
    assert await house.artifacts.owners() == [], "and all go with the job"


@pytest.mark.parametrize(
    ("given", "refusal", "said"),
    [
        (of("SEED", "5"), InvalidParameter, "the job has no parameter 'SEED' to change; it has"),
        (of("SHOTS", "0"), InvalidParameter, "SHOTS must be"),
        (of("CIRCUIT", "no circuit"), InvalidCircuit, "it is none"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    house: House, given: Posted, refusal: type[Exception], said: str
) -> None:
    job = await made(house, of("CIRCUIT", LARGE), of("SHOTS", "5"), of("TAG", "blue"))
    with pytest.raises(refusal, match=said):
        await house.jobs.change.set_parameters(ANNA, job.id, [of("TAG", "red"), given])
    assert await house.job(job.id) == job


async def test_only_a_job_that_waits_for_run_is_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await made(house, of("CIRCUIT", CIRCUIT), of("SHOTS", "5"))
    check = house.checker.check

    async def run_meanwhile(*given: object, **more: object) -> object:
        await house.jobs.control.run(ANNA, job.id)
        return await check(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(house.checker, "check", run_meanwhile)
    for _ in range(2):  # Once between the look and the write, once before.
        with pytest.raises(IllegalMove, match="parameters can be changed while PENDING only"):
            await house.jobs.change.set_parameters(ANNA, job.id, [of("SHOTS", "50")])
    found = await house.job(job.id)
    assert found.phase is Phase.QUEUED
    assert found.parameters == job.parameters
    assert found.creation_time == NOW
