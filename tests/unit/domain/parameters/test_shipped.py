"""What each parameter says of itself is so, and which targets take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quws.domain.bindings import Bindings
from quws.domain.errors import InvalidParameter, KindNotSupported
from quws.domain.kinds import JobKind
from quws.domain.noise import Flip, Noise
from quws.domain.observables import collect
from quws.domain.options import RunOptions
from quws.domain.parameters.reading import check_target
from quws.domain.parameters.request import Control, JobRequest
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Kind, Role, Shown, Specification, Specifications
from quws.domain.policy import Policy
from quws.domain.targets import Feature, TargetDescription, TargetKind

PLAIN = TargetDescription(
    name="qpu", kind=TargetKind.HARDWARE, title="", qubits=5, max_shots=100, max_circuits=2
)
RICH = PLAIN.model_copy(
    update={
        "features": list(Feature),
        "methods": ["statevector"],
        "job_kinds": list(JobKind),
    }
)
each = pytest.mark.parametrize("item", list(SPECIFICATIONS), ids=lambda item: item.name)


def request(circuits: int = 1, rows: int = 0, **options: Any) -> JobRequest:
    return JobRequest(
        circuits=["x"] * circuits,
        bindings=Bindings(names=["a"], rows=[[0.5]] * rows) if rows else None,
        options=RunOptions(**({"shots": 100} | options)),
    )


def estimate(circuits: int = 1, **options: Any) -> JobRequest:
    return request(
        circuits, **({"kind": "estimate", "observable": collect(["Z0", "X0"])} | options)
    )


@each
def test_its_example_is_a_value(item: Specification) -> None:
    assert item.read(item.example) is not None


@each
def test_what_it_may_be_can_be_read(item: Specification) -> None:
    for choice in item.choices:
        assert str(item.read(choice)) == choice
    for limit in (item.low, item.high):
        if limit is not None:
            assert item.read(str(limit)) == limit


@each
def test_nothing_is_beyond_its_limits(item: Specification) -> None:
    for limit, step in ((item.low, -1), (item.high, 1)):
        if limit is not None:
            with pytest.raises(InvalidParameter, match=item.name):
                item.read(str(limit + step))


@each
def test_it_says_what_it_is_for_in_one_sentence(item: Specification) -> None:
    assert item.help.endswith(".")
    assert ". " not in item.help
    assert item.label


@each
def test_its_default_is_a_setting_or_a_value(item: Specification) -> None:
    policy = Policy(shots=5, execution_duration=7)
    wanted = {
        "SHOTS": 5,
        "EXECUTIONDURATION": 7,
        "MEMORY": False,
        "RESPONSEFORMAT": "votable",
        "KIND": "sample",
        "TIMESLOT": "any",
        "ON_ERROR": "stop",
    }
    assert item.default_of(policy) == wanted.get(item.name)


def test_all_control_parameters_have_a_field() -> None:
    found = [item.keyword for item in SPECIFICATIONS if item.control]
    assert set(found) == set(Control.__dataclass_fields__)
    assert SPECIFICATIONS.control == ("RUNID", "NAME", "PHASE", "DESTRUCTION", "EXECUTIONDURATION")


def test_how_circuits_are_run_goes_to_another_quws_and_nothing_else_does() -> None:
    assert {item.name for item in SPECIFICATIONS if item.forwarded} == {
        item.name for item in SPECIFICATIONS.options
    }


KEYWORDS = {
    "CIRCUIT": "circuits",
    "BINDINGS": "bindings",
    "TARGET": "target",
    "KIND": "kind",
    "OBSERVABLE": "observable",
    "PRECISION": "precision",
    "SHOTS": "shots",
    "SEED": "seed",
    "METHOD": "method",
    "NOISE": "noise",
    "OPTIMIZATION": "optimization",
    "INITIAL_LAYOUT": "initial_layout",
    "MITIGATION": "mitigation",
    "MEMORY": "memory",
    "ON_ERROR": "on_error",
    "RESPONSEFORMAT": "response_format",
    "LANG": "language",
    "TAG": "tag",
    "METADATA": "metadata",
    "PRIORITY": "priority",
    "WEBHOOK": "webhook",
    "TIMESLOT": "timeslot",
    "SESSION": "session",
    "RUNID": "run_id",
    "NAME": "name",
    "PHASE": "phase",
    "DESTRUCTION": "destruction",
    "EXECUTIONDURATION": "execution_duration",
}


def test_the_names_and_the_keywords_that_programs_of_others_use() -> None:
    assert {item.name: item.keyword for item in SPECIFICATIONS} == KEYWORDS
    assert {item.name: item.aliases for item in SPECIFICATIONS if item.aliases} == {
        "CIRCUIT": ("QUERY",),
        "RESPONSEFORMAT": ("FORMAT",),
        "RUNID": ("JOBNAME",),
    }


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (lambda item: item.prominent, {"CIRCUIT", "TARGET", "SHOTS", "SEED", "RUNID"}),
        (lambda item: item.repeatable, {"CIRCUIT", "OBSERVABLE", "TAG"}),
        (lambda item: item.by_part, {"CIRCUIT", "BINDINGS"}),
        (
            lambda item: item.whole,
            {"BINDINGS", "NOISE", "METADATA", "INITIAL_LAYOUT", "MITIGATION"},
        ),
        (lambda item: item.needed, {"CIRCUIT"}),
        (
            lambda item: item.choices,
            {"KIND", "ON_ERROR", "RESPONSEFORMAT", "LANG", "PHASE", "TIMESLOT", "OPTIMIZATION"},
        ),
        (lambda item: item.low == 0, {"SHOTS", "SEED", "EXECUTIONDURATION"}),
        (lambda item: item.instead_of == "SHOTS", {"PRECISION"}),
        (lambda item: item.high == 2**31 - 1, {"SHOTS", "EXECUTIONDURATION"}),
        (lambda item: item.high == 2**63 - 1, {"SEED"}),
    ],
)
def test_of_which_parameters_something_holds(
    said: Callable[[Specification], object], names: set[str]
) -> None:
    assert {item.name for item in SPECIFICATIONS if said(item)} == names


def test_the_form_shows_them_by_words_that_its_page_knows() -> None:
    assert {item.name: item.shown for item in SPECIFICATIONS if item.shown != "line"} == {
        "CIRCUIT": "circuits",
        "BINDINGS": "text",
        "TARGET": "target",
        "KIND": "choice",
        "SHOTS": "number",
        "SEED": "number",
        "OPTIMIZATION": "choice",
        "MEMORY": "tick",
        "RESPONSEFORMAT": "choice",
        "LANG": "choice",
        "TAG": "words",
        "PHASE": "nothing",
        "TIMESLOT": "choice",
        "EXECUTIONDURATION": "number",
    }


@pytest.mark.parametrize(
    "wanted",
    [
        request(),
        request(2),
        request(seed=1),
        request(memory=False),
        request(shots=1),
        estimate(),
        estimate(2, observable=collect([[["Z0"], ["X0"]]])),
        estimate(precision=0.1, shots=100),
    ],
)
def test_what_any_target_takes(wanted: JobRequest) -> None:
    check_target(wanted, PLAIN)


@pytest.mark.parametrize(
    ("wanted", "parameter", "sentence"),
    [
        (request(3), "CIRCUIT", "CIRCUIT may be given at most 2 times on target qpu, not 3 times"),
        (
            request(3, rows=2),
            "CIRCUIT",
            "CIRCUIT may be given at most 2 times on target qpu, not 3 times",
        ),
        (
            request(2, rows=2),
            "BINDINGS",
            "CIRCUIT may be given once with BINDINGS, which makes a circuit of each row, not 2"
            " times",
        ),
        (
            request(rows=3),
            "BINDINGS",
            "BINDINGS may have at most 2 rows on target qpu, not 3",
        ),
        (request(shots=101), "SHOTS", "SHOTS must be at most 100 on target qpu, not 101"),
        (
            request(memory=True),
            "MEMORY",
            "MEMORY must be false on target qpu, which does not give the bits of single shots",
        ),
        (
            request(method="m" * 50),
            "METHOD",
            f"METHOD must be one of auto on target qpu, not '{'m' * 40}'",
        ),
        (
            request(noise=Noise(bit_flip=Flip(p=0.1))),
            "NOISE",
            "NOISE must be none on target qpu, which has no noise models",
        ),
        (
            request(kind="compile"),
            "KIND",
            "KIND must be sample or estimate on target qpu, not compile",
        ),
        (
            request(shots=0),
            "SHOTS",
            "SHOTS must be at least 1; with KIND=estimate 0 asks for exact values",
        ),
        (
            estimate(shots=0),
            "SHOTS",
            "SHOTS must be at least 1 on target qpu, which has no exact values",
        ),
        (
            estimate(observable=None),
            "OBSERVABLE",
            "OBSERVABLE is missing; KIND=estimate needs one at least, such as '0.5*Z0 Z3 - X1'",
        ),
        (
            request(observable=collect(["Z0"])),
            "OBSERVABLE",
            "OBSERVABLE needs KIND=estimate, not sample",
        ),
        (
            estimate(2, observable=collect([[["Z0"], ["X0"], ["Y0"]]])),
            "OBSERVABLE",
            "OBSERVABLE must be one list for all circuits or 2 lists, one for each, not 3",
        ),
        (
            request(optimization="2"),
            "OPTIMIZATION",
            "OPTIMIZATION must not be given on target qpu, which has no compiler",
        ),
        (
            request(initial_layout=[0]),
            "INITIAL_LAYOUT",
            "INITIAL_LAYOUT must not be given on target qpu, which has no compiler",
        ),
        (
            request(mitigation=["readout"]),
            "MITIGATION",
            "MITIGATION must be none on target qpu, which has no error mitigation",
        ),
        (request(precision=0.1), "PRECISION", "PRECISION needs KIND=estimate, not sample"),
        (
            estimate(precision=0.01, shots=10_001),
            "PRECISION",
            "PRECISION must be at least 0.1 on target qpu, which runs at most 100 shots; 0.01 would"
            " take 10001",
        ),
        (
            estimate(memory=True),
            "MEMORY",
            "MEMORY must be false unless KIND=sample: other kinds keep no shots",
        ),
    ],
)
def test_what_a_target_does_not_take(wanted: JobRequest, parameter: str, sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_target(wanted, PLAIN)
    assert (caught.value.sentence, caught.value.parameter) == (sentence, parameter)


@pytest.mark.parametrize(
    "wanted",
    [
        request(memory=True),
        request(method="auto"),
        request(method="statevector"),
        request(noise=Noise(bit_flip=Flip(p=0.1))),
        estimate(shots=0),
        request(kind="compile"),
        request(optimization="none", initial_layout=[4, 0]),
        request(mitigation=["readout"]),
        estimate(mitigation=["readout", "zne"]),
    ],
)
def test_a_target_takes_what_it_claims(wanted: JobRequest) -> None:
    check_target(wanted, RICH)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            request(kind="compile", mitigation=["readout"]),
            "MITIGATION must be none with KIND=compile, which runs nothing",
        ),
        (
            estimate(shots=0, mitigation=["readout"]),
            "MITIGATION must be none with SHOTS=0, which asks for exact values",
        ),
        (
            request(mitigation=["readout", "zne"]),
            "MITIGATION=zne needs KIND=estimate, not sample",
        ),
    ],
)
def test_what_cannot_be_mitigated(wanted: JobRequest, sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_target(wanted, RICH)
    assert caught.value.sentence == sentence


def test_a_qubit_map_names_qubits_that_there_are() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_target(request(initial_layout=[0, 5]), RICH)
    assert caught.value.sentence == "INITIAL_LAYOUT must name qubits 0 to 4 of target qpu, not 5"


def test_a_kind_that_a_target_does_not_take_has_a_code_of_its_own() -> None:
    with pytest.raises(KindNotSupported) as caught:
        check_target(request(kind="compile"), PLAIN)
    assert caught.value.code == "job_type_not_supported"


def test_a_device_with_a_queue_gets_so_many_circuits_and_each_basis_is_one() -> None:
    far = PLAIN.model_copy(update={"remote": True})
    check_target(estimate(1), far)
    with pytest.raises(InvalidParameter) as caught:
        check_target(estimate(2), far)
    assert caught.value.sentence == (
        "OBSERVABLE must be measured in at most 2 circuits on target qpu, and these take 4, one for"
        " each basis"
    )
    # Another quws does so by itself.
    check_target(estimate(2), far.model_copy(update={"kind": TargetKind.REMOTE}))


def test_a_target_tells_its_limits_and_methods() -> None:
    most = {item.name: item.most(RICH) for item in SPECIFICATIONS if item.most is not None}
    assert most == {"CIRCUIT": 2, "SHOTS": 100}
    suggest = SPECIFICATIONS["METHOD"].suggestions
    assert suggest is not None
    assert (suggest(RICH), suggest(PLAIN)) == (["auto", "statevector"], [])


# -- the list ---------------------------------------------------------------------


def test_a_parameter_is_found_by_any_of_its_names_in_any_case() -> None:
    circuit = SPECIFICATIONS["CIRCUIT"]
    assert SPECIFICATIONS.find("query") is SPECIFICATIONS["QUERY"] is circuit
    assert SPECIFICATIONS.find("QASM") is None
    assert circuit.names == ("CIRCUIT", "QUERY")


@pytest.mark.parametrize(
    ("sent", "listed"),
    [
        ("circuit", "CIRCUIT"),
        ("Query", "QUERY"),
        ("maxrec", "MAXREC"),
        ("noise", "NOISE"),
        # A control parameter is not listed, so a part may have its name.
        ("Phase", "Phase"),
        ("My File", "My File"),
    ],
)
def test_ours_are_listed_in_upper_case(sent: str, listed: str) -> None:
    assert SPECIFICATIONS.canonical(sent) == listed


@pytest.mark.parametrize(("name", "aliases"), [("SHOTS", ()), ("X", ("QUERY",)), ("MAXREC", ())])
def test_no_two_parameters_have_a_name_in_common(name: str, aliases: tuple[str, ...]) -> None:
    other = Specification(
        name=name,
        aliases=aliases,
        keyword="x",
        role=Role.JOB,
        kind=Kind.TEXT,
        read=str,
        label="X",
        help="X.",
        example="x",
        shown=Shown.NOTHING,
    )
    with pytest.raises(ValueError, match="two parameters have the name"):
        SPECIFICATIONS.plus(other)
    assert list(Specifications([other]).job) == [other]


def test_what_holds_of_a_parameter_that_says_the_least() -> None:
    least = Specification(
        name="X",
        keyword="x",
        role=Role.JOB,
        kind=Kind.TEXT,
        read=str,
        label="X",
        help="X.",
        example="x",
    )
    assert (least.otherwise, least.more, least.shown) == ("none", "", Shown.LINE)
    assert not any(
        (least.control, least.repeatable, least.by_part, least.forwarded, least.prominent)
    )
    assert least.names == ("X",)
    assert least.default_of(Policy()) is None


def test_one_more_parameter_changes_nothing_of_the_others() -> None:
    more = Specification(
        name="TWIST",
        keyword="twist",
        role=Role.OPTION,
        kind=Kind.INTEGER,
        read=int,
        label="Twist",
        help="How far.",
        example="3",
    )
    found = SPECIFICATIONS.plus(more)
    assert list(found) == [*SPECIFICATIONS, more]
    assert found.ignored == SPECIFICATIONS.ignored
    assert found.options[-1] is found.job[-1] is more
    assert found.known == SPECIFICATIONS.known | {"TWIST"}
    assert found.control == SPECIFICATIONS.control
    assert found["TWIST"] is more


def test_fewer_circuits_are_compiled_than_run() -> None:
    roomy = RICH.model_copy(update={"max_circuits": 10_000})
    check_target(request(10_000), roomy)
    check_target(request(300, kind="compile"), roomy)
    with pytest.raises(InvalidParameter, match="at most 300 times on target qpu with KIND=compile"):
        check_target(request(301, kind="compile"), roomy)
    check_target(request(rows=10_000), roomy)
    with pytest.raises(InvalidParameter, match="at most 300 rows on target qpu with KIND=compile"):
        check_target(request(rows=301, kind="compile"), roomy)
