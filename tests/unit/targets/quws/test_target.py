"""Another quws as a target: which of its answers are final, and what a job's end there means."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import scripted
from scripted import HANG_UP, JOB, Answer, Scripted, document, page, problem, see_other

from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.job import ErrorType
from quws.domain.noise import Flip, Noise
from quws.domain.options import RunOptions
from quws.domain.outcome_texts import memory_json, outcomes_json
from quws.domain.outcomes import CircuitOutcome, JobOutcomes, UnreadableOutcomes
from quws.domain.phases import Phase
from quws.domain.targets import Feature, TargetKind, TargetStatus
from quws.targets.base import Compiled, Gone, NotLoaded, RemoteStatus
from quws.targets.quws import Remote

BELL = Compiled(None, source="OPENQASM 2.0;", language=Language.OPENQASM_2)
OPTIONS = RunOptions(shots=20)

LATER = [408, 425, 429, 401, 500, 502, 503, 504]
"""What an answer may be without being final."""


@pytest.fixture
def service() -> Iterator[Scripted]:
    yield from scripted.scripted()


@pytest.fixture
def target(service: Scripted) -> Remote:
    made = Remote("here", url=service.url, target="there", token="secret")
    made.load()
    made.warm()
    return made


ASK: dict[str, Callable[[Remote], object]] = {
    "submit": lambda target: target.submit([BELL], OPTIONS, "key"),
    "find": lambda target: target.find("key"),
    "poll": lambda target: target.poll(JOB),
    "cancel": lambda target: target.cancel(JOB),
    "fetch": lambda target: target.fetch(JOB),
    "calibration": lambda target: target.calibration(),
    "calibration_of": lambda target: target.calibration_of(JOB),
    "state": lambda target: target.state(),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_who_is_busy_is_asked_again(
    ask: Callable[[Remote], object], service: Scripted, target: Remote
) -> None:
    for status in LATER:
        service.will(problem(status, "busy", f"come back after {status}"))
        with pytest.raises(ConnectionError, match=f"come back after {status}"):
            ask(target)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_who_does_not_answer_is_asked_again_by_whoever_asked(
    ask: Callable[[Remote], object], service: Scripted, target: Remote
) -> None:
    service.will(HANG_UP)
    with pytest.raises(ConnectionError):
        ask(target)
    assert len(service.asked) == 1
    service.stop()
    with pytest.raises(ConnectionError):
        ask(target)


@pytest.mark.parametrize("ask", ["submit", "find", "poll", "fetch", "state"])
def test_a_page_in_its_place_is_not_its_answer(ask: str, service: Scripted, target: Remote) -> None:
    service.will(page(200))
    with pytest.raises(ConnectionError):
        ASK[ask](target)


def test_a_password_in_its_url_is_not_told(service: Scripted) -> None:
    url = service.url.replace("//", "//ann:secret@")
    target = Remote("here", url=url)
    target.load()
    target.warm()
    service.stop()
    with pytest.raises(ConnectionError) as caught:
        target.find("key")
    assert "secret" not in str(caught.value)


# -- handing over ----------------------------------------------------------------------


def test_a_job_is_handed_over_whole(service: Scripted, target: Remote) -> None:
    service.will(see_other(f"http://public.example.org/jobs/{JOB}"))
    options = RunOptions(
        shots=20, seed=0, memory=True, method="statevector", noise=Noise(bit_flip=Flip(p=0.1))
    )
    assert target.submit([BELL, BELL], options, "our-key") == JOB
    (asked,) = service.asked
    assert asked.headers["idempotency-key"] == "our-key"
    assert asked.headers["authorization"] == "Bearer secret"
    noise = json.loads(asked.form.pop("NOISE")[0])
    assert noise == {"bit_flip": {"p": 0.1}}
    assert asked.form == {
        "CIRCUIT": [BELL.source, BELL.source],
        "LANG": ["OPENQASM-2"],
        "TARGET": ["there"],
        "SHOTS": ["20"],
        "SEED": ["0"],
        "MEMORY": ["true"],
        "METHOD": ["statevector"],
        "RUNID": ["our-key"],
        "EXECUTIONDURATION": ["0"],
        "PHASE": ["RUN"],
    }


def test_values_go_along_with_the_one_text_of_all(service: Scripted, target: Remote) -> None:
    service.will(see_other(f"/jobs/{JOB}"))
    each = [dataclasses.replace(BELL, values={"a": value, "b": 2.0}) for value in (0.1, 1 / 3)]
    target.submit(each, OPTIONS, "key")
    form = service.asked[0].form
    assert form["CIRCUIT"] == [BELL.source]
    assert json.loads(form["BINDINGS"][0]) == {"a": [0.1, 1 / 3], "b": [2.0, 2.0]}


def test_what_nobody_asked_for_is_not_sent(service: Scripted, target: Remote) -> None:
    service.will(see_other(f"/jobs/{JOB}"))
    other = Compiled(None, source="OPENQASM 3;", language=Language.OPENQASM_3)
    target.submit([BELL, other], OPTIONS, "key")
    assert service.asked[0].form.keys() == {
        "CIRCUIT",
        "TARGET",
        "SHOTS",
        "RUNID",
        "EXECUTIONDURATION",
        "PHASE",
    }


def test_a_circuit_that_is_refused_there_is_refused_here(service: Scripted, target: Remote) -> None:
    service.will(problem(403, "invalid_payload", "CIRCUIT: no such gate"))
    with pytest.raises(InvalidCircuit, match=r"127.0.0.1 does not take the job: .*no such gate"):
        target.submit([BELL], OPTIONS, "key")
    service.will(problem(400, "invalid_parameter", "SHOTS is too large"))
    with pytest.raises(InvalidParameter, match="SHOTS is too large"):
        target.submit([BELL], OPTIONS, "key")


def test_a_job_for_which_there_is_no_room_there_is_sent_later(
    service: Scripted, target: Remote
) -> None:
    for status, code in ((403, "quota_exceeded"), (507, "insufficient_storage")):
        service.will(problem(status, code, "no room"))
        with pytest.raises(ConnectionError, match="no room"):
            target.submit([BELL], OPTIONS, "key")


def test_a_proxy_that_refuses_is_not_the_service(service: Scripted, target: Remote) -> None:
    service.will(page(403))
    with pytest.raises(ConnectionError, match="it answers with 403"):
        target.submit([BELL], OPTIONS, "key")


def test_a_job_is_found_by_its_key(service: Scripted, target: Remote) -> None:
    ref = {
        "id": JOB,
        "url": "http://x",
        "phase": "QUEUED",
        "run_id": "key",
        "owner": "anonymous",
        "creation_time": "2026-11-26T12:00:00.000Z",
    }
    service.will(document([ref]), document([]), problem(403, "forbidden", "no"))
    assert target.find("key") == JOB
    assert target.find("key") is None
    # Nobody may take "you may not look" for "it is not there".
    with pytest.raises(ConnectionError):
        target.find("key")
    assert service.asked[0].query == {"IDEMPOTENCY-KEY": ["key"]}


# -- looking after it ------------------------------------------------------------------


def failed(kind: ErrorType) -> Answer:
    errors = [{"type": kind, "code": "x", "message": "it broke", "detail": None}]
    return scripted.job(Phase.ERROR, errors=errors)


@pytest.mark.parametrize(
    ("kind", "transient"), [(ErrorType.TRANSIENT, True), (ErrorType.FATAL, False)]
)
def test_whether_trying_again_may_help_is_taken_over(
    kind: ErrorType, transient: bool, service: Scripted, target: Remote
) -> None:
    service.will(failed(kind))
    state = target.poll(JOB)
    assert (state.status, state.message) == (RemoteStatus.FAILED, "it broke")
    assert state.transient is transient


@pytest.mark.parametrize(
    ("phase", "more", "status"),
    [
        (Phase.QUEUED, {"queue_position": 3}, RemoteStatus.QUEUED),
        (Phase.SUSPENDED, {}, RemoteStatus.QUEUED),
        (Phase.EXECUTING, {"circuits_done": 2}, RemoteStatus.RUNNING),
        (Phase.COMPLETED, {}, RemoteStatus.DONE),
        (Phase.ABORTED, {"status": "by an operator"}, RemoteStatus.CANCELLED),
    ],
)
def test_each_phase_there_has_its_meaning_here(
    phase: Phase, more: dict[str, Any], status: RemoteStatus, service: Scripted, target: Remote
) -> None:
    service.will(scripted.job(phase, **more))
    state = target.poll(JOB)
    assert state.status is status
    assert state.position == more.get("queue_position")
    assert state.message == more.get("status")
    assert state.done == more.get("circuits_done")


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.HELD])
def test_a_job_that_waits_for_a_word_gets_it(
    phase: Phase, service: Scripted, target: Remote
) -> None:
    service.will(scripted.job(phase), problem(403, "not_allowed", "it runs by now"))
    assert target.poll(JOB).status is RemoteStatus.QUEUED
    assert service.asked[1].form == {"PHASE": ["RUN"]}


def test_the_other_side_waits_only_for_a_change(service: Scripted, target: Remote) -> None:
    service.will(*map(scripted.job, [Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED]))
    for _ in range(3):
        target.poll(JOB)
    assert [item.query for item in service.asked] == [
        {},
        {"WAIT": ["5"], "PHASE": ["QUEUED"]},
        {"WAIT": ["5"], "PHASE": ["EXECUTING"]},
    ]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_job_that_it_does_not_know_is_gone(
    status: int, service: Scripted, target: Remote
) -> None:
    for ask in ("poll", "fetch", "calibration_of"):
        service.will(problem(status, "not_found", "no such job"))
        with pytest.raises(Gone, match="no such job"):
            ASK[ask](target)
    service.will(scripted.job(Phase.ARCHIVED))
    with pytest.raises(Gone, match="is ARCHIVED"):
        target.poll(JOB)


def test_cancelling_may_be_too_late(service: Scripted, target: Remote) -> None:
    service.will(see_other(f"/jobs/{JOB}"), problem(403, "job_not_cancellable", "it is over"))
    target.cancel(JOB)
    target.cancel(JOB)
    assert [item.form for item in service.asked] == [{"PHASE": ["ABORT"]}] * 2
    service.will(problem(404, "not_found", "no such job"))
    with pytest.raises(Gone):
        target.cancel(JOB)


# -- results ---------------------------------------------------------------------------


def test_results_are_taken_over(service: Scripted, target: Remote) -> None:
    circuits = [
        CircuitOutcome({"0": 2}, ["0", "0"], "stim", 0.5),
        CircuitOutcome({"1": 1, "0": 1}, ["1", "0"], "aer", 1.5, "bonds were cut", index=1),
    ]
    job = JobOutcomes(JOB, "there", 2, circuits)
    results = [
        {"id": name, "url": "http://x", "size": 1, "mime_type": "application/json"}
        for name in ("counts", "memory")
    ]
    service.will(
        scripted.job(Phase.COMPLETED, results=results),
        Answer("".join(outcomes_json(job)).encode()),
        Answer("".join(memory_json(job)).encode()),
    )
    first, second = target.fetch(JOB)
    assert (first.counts, first.memory) == ({"0": 2}, ["0", "0"])
    assert (first.engine, first.seconds, first.approximate) == ("stim at 127.0.0.1", 0.5, None)
    assert (second.memory, second.approximate) == (["1", "0"], "bonds were cut")


def test_results_in_a_format_of_later_are_not_waited_for(service: Scripted, target: Remote) -> None:
    service.will(scripted.job(Phase.COMPLETED), document({"version": 99, "circuits": []}))
    with pytest.raises(UnreadableOutcomes, match="format 99"):
        target.fetch(JOB)


# -- what it is ------------------------------------------------------------------------

DOCUMENT = {
    "name": "there",
    "kind": "simulator",
    "title": "A simulator",
    "qubits": 5,
    "languages": ["OPENQASM-2", "OPENQASM-9"],
    "features": ["memory", "teleport"],
    "exclusive": True,
    "status": "maintenance",
    "message": "cold",
    "until": "2026-11-26T12:00:00Z",
    "calibration": {"id": "monday", "time": "2026-11-26T12:00:00Z", "url": "http://x"},
}
CALIBRATION = {
    "id": "monday",
    "time": "2026-11-26T12:00:00Z",
    "qubits": [{"qubit": 0, "t1": 5e-5}],
    "gates": [],
    "target": "there",
    "url": "http://x",
}


def test_it_is_described_by_the_other_side(service: Scripted, target: Remote) -> None:
    service.will(document(DOCUMENT))
    found = target.describe()
    assert (found.name, found.kind, found.qubits) == ("here", TargetKind.REMOTE, 5)
    assert found.title == "A simulator, at 127.0.0.1"
    assert not found.exclusive
    # A newer quws may have more than we know.
    assert found.languages == [Language.OPENQASM_2]
    assert found.features == [Feature.MEMORY]
    assert service.asked[0].path == "/targets/there"


def test_nobody_knows_it_before_it_was_asked(service: Scripted) -> None:
    with pytest.raises(NotLoaded):
        Remote("here", url=service.url).describe()


def test_its_state_and_calibration_are_taken_over(service: Scripted, target: Remote) -> None:
    service.will(document(DOCUMENT), document(DOCUMENT), document(CALIBRATION))
    state = target.state()
    assert (state.status, state.message) == (TargetStatus.MAINTENANCE, "cold")
    found = target.calibration()
    assert found is not None
    assert (found.id, found.qubits[0].t1) == ("monday", 5e-5)
    assert service.asked[2].path == "/targets/there/calibrations/monday"


def test_a_calibration_that_is_gone_is_none(service: Scripted, target: Remote) -> None:
    service.will(document(DOCUMENT), problem(404, "not_found", "no such calibration"))
    assert target.calibration() is None
    service.will(document(DOCUMENT | {"calibration": None}))
    assert target.calibration() is None


def test_a_job_ran_with_the_calibration_that_it_names(service: Scripted, target: Remote) -> None:
    service.will(
        scripted.job(Phase.COMPLETED, calibration_id="monday"),
        document(CALIBRATION),
        scripted.job(Phase.COMPLETED),
    )
    found = target.calibration_of(JOB)
    assert found is not None
    assert found.id == "monday"
    assert target.calibration_of(JOB) is None


@pytest.mark.parametrize("url", ["quws.example.org", "ftp://quws.example.org", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        Remote("here", url=url)
