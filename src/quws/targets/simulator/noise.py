"""Noise as the engines take it: Pauli errors and flipped bits for all, channels for Aer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Any

from quws.domain.errors import InvalidParameter
from quws.domain.noise import Device, Noise, Thermal
from quws.domain.words import counted

if TYPE_CHECKING:
    import numpy as np
    from qiskit_aer.noise import NoiseModel

    from quws.domain.targets import Calibration
    from quws.targets.simulator.tally import Rows

ONE_QUBIT = tuple("id x y z h s sdg sx sxdg t tdg rx ry rz p u1 u2 u3 u r".split())  # noqa: SIM905
TWO_QUBITS = tuple(
    "cx cy cz cp crx cry crz cu cu1 cu3 csx swap ecr rxx ryy rzz rzx".split()  # noqa: SIM905
)
"""The gates that noise acts after; others are written out to these first."""


class Errors:
    """The errors that NOISE asks for."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    @classmethod
    def of(cls, options_noise: Noise | Mapping[str, Any] | None) -> Errors | None:
        """Read what ``RunOptions.noise`` holds."""
        return None if options_noise is None else cls(Noise.model_validate(options_noise))

    @property
    def on_gates(self) -> bool:
        """Whether anything but measured bits is concerned."""
        return self.noise.on_gates

    @property
    def pauli(self) -> bool:
        """Whether a circuit of Clifford gates stays one that stabilizers describe."""
        return self.noise.pauli

    def check(self, qubits: int) -> None:
        """Refuse a device that is unknown or too small.

        Raises
        ------
        InvalidParameter

        """
        device = self.noise.device
        if device is None:
            return
        if device.calibration is None:
            raise InvalidParameter(
                f"NOISE names the device '{device.name}', of which no calibration is known here",
                parameter="NOISE",
            )
        most = 1 + max((item.qubit for item in device.calibration.qubits), default=-1)
        if qubits > most:
            raise InvalidParameter(
                f"NOISE names the device '{device.name}', which has {counted(most, 'qubit')};"
                f" the circuit has {qubits}",
                parameter="NOISE",
            )

    # -- measured bits -----------------------------------------------------------

    def readout(self, qubit: int) -> tuple[float, float]:
        """Return the probabilities to read 1 for 0, and 0 for 1, on one qubit."""
        wrong = [(0.0, 0.0)]
        if self.noise.readout is not None:
            wrong.append(self.noise.readout.pair)
        if self.noise.device is not None:
            wrong.append((self._device.readout(qubit),) * 2)
        up = down = 0.0
        for more_up, more_down in wrong:
            up, down = (
                up * (1 - more_down) + (1 - up) * more_up,
                down * (1 - more_up) + (1 - down) * more_down,
            )
        return up, down

    def reads_wrong(self, qubits: int) -> bool:
        """Whether a measured bit can be wrong."""
        return any(any(self.readout(qubit)) for qubit in range(qubits))

    def flip(self, rows: Rows, measured: Mapping[int, int], random: np.random.Generator) -> Rows:
        """Make the bits wrong that are read wrong; ``measured`` has the qubit of each bit."""
        # Here, since service processes read noise models too and do without numpy.
        import numpy as np  # noqa: PLC0415

        for clbit in sorted(measured):
            up, down = self.readout(measured[clbit])
            if up or down:
                column = rows[:, clbit]
                rows[:, clbit] ^= random.random(len(rows)) < np.where(column, down, up)
        return rows

    # -- gates, as Pauli errors ----------------------------------------------------

    def paulis(self, qubits: Sequence[int]) -> Iterator[tuple[str, float]]:
        """Give stim's errors after a gate on these qubits."""
        noise = self.noise
        if noise.depolarizing is not None:
            p = noise.depolarizing.p
            if len(qubits) == 2 and noise.depolarizing.p2 is not None:
                p = noise.depolarizing.p2
            yield f"DEPOLARIZE{len(qubits)}", p
        if noise.bit_flip is not None:
            yield "X_ERROR", noise.bit_flip.p
        if noise.phase_flip is not None:
            yield "Z_ERROR", noise.phase_flip.p

    # -- gates, as channels ---------------------------------------------------------

    def model(self, qubits: int, *, readout: bool) -> NoiseModel:
        """Make Aer's model, for gates by the names of ``ONE_QUBIT`` and ``TWO_QUBITS``."""
        from qiskit_aer.noise import NoiseModel, ReadoutError  # noqa: PLC0415

        model = NoiseModel(basis_gates=[*ONE_QUBIT, *TWO_QUBITS])
        if self.noise.device is not None:
            self._add_device(model, qubits)
        else:
            for names, width in ((ONE_QUBIT, 1), (TWO_QUBITS, 2)):
                error = self._everywhere(width)
                if error is not None:
                    model.add_all_qubit_quantum_error(error, list(names))
        for qubit in range(qubits if readout else 0):
            up, down = self.readout(qubit)
            if up or down:
                model.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [qubit])
        return model

    def waiting(self, qubit: int, seconds: float) -> Any | None:
        """Give the error of a qubit that waits; None where nothing happens to it."""
        times = self._times(qubit)
        if times is None or seconds <= 0:
            return None
        return _relaxation(*times, seconds)

    def _times(self, qubit: int) -> tuple[float, float] | None:
        if self.noise.thermal is not None:
            return self.noise.thermal.t1, self.noise.thermal.t2
        return None if self.noise.device is None else self._device.times(qubit)

    def _everywhere(self, width: int) -> Any | None:
        """Join the errors that do not depend on the qubit."""
        from qiskit_aer.noise import depolarizing_error, pauli_error  # noqa: PLC0415

        noise = self.noise
        errors = []
        if noise.depolarizing is not None:
            p = noise.depolarizing.p
            if width == 2 and noise.depolarizing.p2 is not None:
                p = noise.depolarizing.p2
            paulis = 4**width
            # Aer counts the identity among the errors.
            errors.append(depolarizing_error(p * paulis / (paulis - 1), width))
        for letter, flip in (("X", noise.bit_flip), ("Z", noise.phase_flip)):
            if flip is not None:
                errors.append(_each(pauli_error([(letter, flip.p), ("I", 1 - flip.p)]), width))
        if noise.thermal is not None:
            errors.append(_each(_of_thermal(noise.thermal, width), width))
        return _joined(errors)

    def _add_device(self, model: NoiseModel, qubits: int) -> None:
        for first in range(qubits):
            error = _joined([self._device.error((first,)), self._everywhere(1)])
            if error is not None:
                model.add_quantum_error(error, list(ONE_QUBIT), [first])
            for second in range(qubits):
                if second != first:
                    error = _joined([self._device.error((first, second)), self._everywhere(2)])
                    if error is not None:
                        model.add_quantum_error(error, list(TWO_QUBITS), [first, second])

    @cached_property
    def _device(self) -> _Device:
        assert self.noise.device is not None
        return _Device(self.noise.device)


