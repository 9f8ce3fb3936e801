"""Devices of IBM's as their service tells them, what they are sent and what they give."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3, qpy

from quws.domain.options import RunOptions
from quws.domain.targets import Feature, TargetStatus
from quws.targets.qrmi.ibm import IbmDevice, IbmKind

OPTIONS = RunOptions(shots=7)
KEY = "0199a5c2-7a00-7000-8000-0123456789ab"
CONFIGURATION = {
    "backend_name": "lab",
    "n_qubits": 3,
    "basis_gates": ["cz", "rz", "sx", "x", "nonsense"],
    "supported_instructions": ["measure", "reset", "delay", "if_else"],
    "gates": [{"name": "cz", "parameters": [], "coupling_map": [[0, 1], [1, 0], [1, 2], [2, 1]]}],
    "coupling_map": [[0, 1], [1, 0], [1, 2], [2, 1]],
    "max_shots": 5000,
    "max_experiments": 30,
    "dt": 0.5,
}


def number(name: str, value: float, unit: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "date": "2027-01-04T00:00:00Z"}


PROPERTIES = {
    "last_update_date": "2027-01-04T00:00:00Z",
    "qubits": [
        [
            number("T1", 100, "us"),
            number("frequency", 4.5, "GHz"),
            number("readout_error", 0.02),
            number("readout_length", 800, "ns"),
        ]
    ]
    * 3,
    "gates": [
        {
            "gate": "cz",
            "qubits": [0, 1],
            "parameters": [number("gate_error", 0.01), number("gate_length", 80, "ns")],
        }
    ],
}


def device(known: Any = PROPERTIES, **more: Any) -> IbmDevice:
    configuration = CONFIGURATION | more
    found = IbmKind.device(json.dumps({"configuration": configuration, "properties": known}), 1)
    assert isinstance(found, IbmDevice)
    return found


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
    made.h(0)
    made.cx(0, 1)
    made.measure([0, 1], [0, 2])
    return made


def test_a_device_with_its_calibration() -> None:
    told = device().describe("lab", "Lab")
    assert (told.qubits, told.coupling) == (3, [(0, 1), (1, 2)])
    assert told.native_gates == ["cz", "rz", "sx", "x"]
    assert (told.max_shots, told.max_circuits) == (5000, 30)
    assert {Feature.MEMORY, Feature.RESET, Feature.DELAY, Feature.CONTROL_FLOW} <= set(
        told.features
    )
    calibration = device().calibration
    assert calibration is not None and calibration.time.year == 2027
    qubit = calibration.qubits[2]
    assert (qubit.t1, qubit.frequency) == pytest.approx((1e-4, 4.5e9))
    assert (qubit.readout_error, qubit.readout_duration) == pytest.approx((0.02, 8e-7))
    gate = next(item for item in calibration.gates if item.qubits == (0, 1))
    assert (gate.error, gate.duration) == pytest.approx((0.01, 8e-8))


def test_a_device_that_tells_no_properties() -> None:
    found = device(None)
    assert found.calibration is None
    assert found.compile(circuit(), OPTIONS).fidelity is None


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no device of this name"):
        IbmKind.device('{"configuration": null, "properties": null}', 1)


def test_circuits_are_sent_as_qpy_with_their_shots() -> None:
    lab = device()
    payload = lab.payload([lab.compile(circuit(), OPTIONS)] * 2, OPTIONS, KEY)
    assert payload.name == "QiskitPrimitive"
    assert payload.arguments["program_id"] == "sampler"
    content = json.loads(payload.arguments["input"])
    assert (content["version"], content["support_qiskit"], len(content["pubs"])) == (2, True, 2)
    sent, values, shots = content["pubs"][0]
    assert shots == 7
    raw = zlib.decompress(base64.b64decode(values["__value__"]))
    assert np.load(io.BytesIO(raw)).shape == (0,)
    (read,) = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(sent["__value__"]))))
    assert read.num_qubits == 3
    # Under this name the submission is found again.
    assert read.name == f"quws-{KEY}"
    assert [item.name for item in read.cregs] == ["a", "b"]
    assert {item.operation.name for item in read.data} <= {"cz", "rz", "sx", "x", "measure"}


def test_delays_keep_their_unit_though_qpy_forgets_it() -> None:
    made = QuantumCircuit(1, 1)
    made.delay(2.5, 0, unit="ms")
    made.measure(0, 0)
    lab, timeless = device(), device(dt=None)
    payload = timeless.payload([timeless.compile(made, OPTIONS)], OPTIONS, KEY)
    text = json.loads(payload.arguments["input"])["pubs"][0][0]
    assert "delay[0.0025s]" in text
    assert text.splitlines()[1] == f"// quws-{KEY}" and qasm3.loads(text).num_clbits == 1
    payload = lab.payload([lab.compile(made, OPTIONS)], OPTIONS, KEY)
    sent = json.loads(payload.arguments["input"])["pubs"][0][0]["__value__"]
    (read,) = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(sent))))
    delay = read.data[0].operation
    assert (delay.duration, delay.unit) == (5_000_000, "dt")


def tagged(kind: str, value: Any) -> dict[str, Any]:
    return {"__type__": kind, "__value__": value}


def bits(*rows: list[int], width: int) -> dict[str, Any]:
    file = io.BytesIO()
    np.save(file, np.array(rows, dtype=np.uint8))
    packed = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return tagged("BitArray", {"array": tagged("ndarray", packed), "num_bits": width})


def result(**fields: Any) -> str:
    data = tagged("DataBin", {"field_names": list(fields), "shape": [], "fields": fields})
    pub = tagged("SamplerPubResult", {"data": data, "metadata": {}})
    return json.dumps(tagged("PrimitiveResult", {"pub_results": [pub], "metadata": {}}))


def test_what_comes_back_has_the_registers_of_the_circuit() -> None:
    # Of ten bits the first two stand in a byte of their own.
    text = result(a=bits([1], [0], width=1), b=bits([2, 5], [0, 255], width=10))
    ((counts, memory),) = IbmKind.outcomes(text, memory=True)
    assert memory == ["1000000101 1", "0011111111 0"]
    assert counts == {"1000000101 1": 1, "0011111111 0": 1}
    ((counts, memory),) = IbmKind.outcomes(text, memory=False)
    assert memory is None and sum(counts.values()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no PrimitiveResult"),
        (result(), "no register"),
        (result(a=tagged("float", 1)), "no BitArray"),
    ],
)
def test_results_of_another_shape(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        IbmKind.outcomes(text, memory=True)


def test_whether_it_takes_work() -> None:
    assert IbmKind.state({"status": "online"}).status is TargetStatus.ONLINE
    found = IbmKind.state({"status": "ResourceStatusCode.Offline", "status_reason": "warm"})
    assert (found.status, found.message) == (TargetStatus.OFFLINE, "warm")
    assert IbmKind.state({"status": "paused"}).status is TargetStatus.MAINTENANCE
