"""Superstaq's clients against the service, and the service as a client of such a one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cirq_writing
import pytest
from clients import python_with, walk
from commands import quws
from harness import Service, add_users, embedded, until
from qiskit.quantum_info import Operator

from quws.circuits.formats.cirq_writing import circuit_json

CLIENTS = ("cirq-superstaq==0.5.70", "qiskit-superstaq==0.5.70")
TARGETS = """
[simulator]
adapter = "simulator"
options = { qubits = 26, threads = 1 }

[qpu]
adapter = "emulator"
options = { device = "bluebell-5", noise = "none", speed = 1000, overhead = 0 }
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that speaks Superstaq's protocol, with a simulator and a device."""
    folder = tmp_path_factory.mktemp("there")
    (folder / "targets.toml").write_text(TARGETS)
    settings = {"QUWS_AUTH": "users", "QUWS_SLOTS": "1", "QUWS_SHORT_SLOTS": "0"}
    with embedded(folder, settings) as service:
        add_users(service, "ella", operator="root@lab")
        with service.client(auth=("ella", "ella-password")) as http:
            until(lambda: online(http) == ["online"] * 2, 60, "targets that are online")
        yield service


def online(http: Any) -> list[str]:
    found = http.get("/targets", headers={"Accept": "application/json"}).json()
    return [item["status"] for item in found if item["checked"]]


@pytest.fixture(scope="module")
def token(there: Service) -> str:
    """A token of ella."""
    return quws(there, "token", "create", "ella", "--label", "doors").split()[-1]


@pytest.mark.real_clients
@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
def test_cirq_superstaq(there: Service, token: str, version: str) -> None:
    old = version == "v0.2.0"
    python = python_with(*CLIENTS)
    told = walk(python, "superstaq_walk.py", version, "cirq", there.url, token)
    # The key 1 comes before b, and q(0) before q(10): bit 0 of each key first.
    first, second, third = told["counts"]
    assert first == {"010": 50}
    assert set(second) == {"00", "11"} and sum(second.values()) == 50
    assert third == {"0010": 50}
    assert told["all"] and told["inputs"] and told["one"]
    assert (told["status"], told["qubits"]) == ("Done" if old else "completed", [3, 2, 4])
    assert (told["repetitions"], told["target"]) == (50, "quws_simulator_simulator")
    assert told["sampled"] == {"1b": [[0, 1, 0]] * 3}
    if not old:
        assert (told["tags"], told["metadata"]) == (["a", "b"], {"run": 7})
    assert told["targets"] == ["quws_qpu_qpu", "quws_simulator_simulator"]
    assert told["simulators"] == ["quws_simulator_simulator"]
    assert (told["info"]["num_qubits"], told["info"]["native_gate_set"]) == (5, ["r", "cz"])
    assert (told["balance"], told["user"]) == ("0.00 credits", "ella@example.com")

    assert "Not authorized" in told["bad token"][1]
    assert "there is no job" in told["unknown"][1]
    assert "there is no target 'quws_nothing_qpu'" in told["no target"][1]
    assert "SHOTS must be at most" in told["too many"][1]
    assert "ZZSwapGate" in told["no gate"][1]
    assert "target simulator does not compile alone" in told["not compiled"][1]
    assert "there is no target 'aqt_keysight_qpu'" in told["not theirs"][1]

    assert told["compiled"] == {"B": [1], "a c": [1, 1]}
    assert told["gates"] == ["CZPowGate", "MeasurementGate", "PhasedXPowGate"]
    assert told["alone"] and told["final"]
    assert told["initial"] == ["q(0, 0)", "q(0, 1)", "q(0, 2)"]
    assert told["device"] == ["111", "01"]
    assert told["ran"] == [True, True]

    words = ["Running", "Queued", "Canceled"]
    if not old:
        words = ["running", "awaiting_compile", "cancelled"]
    assert [told["running"], told["waiting"]] == words[:2]
    assert told["cancelled"] == [words[2]] * 2
    if old:
        assert (told["one"], told["whole"]) == (["Queued", "Canceled"], "Queued")
        assert "Canceled" in told["no counts"][1]
    assert "ABORT needs a job that is not over" in told["again"][1]

    later = walk(python, "superstaq_walk.py", version, "again", there.url, token, told["id"])
    assert later == {"counts": told["counts"], "inputs": True}


@pytest.mark.real_clients
def test_cirq_reads_what_is_written_for_it(tmp_path: Path) -> None:
    """Each gate, its matrix and what is counted, by Cirq itself."""
    written = [
        {"text": circuit_json(circuit), "matrix": as_json(Operator(circuit))}
        for circuit in cirq_writing.gates()
    ]
    counted = [
        {"text": circuit_json(circuit, keys), "counts": counts}
        for circuit, keys, counts in cirq_writing.counted()
    ]
    file = tmp_path / "circuits.json"
    file.write_text(json.dumps({"written": written, "counted": counted}))
    told = walk(python_with(*CLIENTS), "cirq_reading.py", str(file))
    assert told == {"matrices": len(written), "counts": [item["counts"] for item in counted]}
    assert len(written) > 30


def as_json(operator: Operator) -> list[list[list[float]]]:
    """Write a matrix as Cirq has it, whose first qubit is the highest bit of an index."""
    matrix = operator.reverse_qargs().data
    return [[[item.real, item.imag] for item in row] for row in matrix.tolist()]
