"""Why a target does not take what a request says of its kind of work."""

from __future__ import annotations

import math

from quws.domain.job import LARGE_BATCH
from quws.domain.kinds import JobKind
from quws.domain.mitigation import Mitigation
from quws.domain.parameters.request import JobRequest
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.domain.words import counted


def too_many_circuits(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to more circuits than the target takes."""
    most, where = _most_circuits(request, target)
    if len(request.circuits) <= most:
        return None
    return (
        f"CIRCUIT may be given at most {counted(most, 'time')} {where}, not"
        f" {len(request.circuits)} times"
    )


def wrong_bindings(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to values for several circuits, and to more of them than the target takes."""
    if request.bindings is None:
        return None
    if len(request.circuits) > 1:
        return (
            "CIRCUIT may be given once with BINDINGS, which makes a circuit of each row, not"
            f" {len(request.circuits)} times"
        )
    most, where = _most_circuits(request, target)
    if request.count <= most:
        return None
    return f"BINDINGS may have at most {counted(most, 'row')} {where}, not {request.count}"


def _most_circuits(request: JobRequest, target: TargetDescription) -> tuple[int, str]:
    most, where = target.max_circuits, f"on target {target.name}"
    if request.options.kind is JobKind.COMPILE and most > LARGE_BATCH:
        # Each of them gives a file.
        return LARGE_BATCH, f"{where} with KIND=compile"
    return most, where


def no_such_kind(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to a kind of work that the target does not do."""
    kind = request.options.kind
    if kind in target.job_kinds:
        return None
    return f"KIND must be {' or '.join(target.job_kinds)} on target {target.name}, not {kind}"


def wrong_shots(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to more shots than the target runs, and to none where some are needed."""
    options = request.options
    if options.precision is not None:
        return None
    if options.shots > target.max_shots:
        return (
            f"SHOTS must be at most {target.max_shots} on target {target.name}, not {options.shots}"
        )
    if options.shots:
        return None
    if options.kind is not JobKind.ESTIMATE:
        return "SHOTS must be at least 1; with KIND=estimate 0 asks for exact values"
    if Feature.EXACT not in target.features:
        return f"SHOTS must be at least 1 on target {target.name}, which has no exact values"
    return None


def wrong_observable(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to observables that are missing, needless, or too many for the target."""
    options, given = request.options, request.options.observable
    if options.kind is not JobKind.ESTIMATE:
        return None if given is None else f"OBSERVABLE needs KIND=estimate, not {options.kind}"
    if given is None:
        return "OBSERVABLE is missing; KIND=estimate needs one at least, such as '0.5*Z0 Z3 - X1'"
    count = request.count
    if given.circuits not in (None, count):
        return (
            f"OBSERVABLE must be one list for all circuits or {count} lists, one for each, not"
            f" {given.circuits}"
        )
    runs = sum(options.runs(index) for index in range(count))
    if target.remote and target.kind is not TargetKind.REMOTE and runs > target.max_circuits:
        return (
            f"OBSERVABLE must be measured in at most {counted(target.max_circuits, 'circuit')} on"
            f" target {target.name}, and these take {runs}, one for each basis"
        )
    return None


def wrong_precision(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to a precision that takes more shots than the target runs."""
    options = request.options
    if options.precision is None:
        return None
    if options.kind is not JobKind.ESTIMATE:
        return f"PRECISION needs KIND=estimate, not {options.kind}"
    if options.shots <= target.max_shots:
        return None
    # The shots grow with the square of what is asked for.
    least = options.precision * math.sqrt(options.shots / target.max_shots)
    return (
        f"PRECISION must be at least {math.ceil(least * 1e6) / 1e6:.3g} on target {target.name},"
        f" which runs at most {counted(target.max_shots, 'shot')}; {options.precision:g} would take"
        f" {options.shots}"
    )


def wrong_optimization(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to a word on compiling where nothing is compiled."""
    if request.options.optimization is None or Feature.COMPILING in target.features:
        return None
    return f"OPTIMIZATION must not be given on target {target.name}, which has no compiler"


def wrong_layout(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to a qubit map where nothing is compiled, and to qubits that there are not."""
    layout = request.options.initial_layout
    if layout is None:
        return None
    if Feature.COMPILING not in target.features:
        return f"INITIAL_LAYOUT must not be given on target {target.name}, which has no compiler"
    if max(layout) < target.qubits:
        return None
    return (
        f"INITIAL_LAYOUT must name qubits 0 to {target.qubits - 1} of target {target.name}, not"
        f" {max(layout)}"
    )


def wrong_mitigation(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to mitigation where there are no shots, or nobody knows the errors."""
    options = request.options
    if options.mitigation is None:
        return None
    if Feature.MITIGATION not in target.features:
        return f"MITIGATION must be none on target {target.name}, which has no error mitigation"
    if options.kind is JobKind.COMPILE:
        return "MITIGATION must be none with KIND=compile, which runs nothing"
    if options.exact:
        return "MITIGATION must be none with SHOTS=0, which asks for exact values"
    if Mitigation.ZNE in options.mitigation and options.kind is not JobKind.ESTIMATE:
        return f"MITIGATION=zne needs KIND=estimate, not {options.kind}"
    return None


def no_memory(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to the bits of single shots where there are none."""
    if request.options.memory and request.options.kind is not JobKind.SAMPLE:
        return "MEMORY must be false unless KIND=sample: other kinds keep no shots"
    if not request.options.memory or Feature.MEMORY in target.features:
        return None
    return (
        f"MEMORY must be false on target {target.name}, which does not give the bits of"
        " single shots"
    )


def no_such_method(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to a method that the target has not."""
    method = request.options.method
    methods = ["auto", *target.methods]
    if method is None or method in methods:
        return None
    return (
        f"METHOD must be one of {', '.join(methods)} on target {target.name}, not '{method[:40]}'"
    )


def no_noise(request: JobRequest, target: TargetDescription) -> str | None:
    """Object to noise on a target without noise models."""
    if request.options.noise is None or Feature.NOISE in target.features:
        return None
    return f"NOISE must be none on target {target.name}, which has no noise models"


def no_timeslots(request: JobRequest, target: TargetDescription) -> str | None:
    """Say that a target cannot be booked, where a job is to run in timeslots."""
    if not request.timeslot or target.timeslots is not None:
        return None
    return f"TIMESLOT must be any on target {target.name}, which cannot be booked"
