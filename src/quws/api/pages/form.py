"""The form of a new job: what stands in it, and what it shows, by the specifications."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quws.api.pages.texts import Texts
from quws.domain.job import Job
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.specification import Kind, Shown, Specification, Specifications
from quws.domain.parameters.writing import text
from quws.domain.policy import Policy
from quws.domain.targets import TargetDescription
from quws.domain.times import format_instant

MOST_CIRCUITS = 20
"""Circuits that one form holds; more come from programs."""
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_COUNTABLE = 2**53
"""Numbers of JavaScript are exact up to here."""
_EXAMPLE_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JobForm:
    """What stands in the form, as it was typed: the values of a parameter by its name."""

    circuits: list[str] = field(default_factory=list)
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """Return the value of a parameter that has one input."""
        return next(iter(self.values.get(name, ())), "").strip()

    def posted(
        self, specifications: Specifications, circuits: Sequence[str] | None = None
    ) -> list[Posted]:
        """Make the parameters of a job; what is empty is left out."""
        found = [Posted("CIRCUIT", item.encode()) for item in circuits or self.circuits]
        shown = _with_input(specifications)
        # The form has filled in what is not to be given besides.
        replaced = {item.instead_of for item in shown if self.one(item.name)}
        for item in shown:
            if item.name in replaced:
                continue
            typed = self.values.get(item.name, ())
            if item.shown is Shown.WORDS:
                typed = [word for line in typed for word in split_words(line)]
            found += [Posted(item.name, value.strip().encode()) for value in typed if value.strip()]
        return found


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as the form shows it."""

    specification: Specification
    label: str
    help: str
    values: list[str]
    """What stands in its inputs; one of them at least, which may be empty."""
    least: int | None = None
    most: int | None = None
    otherwise: str | None = None
    """The operator's default, where it does not stand in the input already."""
    example: str = ""
    suggestions: Sequence[str] = ()
    wrong: bool = False

    @property
    def countable(self) -> bool:
        """Whether it is a number with limits that a browser can count to."""
        return (
            self.specification.shown is Shown.NUMBER
            and self.least is not None
            and self.most is not None
            and self.most <= _COUNTABLE
        )

    @property
    def filled(self) -> bool:
        """Whether somebody typed anything."""
        return any(self.values)


def fields_of(
    specifications: Specifications,
    form: JobForm,
    policy: Policy,
    target: TargetDescription | None,
    t: Texts,
    now: datetime,
    *,
    wrong: str | None = None,
) -> list[Field]:
    """Return what the form shows besides the editors, in the order of the specifications.

    Parameters
    ----------
    target
        The chosen one, whose limits are shown; None where there is none of this name.
    wrong
        The parameter that was refused.

    """
    return [
        _field(item, form, policy, target, t, now, wrong=item.name == wrong)
        for item in _with_input(specifications)
    ]


def _field(
    item: Specification,
    form: JobForm,
    policy: Policy,
    target: TargetDescription | None,
    t: Texts,
    now: datetime,
    *,
    wrong: bool,
) -> Field:
    label, words = t.parameter(item.name, item.label, item.help)
    values = [value for value in form.values.get(item.name, ()) if value.strip()]
    default = None if item.setting is None else text(item.default_of(policy))
    if item.prominent and default is not None and not values:
        values = [default]
    most = item.high if item.most is None or target is None else item.most(target)
    return Field(
        item,
        label,
        words,
        values or [""],
        least=item.low,
        most=most,
        otherwise=None if item.prominent else default,
        example=(
            format_instant(now + _EXAMPLE_AHEAD) if item.kind is Kind.INSTANT else item.example
        ),
        suggestions=() if item.suggestions is None or target is None else item.suggestions(target),
        wrong=wrong,
    )


def read_form(posted: Iterable[Posted], specifications: Specifications) -> tuple[JobForm, str]:
    """Read the form as a browser sends it, and which button was pressed."""
    given: dict[str, list[str]] = {}
    for item in posted:
        given.setdefault(item.name.upper(), []).append(item.value.decode("utf-8", "replace"))
    # Browsers send lines with CR LF, whatever stood there before.
    circuits = [item.replace("\r\n", "\n") for item in given.get("CIRCUIT", [])]
    values = {
        item.name: given[item.name] if item.repeatable else given[item.name][-1:]
        for item in _with_input(specifications)
        if item.name in given
    }
    return JobForm(circuits[:MOST_CIRCUITS] or [""], values), given.get("DO", [""])[-1]


def copied(
    job: Job,
    circuits: Sequence[str],
    parameters: Mapping[str, Sequence[str]],
    specifications: Specifications,
    policy: Policy,
) -> JobForm:
    """Fill the form with what a job was given, so that the same can be sent again.

    Parameters
    ----------
    parameters
        The values of the job's parameters, by their names.

    """
    given = dict(parameters)
    if job.run_id:
        given["RUNID"] = [job.run_id]
    if job.execution_duration != policy.duration(None):
        given["EXECUTIONDURATION"] = [str(job.execution_duration)]
    values = {
        item.name: _as_typed(item, given[item.name])
        for item in _with_input(specifications)
        if item.name in given
    }
    return JobForm(list(circuits[:MOST_CIRCUITS]), values)


def _as_typed(item: Specification, given: Sequence[str]) -> list[str]:
    match item.shown:
        case Shown.WORDS:
            return [" ".join(map(_quoted, given))]
        case Shown.CHOICE | Shown.TICK:
            # The value may have been spelled in another way, and an empty one stands for none.
            read = [item.read(value) for value in given]
            return ["" if value in (None, False) else text(value) for value in read]
        case _:
            return list(given)


def split_words(line: str) -> list[str]:
    """Split a line at its blanks; what stands in quotation marks is one word."""
    return [
        re.sub(r"\\(.)", r"\1", quoted) if quoted else word
        for quoted, word in _WORD.findall(line)
        if quoted or word
    ]


def _quoted(word: str) -> str:
    if not re.search(r"\s", word) and not word.startswith('"'):
        return word
    escaped = re.sub(r'(["\\])', r"\\\1", word)
    return f'"{escaped}"'


def _with_input(specifications: Specifications) -> list[Specification]:
    return [item for item in specifications if item.shown not in (Shown.NOTHING, Shown.CIRCUITS)]
