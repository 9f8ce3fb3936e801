"""What each parameter says of itself is so, and which targets take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.noise import Flip, Noise
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
RICH = PLAIN.model_copy(update={"features": list(Feature), "methods": ["statevector"]})
each = pytest.mark.parametrize("item", list(SPECIFICATIONS), ids=lambda item: item.name)


def request(circuits: int = 1, **options: Any) -> JobRequest:
    return JobRequest(circuits=["x"] * circuits, options=RunOptions(**({"shots": 100} | options)))


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
    wanted = {"SHOTS": 5, "EXECUTIONDURATION": 7, "MEMORY": False, "RESPONSEFORMAT": "votable"}
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
    "TARGET": "target",
    "SHOTS": "shots",
    "SEED": "seed",
    "METHOD": "method",
    "NOISE": "noise",
    "MEMORY": "memory",
    "RESPONSEFORMAT": "response_format",
    "LANG": "language",
    "TAG": "tag",
    "METADATA": "metadata",
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
        (lambda item: item.repeatable, {"CIRCUIT", "TAG"}),
        (lambda item: item.by_part, {"CIRCUIT"}),
        (lambda item: item.needed, {"CIRCUIT"}),
        (lambda item: item.choices, {"RESPONSEFORMAT", "LANG", "PHASE"}),
        (lambda item: item.low == 0, {"SEED", "EXECUTIONDURATION"}),
        (lambda item: item.low == 1, {"SHOTS"}),
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
        "TARGET": "target",
        "SHOTS": "number",
        "SEED": "number",
        "MEMORY": "tick",
        "RESPONSEFORMAT": "choice",
        "LANG": "choice",
        "TAG": "words",
        "PHASE": "nothing",
        "EXECUTIONDURATION": "number",
    }


@pytest.mark.parametrize(
    "wanted",
    [request(), request(2), request(seed=1), request(memory=False), request(shots=1)],
)
def test_what_any_target_takes(wanted: JobRequest) -> None:
    check_target(wanted, PLAIN)


@pytest.mark.parametrize(
    ("wanted", "parameter", "sentence"),
    [
        (request(3), "CIRCUIT", "CIRCUIT may be given at most 2 times on target qpu, not 3 times"),
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
    ],
)
def test_a_target_takes_what_it_claims(wanted: JobRequest) -> None:
    check_target(wanted, RICH)


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
