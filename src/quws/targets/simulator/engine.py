"""What an engine is to the simulator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from quws.targets.simulator.noise import Errors
from quws.targets.simulator.router import Method
from quws.targets.simulator.tally import Measured, Writer
from quws.targets.simulator.traits import Traits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    from quws.domain.bases import Basis
    from quws.domain.paulis import Observable


@dataclass(frozen=True, slots=True)
class Order:
    """A circuit to run, and how."""

    circuit: QuantumCircuit
    traits: Traits
    method: Method
    shots: int
    seed: int
    """Up to 2^63-1; always given, since engines forked from one process would draw alike."""
    memory: bool
    errors: Errors | None
    threads: int
    bond_dimension: int

    @property
    def noisy(self) -> bool:
        """Whether something happens after gates."""
        return self.errors is not None and self.errors.on_gates

    @property
    def short_seed(self) -> int:
        """A seed for engines that take 31 bits: longer ones are hashed, so that all bits count."""
        if self.seed >> 31 == 0:
            return self.seed
        digest = blake2b(self.seed.to_bytes(8, "big"), digest_size=4).digest()
        return int.from_bytes(digest, "big") >> 1

    def writer(self) -> Writer:
        """Make what writes the bits of its registers."""
        return Writer(self.circuit)


class Engine(ABC):
    """A library that simulates circuits."""

    name: str
    exact: bool = False
    """Whether it computes expectation values."""

    @abstractmethod
    def installed(self) -> bool:
        """Whether the library is there, without loading it."""

    @abstractmethod
    def load(self) -> None:
        """Import the library. Must not start a thread."""

    @abstractmethod
    def takes(self, order: Order) -> bool:
        """Whether it can run this, from the traits of the circuit."""

    def prepare(self, order: Order) -> Any:
        """Translate the circuit.

        Raises
        ------
        quws.targets.simulator.program.Unsupported
            It has something that this engine cannot do after all.

        """
        return order.circuit

    def template(
        self,
        order: Order,  # noqa: ARG002
        parameters: Sequence[Parameter],  # noqa: ARG002
    ) -> Callable[[Sequence[float]], Any] | None:
        """Translate a circuit with parameters.

        Returns
        -------
        Callable or None
            Makes of values, one for each parameter, what ``prepare`` makes of the circuit that has
            them; raises ``Unsupported`` where they make an angle that no circuit may have. None
            where each circuit is to be translated by itself.

        Raises
        ------
        quws.targets.simulator.program.Unsupported

        """
        return None

    @abstractmethod
    def run(self, prepared: Any, order: Order) -> Measured:
        """Run what was prepared."""

    def expectations(
        self, prepared: Any, order: Order, observables: Sequence[Observable]
    ) -> tuple[list[float], str | None]:
        """Compute expectation values at the end of what was prepared.

        Returns
        -------
        list of float
            One for each observable.
        str or None
            Why they are not exact; None if they are.

        """
        raise NotImplementedError(f"{self.name} computes none")

    def in_bases(
        self,
        prepared: Any,  # noqa: ARG002
        orders: Sequence[Order],  # noqa: ARG002
        bases: Sequence[Basis],  # noqa: ARG002
    ) -> list[dict[str, int]] | None:
        """Sample the end of what was prepared in several bases, with an order for each.

        Returns
        -------
        list of dict or None
            How often each outcome was found in a basis, see ``Target.in_bases``. None where it
            cannot do so at once.

        """
        return None
