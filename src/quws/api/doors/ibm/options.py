"""What the options of a primitive mean for a job: done, told to be without effect, or refused.

Refused is what would give other numbers than were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from quws.domain.errors import InvalidParameter
from quws.domain.mitigation import Mitigation
from quws.domain.parameters.values import MAX_SEED
from quws.domain.pubs import Program
from quws.domain.targets import Feature, TargetDescription, TargetKind

_MOST_NOTES = 20
_NOTHING: tuple[Any, ...] = (None, False, "auto", {}, [], "disable", "unset")
"""Values of an option that ask for nothing."""
_SAMPLER = frozenset(
    {
        "default_shots",
        "simulator.seed_simulator",
        "execution.meas_type",
        "execution.init_qubits",
    }
)
_DONE = {
    "sampler": _SAMPLER,
    "estimator": _SAMPLER
    | {
        "default_precision",
        "seed_estimator",
        "resilience_level",
        "resilience.measure_mitigation",
        "resilience.zne_mitigation",
    },
}
"""The options that each program does."""
_BESIDE = frozenset({"pubs", "options", "version", "support_qiskit", "resilience_level"})
"""What may stand beside the PUBs for every program; a sampler takes shots too, and an estimator a
precision.
"""
_RANDOMIZED = ("twirling.num_randomizations", "twirling.shots_per_randomization")
_LEVELS: dict[int, tuple[Mitigation, ...]] = {
    0: (),
    1: (Mitigation.READOUT,),
    2: (Mitigation.READOUT, Mitigation.ZNE),
}
_WHY = {
    "dynamical_decoupling": "no pulses are put between the gates",
    "twirling": "gates and measurements are run as they are",
    "execution": "the target has one rate of its own",
}


@dataclass(slots=True)
class Options:
    """The options of a request.

    ``shots`` and ``precision`` count for PUBs that have none of their own; an estimator has one of
    them at most. ``notes`` tell what was accepted and makes no difference.
    """

    shots: int | None = None
    precision: float | None = None
    seed: int | None = None
    mitigation: list[Mitigation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_options(params: dict[str, Any], program: Program, target: TargetDescription) -> Options:
    """Read what stands beside the PUBs.

    Raises
    ------
    InvalidParameter
        Something is malformed, or would give other numbers than were asked for.

    """
    if params.get("version", 2) != 2:
        _refuse("version", "must be 2")
    if params.get("support_qiskit", True) is not True:
        _refuse("support_qiskit", "must be true: results are written as objects of Qiskit")
    found = read_defaults(params, program)
    given = _options(params)
    _check_meaning(given)
    own = "shots" if program == "sampler" else "precision"
    for name, value in params.items():
        if name not in _BESIDE and name != own and value not in _NOTHING:
            _note(found, f"{name[:60]} has no effect")
    done = _DONE[program]
    if _randomized(given) is not None:
        done |= set(_RANDOMIZED)
    for path, value in _leaves(given, ""):
        if path not in done and value not in _NOTHING:
            why = _WHY.get(path.partition(".")[0])
            _note(found, f"options.{path[:60]} has no effect{f': {why}' if why else ''}")
    _read_seed(given, found, target, program)
    if program == "estimator":
        _read_mitigation(params, given, found, target)
    else:
        _refuse_mitigation(params, given)
    return found


def read_defaults(params: dict[str, Any], program: Program) -> Options:
    """Read what counts for PUBs that say nothing of their shots or precision.

    What is randomized says by itself how often it runs. An estimator's shots, those of each basis,
    count for more than its default precision, and for less than one that is asked for.

    Raises
    ------
    InvalidParameter

    """
    if program == "executor":
        return Options()
    given = _options(params)
    shots = read_shots(given.get("default_shots"), "options.default_shots")
    shots = _randomized(given) or shots
    if program == "sampler":
        return Options(shots=read_shots(params.get("shots"), "shots") or shots)
    precision = read_precision(given.get("default_precision"), "options.default_precision")
    asked = read_precision(params.get("precision"), "precision")
    if shots is not None and asked is None:
        return Options(shots=shots)
    return Options(precision=asked or precision)


def read_executor(params: dict[str, Any]) -> Options:
    """Read what stands beside the items of a program of the executor.

    Raises
    ------
    InvalidParameter
        As with ``read_options``.

    """
    version = params.get("schema_version")
    if version != "v2.0":
        _refuse("schema_version", f"must be 'v2.0', not '{str(version)[:20]}'")
    program = params.get("quantum_program")
    if not isinstance(program, dict):
        _refuse("quantum_program", "must be an object")
    level = program.get("meas_level")
    if level not in (None, "classified"):
        _refuse("quantum_program.meas_level", f"must be 'classified', not '{str(level)[:20]}'")
    found = Options(shots=read_shots(program.get("shots"), "quantum_program.shots"))
    given = _options(params)
    _check_meaning({"execution": given})
    items = program.get("items")
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict) and item.get("chunk_size") not in _NOTHING:
            _note(found, f"quantum_program.items.{index}.chunk_size has no effect")
    for path, value in _leaves(given, ""):
        if path != "init_qubits" and value not in _NOTHING:
            _note(found, f"options.{path[:60]} has no effect")
    return found


def read_shots(value: Any, where: str) -> int | None:
    """Read a number of shots; None for none.

    Raises
    ------
    InvalidParameter

    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        _refuse(where, f"must be a whole number of shots, 1 or more, not '{str(value)[:40]}'")
    return value


