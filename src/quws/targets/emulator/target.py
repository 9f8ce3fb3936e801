"""The target: compiles to the device, runs with its noise, and takes as long as it would."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.targets import (
    MOST_CIRCUITS,
    Calibration,
    Feature,
    TargetDescription,
    TargetKind,
    TargetState,
)
from quws.domain.words import counted
from quws.targets.base import (
    COMPUTED,
    CircuitResult,
    Compiled,
    Estimate,
    Misread,
    NotLoaded,
    Progress,
    Target,
)
from quws.targets.compiling import Compiler, check_level
from quws.targets.emulator.device import Device
from quws.targets.emulator.drift import calibrated, instant
from quws.targets.emulator.schedule import Schedule
from quws.targets.emulator.sources import find_device, is_own
from quws.targets.expected import Errors
from quws.targets.seeds import short

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_DENSITY_QUBITS = 10
"""Up to here the whole noise is computed at once, in a matrix of 4^n entries."""
_STATE_QUBITS = 18
"""Up to here each shot is a state vector; wider ones are matrix product states."""
_BOND = 128
_NAP_SECONDS = 0.25
_QUBIT_LIMIT = 64
NOISE = ("calibration", "none")


class Emulator(Target):
    """Behaves like a quantum computer: native gates, coupling, noise, calibrations, clock.

    Parameters
    ----------
    device
        One of those that come with quws, or where another is found (see ``sources``).
    seed
        Decides how the calibrations of the device wander.
    drift
        How much they wander: 1 for what is usual, 0 for not at all.
    noise
        ``calibration`` for that of the present calibration, ``none`` for none.
    schedule
        When the device is away or calibrates itself (see ``schedule``).
    overhead
        Seconds that each circuit takes besides its shots.
    repetition_delay
        Seconds from the end of one shot to the start of the next; by default the device's.
    speed
        How much faster than the device's the clock goes.
    optimization
        How hard the compiler tries, 0 to 3, where a job does not say.

    """

    network = False
    processes = False
    reusable = True

    def __init__(
        self,
        name: str,
        *,
        device: str = "bluebell-5",
        seed: int = 0,
        drift: float = 1.0,
        noise: str = "calibration",
        schedule: list[dict[str, Any]] | None = None,
        overhead: float = 0.1,
        repetition_delay: float | None = None,
        speed: float = 1.0,
        optimization: int = 1,
    ) -> None:
        super().__init__(name)
        if noise not in NOISE:
            raise ValueError(f"noise is one of {', '.join(NOISE)}, not '{noise}'")
        if speed <= 0 or overhead < 0 or drift < 0:
            raise ValueError("speed must be above 0, overhead and drift not below")
        check_level(optimization)
        self._source = device
        self._seed = seed
        self._drift = drift
        self._noisy = noise == "calibration"
        self._schedule = Schedule(schedule or [])
        self._overhead = overhead
        self._repetition = repetition_delay
        self._speed = speed
        self._optimization = optimization
        self.clock: Callable[[], float] = time.time
        self._device: Device | None = find_device(device, seed) if is_own(device) else None
        self._calibrations: dict[int, Calibration] = {}
        self._compiler: Compiler | None = None
        self._errors: dict[str, Errors] = {}

    @property
    def device(self) -> Device:
        """What is imitated.

        Raises
        ------
        NotLoaded

        """
        if self._device is None:
            raise NotLoaded(f"the device {self._source} is not loaded")
        return self._device

    @override
    def describe(self) -> TargetDescription:
        device = self.device
        return TargetDescription(
            name=self.name,
            kind=TargetKind.EMULATOR,
            title=f"Emulator of {device.title}",
            qubits=len(device.qubits),
            job_kinds=list(JobKind),
            native_gates=device.native_gates,
            coupling=device.coupling,
            time_unit=device.dt,
            features=[*COMPUTED, Feature.COMPILING, Feature.MITIGATION],
            circuit_limits=CircuitLimits(
                qubits=min(len(device.qubits), _QUBIT_LIMIT), operations=1_000_000
            ),
            max_shots=100_000,
            max_circuits=MOST_CIRCUITS,
            exclusive=True,
        )

    # -- loading ----------------------------------------------------------------------

    @override
    def load(self) -> None:
        import qiskit_aer  # noqa: F401, PLC0415

        from quws.circuits import shape  # noqa: F401, PLC0415
        from quws.targets.emulator import model  # noqa: PLC0415

        self._device = find_device(self._source, self._seed)
        everywhere = range(len(self._device.qubits))
        self._compiler = Compiler(
            model.target_of(self._device, self._nominal(), everywhere),
            self._optimization,
            seed=self._seed,
        )

    @override
    def warm(self) -> None:
        from qiskit import QuantumCircuit  # noqa: PLC0415

        circuit = QuantumCircuit(1, 1)
        circuit.x(0)
        circuit.measure(0, 0)
        self._simulate(self.compile(circuit, RunOptions(shots=1)).circuit, RunOptions(shots=1))

    # -- its state -----------------------------------------------------------------------

    @override
    def state(self) -> TargetState:
        return self._schedule.state(self._now())

    @override
    def calibration(self) -> Calibration:
        number, since = self._schedule.calibration(self._now())
        if number not in self._calibrations:
            self._calibrations = {
                number: calibrated(self.device, self._seed, number, instant(since), self._drift)
            }
        return self._calibrations[number]

    @override
    def readout_errors(self, options: RunOptions) -> Mapping[int, Misread]:
        found = super().readout_errors(options)
        return found if self._noisy else dict.fromkeys(found, Misread(0.0, 0.0))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _nominal(self) -> Calibration:
        device = self.device
        return Calibration(id="", time=instant(0), qubits=device.qubits, gates=device.gates)

    # -- before a run -----------------------------------------------------------------------

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        # Compiling may bring in more qubits than the circuit has, to carry states over.
        return 2 << 30

    @override
    def check(self, facts: CircuitFacts, options: RunOptions) -> None:
        if options.noise is not None:
            raise InvalidParameter(
                f"NOISE cannot be chosen on target {self.name}, which has that of its device",
                parameter="NOISE",
            )
        if options.method not in (None, "auto"):
            raise InvalidParameter(
                f"METHOD cannot be chosen on target {self.name}", parameter="METHOD"
            )

    @override
    def estimate(self, facts: CircuitFacts, options: RunOptions) -> Estimate | None:
        device = self.device
        gates = [item.duration or 0.0 for item in device.gates]
        readout = sum(item.readout_duration or 0.0 for item in device.qubits) / len(device.qubits)
        # A layer may need swaps, which are three gates each.
        low = facts.delay_seconds + readout
        likely = low + facts.depth * sum(gates) / len(gates)
        high = low + facts.depth * 4 * max(gates)
        shots = options.shots
        return Estimate(*(self._run_seconds(shots, shot) for shot in (likely, low, high)))

    def _run_seconds(self, shots: int, shot: float) -> float:
        pause = self.device.repetition_delay if self._repetition is None else self._repetition
        return (self._overhead + shots * (shot + pause)) / self._speed

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        assert self._compiler is not None
        compiled = self._compiler.compile(circuit, options)
        made = compiled.circuit
        shot = self.device.timing.shot(made)
        seconds = self._run_seconds(options.shots, shot)
        joining = counted(made.num_nonlocal_gates(), "gate that joins", "gates that join")
        how = "run as it is on" if options.verbatim else "compiled for"
        return dataclasses.replace(
            compiled,
            shot_seconds=shot,
            fidelity=self._expected_errors().fidelity(made) if self._noisy else 1.0,
            notes=[
                f"{how} {self.device.name}: depth {made.depth()},"
                f" {joining} qubits; a shot takes {_readable(shot)},"
                f" all {options.shots} of them {_readable(seconds)}"
            ],
        )

    def _expected_errors(self) -> Errors:
        calibration = self.calibration()
        if calibration.id not in self._errors:
            self._errors = {calibration.id: Errors(calibration.qubits, calibration.gates)}
        return self._errors[calibration.id]

    # -- the run ------------------------------------------------------------------------------

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        started = time.monotonic()
        seconds = self._run_seconds(options.shots, self.device.timing.shot(compiled.circuit))
        counts, memory, engine, approximate = self._simulate(compiled.circuit, options)
        notes = []
        simulated = time.monotonic() - started
        if simulated > seconds:
            notes.append(
                f"simulating the device took {_readable(simulated)}, where it would have taken"
                f" {_readable(seconds)}"
            )
        while (left := started + seconds - time.monotonic()) > 0:
            part = 1 - left / seconds
            progress(part, f"on the device: shot {int(part * options.shots)} of {options.shots}")
            time.sleep(min(left, _NAP_SECONDS))
        return CircuitResult(
            counts=counts,
            memory=memory if options.memory else None,
            engine=engine,
            seconds=time.monotonic() - started,
            approximate=approximate,
            notes=notes,
        )

    def _simulate(
        self, circuit: QuantumCircuit, options: RunOptions
    ) -> tuple[dict[str, int], list[str], str, str | None]:
        from qiskit_aer import AerSimulator  # noqa: PLC0415

        from quws.circuits import shape  # noqa: PLC0415
        from quws.targets.emulator import model  # noqa: PLC0415

        calibration = self.calibration() if self._noisy else None
        places = shape.used_qubits(circuit)

        def idle(qubit: int, delay: Any) -> Any:
            if calibration is None:
                return None
            return model.relaxation(calibration, qubit, self.device.timing.delay(delay))

        narrow = shape.narrowed(circuit, places, idle)
        width, approximate = len(places), None
        if calibration is not None and width <= _DENSITY_QUBITS:
            method = "density_matrix"
        elif width <= _STATE_QUBITS:
            method = "statevector"
        else:
            method = "matrix_product_state"
            approximate = (
                f"{width} qubits were simulated as a matrix product state with bonds of at most"
                f" {_BOND}"
            )
        noise = None
        if calibration is not None:
            noise = model.noise_of(model.target_of(self.device, calibration, places))
        result = (
            AerSimulator(
                method=method,
                noise_model=noise,
                # One thread: which of them is first would decide over the random numbers.
                max_parallel_threads=1,
                matrix_product_state_max_bond_dimension=_BOND,
            )
            .run(
                narrow,
                shots=options.shots,
                memory=True,
                seed_simulator=None if options.seed is None else short(options.seed),
            )
            .result()
        )
        if not result.success:
            if "memory" in str(result.status).lower():
                raise MemoryError
            raise InvalidCircuit(f"the device cannot be simulated: {result.status}")
        memory = list(result.get_memory())
        counts = {key: int(value) for key, value in result.get_counts().items()}
        return counts, memory, f"{self.device.name} (aer/{method})", approximate


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