class _Device:
    """What a calibration says of gates on any qubits.

    A device has gates on some pairs of qubits only. The simulator joins all,
    so that others get the mean of those that there are.
    """

    def __init__(self, device: Device) -> None:
        assert device.calibration is not None
        calibration: Calibration = device.calibration
        self._qubits = {item.qubit: item for item in calibration.qubits}
        self._gates: dict[tuple[int, ...], list[tuple[float, float | None]]] = {}
        for gate in calibration.gates:
            # Gates without an error are done by the clock of the electronics, or not calibrated.
            if gate.error and len(gate.qubits) in (1, 2) and gate.gate not in ("measure", "reset"):
                key = tuple(sorted(gate.qubits))
                self._gates.setdefault(key, []).append((min(gate.error, 1.0), gate.duration))
        self._means = {width: self._mean(width) for width in (1, 2)}
        self._made: dict[tuple[int, ...], Any] = {}

    def readout(self, qubit: int) -> float:
        item = self._qubits.get(qubit)
        return 0.0 if item is None else min(item.readout_error or 0.0, 1.0)

    def times(self, qubit: int) -> tuple[float, float] | None:
        item = self._qubits.get(qubit)
        if item is None or not item.t1 or not item.t2:
            return None
        return item.t1, min(item.t2, 2 * item.t1)

    def error(self, qubits: tuple[int, ...]) -> Any | None:
        """Give the channel of a gate: relaxation while it lasts, the rest depolarizing."""
        key = tuple(sorted(qubits))
        if key not in self._made:
            self._made[key] = self._error(key)
        return self._made[key]

    def _error(self, qubits: tuple[int, ...]) -> Any | None:
        from qiskit_aer.noise import depolarizing_error  # noqa: PLC0415

        known = self._gates.get(qubits)
        infidelity, duration = _mean(known) if known else self._means[len(qubits)]
        times = [self.times(qubit) for qubit in qubits]
        relaxation = None
        left = infidelity
        dimension = 2 ** len(qubits)
        if duration and all(times):
            parts = [_relaxation(*item, duration) for item in times if item is not None]
            relaxation = parts[0]
            for part in parts[1:]:
                relaxation = relaxation.expand(part)
            # The fidelity of relaxation alone; of the process first, then its mean over states.
            process = math.prod(
                (1 + math.exp(-duration / t1) + 2 * math.exp(-duration / t2)) / 4
                for t1, t2 in (item for item in times if item is not None)
            )
            fidelity = (dimension * process + 1) / (dimension + 1)
            left = max(0.0, (infidelity - (1 - fidelity)) * dimension / (dimension * fidelity - 1))
        else:
            left = infidelity * dimension / (dimension - 1)
        most = dimension**2 / (dimension**2 - 1)
        depolarizing = depolarizing_error(min(left, most), len(qubits)) if left > 0 else None
        return _joined([depolarizing, relaxation])

    def _mean(self, width: int) -> tuple[float, float | None]:
        found = [item for key, items in self._gates.items() if len(key) == width for item in items]
        return _mean(found) if found else (0.0, None)


def _mean(items: Sequence[tuple[float, float | None]]) -> tuple[float, float | None]:
    durations = [duration for _, duration in items if duration is not None]
    return fmean(error for error, _ in items), fmean(durations) if durations else None


def _of_thermal(thermal: Thermal, width: int) -> Any:
    return _relaxation(thermal.t1, thermal.t2, thermal.time if width == 1 else thermal.time2)


def _relaxation(t1: float, t2: float, seconds: float) -> Any:
    from qiskit_aer.noise import thermal_relaxation_error  # noqa: PLC0415

    return thermal_relaxation_error(t1, t2, seconds)


def _each(error: Any, width: int) -> Any:
    return error if width == 1 else error.expand(error)


def _joined(errors: Sequence[Any]) -> Any | None:
    whole = None
    for error in errors:
        if error is not None:
            whole = error if whole is None else whole.compose(error)
    return whole
