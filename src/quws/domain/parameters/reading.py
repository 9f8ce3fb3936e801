"""Reads what was posted, by the specifications."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from quws.domain.errors import InvalidParameter
from quws.domain.options import RunOptions
from quws.domain.parameters.posted import MOST_OF_NO_EFFECT, Posted, read_value, tables
from quws.domain.parameters.request import Control, JobRequest
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Kind, Specification, Specifications
from quws.domain.parameters.values import TimeslotUse
from quws.domain.policy import Policy
from quws.domain.targets import TargetDescription
from quws.domain.words import counted

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_OTHERS = 100
_OTHER_NAME = 200


def read_control(
    posted: Iterable[Posted], specifications: Specifications = SPECIFICATIONS
) -> tuple[Control, list[Posted]]:
    """Split the job-control parameters from the rest.

    The last one wins where a control parameter is repeated.

    Raises
    ------
    InvalidParameter
        A value is malformed.

    """
    texts: dict[str, str] = {}
    rest: list[Posted] = []
    for item in posted:
        found = specifications.find(item.name)
        if found is not None and found.control:
            texts[found.name] = text_within(item, found)
        else:
            rest.append(item)
    values = {
        item.keyword: item.read(texts[item.name]) for item in specifications if item.name in texts
    }
    return Control(**values), rest


def read_job(
    posted: Sequence[Posted],
    policy: Policy,
    specifications: Specifications = SPECIFICATIONS,
) -> JobRequest:
    """Read what a job is to do from its parameters.

    Those of control are taken out already, and uploads stand in their places.

    Raises
    ------
    InvalidParameter
        A parameter is unknown, missing, malformed or given too often.

    """
    given = _sorted(posted, specifications)
    for item in specifications.job:
        if item.instead_of in given and item.name in given:
            raise InvalidParameter(
                f"{item.name} is given instead of {item.instead_of}; send one of them",
                parameter=item.name,
            )
    values = {
        item.name: _value(item, given.get(item.name, []), policy) for item in specifications.job
    }
    return JobRequest(
        circuits=values["CIRCUIT"],
        bindings=values["BINDINGS"],
        language=values["LANG"],
        target=values["TARGET"],
        response_format=values["RESPONSEFORMAT"],
        tags=values["TAG"],
        metadata=values["METADATA"] or {},
        webhook=values["WEBHOOK"],
        priority=values["PRIORITY"] or 0,
        timeslot=values["TIMESLOT"] == TimeslotUse.REQUIRED,
        session=values["SESSION"] or None,
        options=_planned(
            RunOptions(**{item.keyword: values[item.name] for item in specifications.options})
        ),
    )


def check_target(
    request: JobRequest,
    target: TargetDescription,
    specifications: Specifications = SPECIFICATIONS,
) -> None:
    """Refuse what a target does not take, whatever the circuits are.

    Raises
    ------
    InvalidParameter

    """
    for item in specifications.job:
        objection = None if item.objection is None else item.objection(request, target)
        if objection is not None:
            raise item.refusal(objection, parameter=item.name)


def _planned(options: RunOptions) -> RunOptions:
    """Find how many shots the precision takes that was asked for."""
    if options.precision is None or options.observable is None:
        return options
    shots = max(plan.shots(options.precision) for plan in options.observable.plans)
    return options.model_copy(update={"shots": shots})


def _sorted(posted: Sequence[Posted], specifications: Specifications) -> dict[str, list[Posted]]:
    """Put what was posted together by the parameter that is meant, under its first name."""
    referenced = tables(posted)
    given: dict[str, list[Posted]] = {}
    others = 0
    for item in posted:
        name = item.name.upper()
        if name in specifications.known:
            given.setdefault(specifications[name].name, []).append(item)
        elif name in specifications.ignored or item.name in referenced:
            others += 1
            _check_other(item, others, uploaded=item.name in referenced)
        else:
            raise InvalidParameter(
                f"there is no parameter '{item.name[:60]}'; a job takes"
                f" {', '.join(sorted(specifications.known))}"
                f" and the control parameters {', '.join(specifications.control)}",
                parameter=item.name[:60],
            )
    return given


def _value(specification: Specification, items: list[Posted], policy: Policy) -> Any:
    name = specification.name
    spelled = {item.name.upper() for item in items}
    for alias in specification.aliases:
        if alias in spelled and len(spelled) > 1:
            raise InvalidParameter(
                f"{name} and {alias} are two names of one parameter; send one of them",
                parameter=alias,
            )
    if specification.needed is not None and not items:
        raise InvalidParameter(f"{name} is missing; send {specification.needed}", parameter=name)
    if specification.repeatable:
        if specification.times is not None and len(items) > specification.times:
            raise InvalidParameter(
                f"{name} may be given at most {counted(specification.times, 'time')}, not"
                f" {len(items)} times",
                parameter=name,
            )
        values = [specification.read(text_within(item, specification)) for item in items]
        return values if specification.collect is None else specification.collect(values)
    if not items:
        return specification.default_of(policy)
    if len(items) > 1:
        raise InvalidParameter(f"{name} may be given once, not {len(items)} times", parameter=name)
    return specification.read(text_within(items[0], specification))


def text_within(item: Posted, specification: Specification) -> str:
    """Read a value as text of at most the length that its parameter may have.

    Raises
    ------
    InvalidParameter
        It is no text, too long, or no database holds it.

    """
    text = read_value(item, specification)
    if specification.longest is not None and len(text) > specification.longest:
        raise InvalidParameter(
            f"{specification.name} must be at most {specification.longest} characters long, not"
            f" {len(text)}",
            parameter=specification.name,
        )
    if specification.kind is Kind.OBJECT and _ESCAPED_NUL.search(text):
        raise InvalidParameter(
            f"{specification.name} must be text without \\u0000, which no database holds",
            parameter=specification.name,
        )
    return text


def _check_other(item: Posted, count: int, *, uploaded: bool) -> None:
    """Refuse more of what has no effect than a client of another protocol sends."""
    if count > _OTHERS:
        raise InvalidParameter(
            f"a job takes at most {_OTHERS} parameters that have no effect",
            parameter=item.name[:60],
        )
    if (
        len(item.name) > _OTHER_NAME
        or "\0" in item.name
        or (not uploaded and len(item.value) > MOST_OF_NO_EFFECT)
    ):
        raise InvalidParameter(
            f"'{item.name[:60]}' has no effect, and may have at most {MOST_OF_NO_EFFECT} bytes"
            f" under a name of at most {_OTHER_NAME} characters without NUL",
            parameter=item.name[:60],
        )
