"""The conformance circuits tell a right target from those that are wrong in known ways."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from qiskit_aer import AerSimulator

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.outcomes import CircuitOutcome
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.targets.conformance import Check, checks, judge_memory

Counts = dict[str, int]

FEATURES = [Feature.MID_CIRCUIT, Feature.RESET, Feature.CONTROL_FLOW, Feature.DELAY]


def describe(**changes: object) -> TargetDescription:
    return TargetDescription.model_validate(
        {
            "name": "t",
            "kind": TargetKind.SIMULATOR,
            "title": "T",
            "qubits": 5,
            "features": FEATURES,
            "circuit_limits": CircuitLimits(qubits=5),
        }
        | changes
    )


@pytest.fixture(scope="module")
def right() -> dict[str, Counts]:
    """What an exact simulator gives for each circuit of the checks."""
    engine = AerSimulator(max_parallel_threads=1)
    found = {}
    for languages in ([Language.OPENQASM_2], [Language.OPENQASM_2, Language.OPENQASM_3]):
        for check in checks(describe(languages=languages), quick=True):
            for probe in check.probes:
                circuit, _ = parse(probe.source, None, CircuitLimits())
                counts = engine.run(circuit, shots=200, seed_simulator=3).result().get_counts()
                found[probe.source] = dict(counts)
    return found


def failures(
    right: dict[str, Counts], damage: Callable[[Counts], Counts], **changes: object
) -> Iterator[Check]:
    for check in checks(describe(**changes), quick=True):
        if any(probe.judge(damage(right[probe.source])) for probe in check.probes):
            yield check


@pytest.mark.parametrize(
    "languages", [[Language.OPENQASM_2], [Language.OPENQASM_2, Language.OPENQASM_3]]
)
@pytest.mark.parametrize("kind", [TargetKind.SIMULATOR, TargetKind.HARDWARE])
def test_a_right_target_passes(
    right: dict[str, Counts], languages: list[Language], kind: TargetKind
) -> None:
    assert not list(failures(right, lambda counts: counts, languages=languages))


def reverse(counts: Counts) -> Counts:
    return {key[::-1]: count for key, count in counts.items()}


def reverse_each_group(counts: Counts) -> Counts:
    return {" ".join(g[::-1] for g in key.split()): count for key, count in counts.items()}


def swap_registers(counts: Counts) -> Counts:
    return {" ".join(reversed(key.split())): count for key, count in counts.items()}


def zeros(counts: Counts) -> Counts:
    shape = "".join(" " if c == " " else "0" for c in next(iter(counts)))
    return {shape: sum(counts.values())}


def no_blanks(counts: Counts) -> Counts:
    return {key.replace(" ", ""): count for key, count in counts.items()}


def sixty_four_bits(counts: Counts) -> Counts:
    return {key[-64:]: count for key, count in counts.items()}


@pytest.mark.parametrize("kind", [TargetKind.SIMULATOR, TargetKind.HARDWARE])
@pytest.mark.parametrize(
    "damage", [reverse, reverse_each_group, swap_registers, zeros, no_blanks, sixty_four_bits]
)
def test_what_is_mixed_up_is_found(
    right: dict[str, Counts], damage: Callable[[Counts], Counts], kind: TargetKind
) -> None:
    assert list(failures(right, damage, kind=kind))


def test_noise_is_forgiven_where_there_may_be_some(right: dict[str, Counts]) -> None:
    chance = random.Random(1)

    def noise(counts: Counts) -> Counts:
        noisy: Counts = {}
        for key, count in counts.items():
            for _ in range(count):
                bits = "".join(
                    "10"[int(c)] if c != " " and chance.random() < 0.03 else c for c in key
                )
                noisy[bits] = noisy.get(bits, 0) + 1
        return noisy

    assert not list(failures(right, noise, kind=TargetKind.HARDWARE))
    assert list(failures(right, noise, kind=TargetKind.SIMULATOR))


def test_what_is_not_claimed_is_skipped() -> None:
    found = {item.name: item for item in checks(describe(features=[], qubits=1), quick=True)}
    skipped = {name for name, item in found.items() if item.skipped}
    assert skipped == {
        "registers",
        "partial",
        "entangled",
        "wide",
        "mid-circuit",
        "reset",
        "control",
        "delay",
    }
    assert all(item.skipped or item.probes for item in found.values())


def test_hardware_is_checked_at_each_position() -> None:
    target = describe(kind=TargetKind.HARDWARE, qubits=20, circuit_limits=CircuitLimits(qubits=20))
    flips = next(item for item in checks(target, quick=False) if item.name == "flips")
    assert len(flips.probes) == 20


def test_memory_must_be_there_and_agree() -> None:
    assert judge_memory(CircuitOutcome({"0": 1, "1": 2}, ["0", "1", "1"])) is None
    assert judge_memory(CircuitOutcome({"0": 3})) is not None
    assert judge_memory(CircuitOutcome({"0": 1, "1": 2}, ["0", "0", "0"])) is not None
