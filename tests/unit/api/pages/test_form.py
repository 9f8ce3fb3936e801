"""The form of a new job: what a browser sends is what the job gets, and a copy loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from store_helpers import new_job

from quws.api.pages.form import (
    MOST_CIRCUITS,
    Field,
    JobForm,
    copied,
    fields_of,
    read_form,
    split_words,
)
from quws.api.pages.texts import Texts, texts_for
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.policy import Policy
from quws.domain.targets import TargetDescription, TargetKind

POLICY = Policy(shots=500, execution_duration=60)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TARGET = TargetDescription(
    name="simulator",
    kind=TargetKind.SIMULATOR,
    title="",
    qubits=5,
    max_shots=99,
    methods=["statevector"],
)


def fields(
    form: JobForm, target: TargetDescription | None = TARGET, **more: Any
) -> dict[str, Field]:
    found = fields_of(SPECIFICATIONS, form, POLICY, target, texts_for("en"), NOW, **more)
    return {item.specification.name: item for item in found}


def sent(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    form, _ = read_form([Posted(name, value.encode()) for name, value in pairs], SPECIFICATIONS)
    return [(item.name, item.value.decode()) for item in form.posted(SPECIFICATIONS)]


def test_every_parameter_has_a_field_but_those_that_have_buttons_or_editors() -> None:
    found = set(fields(JobForm([""])))
    assert found == {item.name for item in SPECIFICATIONS} - {"CIRCUIT", "PHASE"}
    assert {"METHOD", "NOISE"} <= found


def test_what_was_typed_is_sent_and_what_is_empty_is_not() -> None:
    assert sent(
        ("CIRCUIT", "a\r\nb"),
        ("CIRCUIT", "c"),
        ("target", "x"),
        ("SHOTS", " 7 "),
        ("SEED", ""),
        ("NOISE", "readout:p=0.1"),
        ("MEMORY", "true"),
        ("LANG", ""),
        ("TAG", 'a  "b c" d'),
        ("DO", "run"),
        ("nonsense", "1"),
        ("PHASE", "ABORT"),
    ) == [
        ("CIRCUIT", "a\nb"),
        ("CIRCUIT", "c"),
        ("TARGET", "x"),
        ("SHOTS", "7"),
        ("NOISE", "readout:p=0.1"),
        ("MEMORY", "true"),
        ("TAG", "a"),
        ("TAG", "b c"),
        ("TAG", "d"),
    ]


def test_the_button_and_at_most_so_many_circuits_are_read() -> None:
    posted = [Posted("CIRCUIT", b"x")] * (MOST_CIRCUITS + 1)
    form, action = read_form([*posted, Posted("DO", b"add")], SPECIFICATIONS)
    assert (len(form.circuits), action) == (MOST_CIRCUITS, "add")
    assert read_form([], SPECIFICATIONS) == (JobForm([""], {}), "")
    assert [item.value for item in form.posted(SPECIFICATIONS, ["y"])] == [b"y"]


def test_limits_and_defaults_are_those_of_target_and_operator() -> None:
    found = fields(JobForm([""]))
    shots, duration = found["SHOTS"], found["EXECUTIONDURATION"]
    assert (shots.values, shots.least, shots.most, shots.otherwise) == (["500"], 0, 99, None)
    assert (duration.values, duration.otherwise) == ([""], "60")
    assert found["METHOD"].suggestions == ["auto", "statevector"]
    assert found["DESTRUCTION"].example == "2026-11-22T10:00:00.000Z"
    assert found["NOISE"].example == SPECIFICATIONS["NOISE"].example
    # A browser cannot count to the largest seed.
    assert (shots.countable, found["SEED"].countable) == (True, False)
    unknown = fields(JobForm([""]), None)
    assert unknown["SHOTS"].most == 2**31 - 1
    assert unknown["METHOD"].suggestions == ()


def test_what_was_typed_stays_and_what_is_wrong_is_marked() -> None:
    found = fields(JobForm([""], {"SHOTS": ["0"], "METADATA": ["{"]}), wrong="METADATA")
    assert (found["SHOTS"].values, found["METADATA"].values) == (["0"], ["{"])
    assert [name for name, item in found.items() if item.wrong] == ["METADATA"]
    assert found["METADATA"].filled
    assert not found["NOISE"].filled


def test_another_language_may_have_words_of_its_own() -> None:
    t = Texts("de", {"parameters": {"SHOTS": {"label": "Läufe"}}})
    (shots,) = (
        item
        for item in fields_of(SPECIFICATIONS, JobForm([""]), POLICY, None, t, NOW)
        if item.specification.name == "SHOTS"
    )
    assert (shots.label, shots.help) == ("Läufe", SPECIFICATIONS["SHOTS"].help)


def copy(job_changes: dict[str, Any] | None = None, **given: list[str]) -> JobForm:
    job = replace(new_job(execution_duration=60), **(job_changes or {}))
    return copied(job, ["a", "b"], given, SPECIFICATIONS, POLICY)


def test_a_copy_keeps_every_parameter() -> None:
    given = {
        "TARGET": ["simulator"],
        "SHOTS": ["7"],
        "SEED": ["0"],
        "METHOD": ["statevector"],
        "NOISE": ['{"readout": {"p": 0.1}}'],
        "MEMORY": ["true"],
        "RESPONSEFORMAT": ["json"],
        "LANG": ["OPENQASM-3"],
        "TAG": ["a", 'b "c\\ d', '"'],
        "METADATA": ['{"a": 1}'],
    }
    again: dict[str, list[str]] = {}
    for item in copy(None, **given).posted(SPECIFICATIONS):
        again.setdefault(item.name, []).append(item.value.decode())
    assert again == given | {"CIRCUIT": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "spelled", "shown"),
    [
        ("MEMORY", "1", "true"),
        ("MEMORY", "false", ""),
        ("LANG", "qasm3", "OPENQASM-3"),
        ("LANG", "ADQL", ""),
        ("RESPONSEFORMAT", "application/json", "json"),
    ],
)
def test_a_choice_is_shown_however_it_was_spelled(name: str, spelled: str, shown: str) -> None:
    assert copy(None, **{name: [spelled]}).one(name) == shown


def test_a_copy_has_the_run_id_and_a_duration_of_its_own() -> None:
    form = copy({"run_id": "r", "execution_duration": 0})
    assert (form.one("RUNID"), form.one("EXECUTIONDURATION")) == ("r", "0")
    assert copy().values == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  a  b ", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        (r'"a \"b\" \\"', ['a "b" \\']),
        ("it's", ["it's"]),
        ('"unfinished word', ['"unfinished', "word"]),
        ('""', []),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert split_words(line) == words
