"""Exact probabilities of a circuit's outcomes, worked out without any engine.

One density matrix for each string of classical bits that can have been
measured so far; numpy only. Gates come as matrices, from formulas in this
file.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

I2 = np.eye(2, dtype=complex)
X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]], dtype=complex)
Z = np.diag([1, -1]).astype(complex)
PAULIS = (I2, X, Y, Z)


def _phase(angle: float) -> np.ndarray:
    return np.diag([1, cmath.exp(1j * angle)])


def _turn(pauli: np.ndarray, angle: float) -> np.ndarray:
    return (
        math.cos(angle / 2) * np.eye(len(pauli), dtype=complex) - 1j * math.sin(angle / 2) * pauli
    )


def _controlled(gate: np.ndarray) -> np.ndarray:
    """First operand is the control and the lower bit of the index."""
    whole = np.eye(4, dtype=complex)
    whole[np.ix_([1, 3], [1, 3])] = gate
    return whole


GATES: dict[str, Callable[..., np.ndarray]] = {
    "id": lambda: I2,
    "x": lambda: X,
    "y": lambda: Y,
    "z": lambda: Z,
    "h": lambda: (X + Z) / math.sqrt(2),
    "s": lambda: _phase(math.pi / 2),
    "sdg": lambda: _phase(-math.pi / 2),
    "t": lambda: _phase(math.pi / 4),
    "sx": lambda: cmath.exp(1j * math.pi / 4) * _turn(X, math.pi / 2),
    "rx": lambda a: _turn(X, a),
    "ry": lambda a: _turn(Y, a),
    "rz": lambda a: _turn(Z, a),
    "cx": lambda: _controlled(X),
    "cy": lambda: _controlled(Y),
    "cz": lambda: _controlled(Z),
    "cu1": lambda a: _controlled(_phase(a)),
    "swap": lambda: np.eye(4, dtype=complex)[[0, 2, 1, 3]],
    "rzz": lambda a: _turn(np.kron(Z, Z), a),
}


@dataclass
class Exact:
    """Follows a circuit gate by gate.

    ``after_gate`` gives the Kraus operators of the noise after a gate on so
    many qubits; ``flip`` the probabilities to read 1 for 0 and 0 for 1.
    """

    qubits: int
    clbits: int
    after_gate: Callable[[int], list[np.ndarray]] | None = None
    flip: tuple[float, float] = (0.0, 0.0)
    branches: dict[tuple[int, ...], np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        state = np.zeros((2**self.qubits, 2**self.qubits), dtype=complex)
        state[0, 0] = 1
        self.branches = {(0,) * self.clbits: state}

    def _widened(self, matrix: np.ndarray, on: Sequence[int]) -> np.ndarray:
        """Make a matrix on all qubits; bit k of its own index belongs to ``on[k]``."""
        size = 2**self.qubits
        whole = np.zeros((size, size), dtype=complex)
        mask = sum(1 << qubit for qubit in on)
        for column in range(size):
            inner = sum(((column >> qubit) & 1) << k for k, qubit in enumerate(on))
            rest = column & ~mask
            for row, value in enumerate(matrix[:, inner]):
                target = rest | sum(((row >> k) & 1) << qubit for k, qubit in enumerate(on))
                whole[target, column] += value
        return whole

    def gate(
        self,
        name: str,
        on: Sequence[int],
        *angles: float,
        when: Callable[[tuple[int, ...]], bool] = lambda _: True,
    ) -> None:
        """Apply a gate, and its noise, in the branches whose bits fulfil ``when``."""
        self.matrix(GATES[name](*angles), on, when=when)

    def matrix(
        self,
        matrix: np.ndarray,
        on: Sequence[int],
        *,
        when: Callable[[tuple[int, ...]], bool] = lambda _: True,
    ) -> None:
        """Apply a gate that is given by its matrix, bit k of whose index belongs to ``on[k]``."""
        whole = self._widened(matrix, on)
        noise = [] if self.after_gate is None else self.after_gate(len(on))
        kraus = [self._widened(operator, on) for operator in noise] or [
            np.eye(2**self.qubits, dtype=complex)
        ]
        for bits, state in self.branches.items():
            if when(bits):
                moved = whole @ state @ whole.conj().T
                self.branches[bits] = sum(k @ moved @ k.conj().T for k in kraus)

    def _project(self, qubit: int, value: int) -> np.ndarray:
        diagonal = [float(((index >> qubit) & 1) == value) for index in range(2**self.qubits)]
        return np.diag(diagonal).astype(complex)

    def measure(self, qubit: int, clbit: int) -> None:
        """Measure a qubit into a bit, which may be read wrong."""
        found: dict[tuple[int, ...], np.ndarray] = {}
        for bits, state in self.branches.items():
            for value in (0, 1):
                projector = self._project(qubit, value)
                part = projector @ state @ projector
                wrong = self.flip[value]
                for read, weight in ((value, 1 - wrong), (1 - value, wrong)):
                    key = (*bits[:clbit], read, *bits[clbit + 1 :])
                    if weight and np.trace(part).real > 1e-14:
                        found[key] = found.get(key, 0) + weight * part
        self.branches = found

    def reset(self, qubit: int) -> None:
        """Put a qubit to 0, whatever it was."""
        x = self._widened(X, [qubit])
        for bits, state in self.branches.items():
            zero, one = self._project(qubit, 0), self._project(qubit, 1)
            self.branches[bits] = zero @ state @ zero + x @ one @ state @ one @ x

    def probabilities(self, registers: Sequence[int]) -> dict[str, float]:
        """Tell how likely each bit string is; ``registers`` has their sizes."""
        found: dict[str, float] = {}
        for bits, state in self.branches.items():
            groups, start = [], 0
            for size in registers:
                groups.append("".join(str(bit) for bit in reversed(bits[start : start + size])))
                start += size
            key = " ".join(reversed(groups))
            found[key] = found.get(key, 0.0) + float(np.trace(state).real)
        return found

    def expectation(self, terms: Iterable[tuple[float, Mapping[int, str]]]) -> float:
        """Tell the expectation value of a sum of Paulis by qubit, whatever bits were measured."""
        state = sum(self.branches.values())
        value = 0.0
        for coefficient, paulis in terms:
            whole = np.eye(2**self.qubits, dtype=complex)
            for qubit, pauli in paulis.items():
                whole = whole @ self._widened(PAULIS["IXYZ".index(pauli)], [qubit])
            value += coefficient * float(np.trace(state @ whole).real)
        return value


def depolarizing(p: float, p2: float) -> Callable[[int], list[np.ndarray]]:
    """Kraus operators of Pauli errors, all as likely."""

    def kraus(width: int) -> list[np.ndarray]:
        chance, paulis = (p, list(PAULIS)) if width == 1 else (p2, [])
        if width == 2:
            paulis = [np.kron(second, first) for second in PAULIS for first in PAULIS]
        each = math.sqrt(chance / (len(paulis) - 1))
        return [math.sqrt(1 - chance) * paulis[0], *(each * item for item in paulis[1:])]

    return kraus


def relaxation(
    t1: float, t2: float, times: tuple[float, float]
) -> Callable[[int], list[np.ndarray]]:
    """Kraus operators of relaxation to 0 and of dephasing, on each qubit by itself."""

    def single(seconds: float) -> list[np.ndarray]:
        decay = 1 - math.exp(-seconds / t1)
        # What dephasing has to add to the decay of the off-diagonal by relaxation.
        left = math.exp(-seconds / t2) / math.exp(-seconds / (2 * t1))
        flip = (1 - left) / 2
        damping = [
            np.array([[1, 0], [0, math.sqrt(1 - decay)]], dtype=complex),
            np.array([[0, math.sqrt(decay)], [0, 0]], dtype=complex),
        ]
        phases = [math.sqrt(1 - flip) * I2, math.sqrt(flip) * Z]
        return [phase @ part for phase in phases for part in damping]

    def kraus(width: int) -> list[np.ndarray]:
        one = single(times[width - 1])
        if width == 1:
            return one
        return [np.kron(second, first) for second in one for first in one]

    return kraus


def chi_square(counts: dict[str, int], expected: dict[str, float], shots: int) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom; rare outcomes are taken together.

    An outcome that cannot be makes it infinite.
    """
    if any(expected.get(key, 0.0) < 1e-9 for key in counts):
        return math.inf, 1
    statistic, bins, rest_seen, rest_expected = 0.0, 0, 0, 0.0
    for key, probability in expected.items():
        wanted = probability * shots
        if wanted < 5:
            rest_seen += counts.get(key, 0)
            rest_expected += wanted
            continue
        statistic += (counts.get(key, 0) - wanted) ** 2 / wanted
        bins += 1
    if rest_expected >= 1:
        statistic += (rest_seen - rest_expected) ** 2 / rest_expected
        bins += 1
    return statistic, max(1, bins - 1)