def read_precision(value: Any, where: str) -> float | None:
    """Read a precision, which is a standard error; None for none.

    Raises
    ------
    InvalidParameter

    """
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1e6:
        _refuse(where, f"must be a standard error above 0, not '{str(value)[:40]}'")
    return float(value)


def _check_meaning(given: dict[str, Any]) -> None:
    """Refuse what would change the numbers if it were passed over."""
    execution, simulator = _part(given, "execution"), _part(given, "simulator")
    kind = execution.get("meas_type")
    if kind not in (None, "classified"):
        _refuse(
            "options.execution.meas_type",
            f"must be 'classified': targets give bits, not '{str(kind)[:40]}'",
        )
    if execution.get("init_qubits") is False:
        _refuse(
            "options.execution.init_qubits",
            "must be true: each shot begins with all qubits in the state 0",
        )
    if simulator.get("noise_model") is not None:
        _refuse(
            "options.simulator.noise_model",
            "is not taken: choose a backend that has noise of its own",
        )


def _options(params: dict[str, Any]) -> dict[str, Any]:
    given = params.get("options") or {}
    if not isinstance(given, dict):
        _refuse("options", "must be an object")
    return given


def _part(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        _refuse(f"options.{name}", "must be an object")
    return found


def _randomized(given: dict[str, Any]) -> int | None:
    """Return how many shots those of randomized circuits would have been; None if nothing says."""
    twirling = _part(given, "twirling")
    if not (twirling.get("enable_gates") or twirling.get("enable_measure")):
        return None
    found = 1
    for path in _RANDOMIZED:
        value = twirling.get(path.partition(".")[2])
        if value in (None, "auto", "unset"):
            return None
        found *= read_shots(value, f"options.{path}") or 1
    return found


def _read_seed(
    given: dict[str, Any], found: Options, target: TargetDescription, program: Program
) -> None:
    where, seed = "simulator.seed_simulator", _part(given, "simulator").get("seed_simulator")
    if seed is None and program == "estimator":
        where, seed = "seed_estimator", given.get("seed_estimator")
    if seed is None:
        return
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        _refuse(f"options.{where}", f"must be a whole number from 0 to {MAX_SEED}")
    if Feature.SEED in target.features:
        found.seed = seed
    else:
        _note(found, f"options.{where} has no effect: {target.name} takes no seed")


def _read_mitigation(
    params: dict[str, Any], given: dict[str, Any], found: Options, target: TargetDescription
) -> None:
    level = params.get("resilience_level", given.get("resilience_level"))
    known = isinstance(level, int) and not isinstance(level, bool) and level in _LEVELS
    if level is not None and not known:
        _refuse("resilience_level", f"must be 0, 1 or 2, not '{str(level)[:40]}'")
    wanted = set(_LEVELS[level or 0])
    resilience = _part(given, "resilience")
    for name, way in (
        ("measure_mitigation", Mitigation.READOUT),
        ("zne_mitigation", Mitigation.ZNE),
    ):
        asked = resilience.get(name)
        if isinstance(asked, bool):
            wanted = wanted | {way} if asked else wanted - {way}
    if not wanted:
        return
    if target.kind is TargetKind.SIMULATOR:
        _note(found, f"resilience has no effect: {target.name} makes no errors")
    elif Feature.MITIGATION not in target.features:
        _note(found, f"resilience has no effect: {target.name} has no error mitigation")
    else:
        found.mitigation = [way for way in Mitigation if way in wanted]


def _refuse_mitigation(params: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse that a sampler mitigates errors."""
    asked = {"resilience_level": params.get("resilience_level")}
    asked["options.resilience_level"] = given.get("resilience_level")
    for path, value in _leaves(_part(given, "resilience"), "options.resilience."):
        asked[path] = value
    for where, value in asked.items():
        if value not in _NOTHING:
            _refuse(where[:60], "is of the estimator: a sampler gives the shots as they were read")


def _leaves(item: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, dict) and value and before.count(".") < 4:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def _note(found: Options, sentence: str) -> None:
    if len(found.notes) < _MOST_NOTES:
        found.notes.append(sentence)


def _refuse(where: str, sentence: str) -> NoReturn:
    raise InvalidParameter(f"params.{where} {sentence}", parameter=f"params.{where}"[:60])
