"""Walks through a service with qiskit-ibm-runtime. Runs in an environment that has it.

    python ibm_walk.py PART[,PART…] URL TOKEN [JOB]

It prints one JSON object: what the client was told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")
SIMULATOR, DEVICE = "simulator", "bluebell"
BASE = "/ibm/experimental/api/v1"
INSTANCE = "crn:v1:any:public:quantum-computing:local:a/me:00000000-0000-4000-8000-000000000000::"
CHANNEL = "ibm_quantum_platform"


def settings(url: str, token: str) -> None:
    """Set what a program needs that is not changed."""
    os.environ |= {
        "IAM_URL": url + BASE,
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
        "QISKIT_IBM_URL": url + BASE,
        "QISKIT_IBM_TOKEN": token,
        "QISKIT_IBM_INSTANCE": INSTANCE,
    }


def connect(url: str, token: str) -> Any:
    from qiskit_ibm_runtime import QiskitRuntimeService

    settings(url, token)
    return QiskitRuntimeService()


def refused(ask: Callable[[], Any]) -> list[str]:
    """Return which exception something raises, and what it says."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - what it is, is what is asked
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


def names(service: Any) -> list[str]:
    return sorted(backend.name for backend in service.backends())


def sampler(mode: Any, **options: Any) -> Any:
    from qiskit_ibm_runtime import SamplerV2

    return SamplerV2(mode, options=options or None)


def estimator(mode: Any, **options: Any) -> Any:
    from qiskit_ibm_runtime import EstimatorV2

    return EstimatorV2(mode, options=options or None)


def bell() -> Any:
    from qiskit import QuantumCircuit

    made = QuantumCircuit(2)
    made.h(0)
    made.cx(0, 1)
    made.measure_all()
    return made


def endless() -> Any:
    """Keeps the simulator busy for minutes."""
    from qiskit import QuantumCircuit

    made = QuantumCircuit(22)
    for layer in range(300):
        for qubit in range(22):
            made.rx(0.3 + layer, qubit)
            made.rz(0.1, qubit)
        for qubit in range(layer % 2, 21, 2):
            made.cz(qubit, qubit + 1)
    made.measure_all()
    return made


# -- the parts -------------------------------------------------------------------------------


def modes(url: str, token: str) -> dict[str, Any]:
    """The ways to say where the service is."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    told = {"A": names(connect(url, token))}
    for name in ("URL", "TOKEN", "INSTANCE"):
        del os.environ[f"QISKIT_IBM_{name}"]
    base = url + BASE
    by_name = {"channel": CHANNEL, "token": token, "url": base}
    told["B"] = names(QiskitRuntimeService(**by_name, instance=INSTANCE))
    begin = time.monotonic()
    wrong = QiskitRuntimeService(**by_name | {"token": "wrong"}, instance=INSTANCE)
    told["bad token"] = [names(wrong), *refused(wrong.jobs), time.monotonic() - begin]
    del os.environ["QISKIT_FUNCTIONS_EXPERIMENTAL"]
    os.environ |= {"GLOBAL_SEARCH_URL": base, "GLOBAL_CATALOG_URL": base}
    for key, more in (("C", {}), ("C by name", {"instance": "quws"})):
        told[key] = names(QiskitRuntimeService(**by_name, **more))
    return told


def backends(url: str, token: str) -> dict[str, Any]:
    """What is known of backends, and what circuits are compiled to for them."""
    from qiskit import QuantumCircuit, transpile

    service = connect(url, token)
    device, simulator = service.backend(DEVICE), service.backend(SIMULATOR)
    made = QuantumCircuit(3)
    made.h(0)
    made.rzz(0.3, 0, 1)
    made.cx(1, 2)
    made.measure_all()
    ours = transpile(made, device, optimization_level=1, seed_transpiler=1)
    properties = device.properties()
    return {
        "device": [device.num_qubits, device.simulator, sorted(device.basis_gates)],
        "pairs": device.coupling_map.size(),
        "simulator": [simulator.simulator, simulator.properties() is None],
        "compiled": sorted(ours.count_ops()),
        "wide": [ours.num_qubits, transpile(made, simulator).num_qubits],
        "t1": properties.t1(0),
        "errors": [properties.readout_error(0), properties.gate_error("cz", [0, 2])],
        "dated": device.properties(datetime=properties.last_update_date) is not None,
        "status": [device.status().operational, device.status().status_msg],
        "least busy": service.least_busy(simulator=False, operational=True).name,
        "unknown": refused(lambda: service.backend("none")),
        "usage": service.usage(),
        "fractional": sorted(service.backend(DEVICE, use_fractional_gates=None).basis_gates),
    }


def sampled(url: str, token: str) -> dict[str, Any]:
    """Several PUBs with registers, sweeps and shots of their own."""
    import numpy
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
    from qiskit.circuit import Parameter

    service = connect(url, token)
    backend = service.backend(SIMULATOR)
    two = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))
    two.x(0)
    two.x(2)
    two.measure([0, 1, 2], [0, 1, 2])
    two.metadata = {"experiment": "two", "z": 1j, "angles": numpy.array([0.5])}
    sweep = QuantumCircuit(1)
    sweep.ry(Parameter("t"), 0)
    sweep.measure_all()
    angles = numpy.linspace(0, numpy.pi, 6).reshape(3, 2)
    job = sampler(backend, default_shots=500, simulator={"seed_simulator": 7}).run(
        [(bell(),), (two, None, 10), (sweep, angles, 2000)]
    )
    first, second, third = job.result()
    ones = third.data.meas.bitcount() / 1  # of each shot
    (span,) = job.result().metadata["execution"]["execution_spans"]
    return {
        "bell": first.data.meas.get_counts(),
        "a": second.data.a.get_counts(),
        "b": second.data.b.get_bitstrings(),
        "shape": list(third.data.shape),
        "ones": ones.mean(axis=-1).ravel().tolist(),
        "exact": (numpy.sin(angles / 2) ** 2).ravel().tolist(),
        "session": job.session_id,
        "metadata": [item.metadata for item in (first, third)],
        "of two": repr(second.metadata["circuit_metadata"]),
        "spans": [span.start < span.stop, span.pub_idxs, span.size, bool(span.mask(2).all())],
        "same inputs": [len(job.inputs["pubs"]), job.inputs["pubs"][2][0] == sweep],
        "again": again(url, token, job.job_id()),
    }


def estimated(url: str, token: str) -> dict[str, Any]:
    """Expectation values, with observables and parameters that are broadcast."""
    import numpy
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp, Statevector

    backend = connect(url, token).backend(SIMULATOR)
    made = QuantumCircuit(2)
    made.ry(Parameter("t"), 0)
    made.cx(0, 1)
    angles = numpy.array([[[0.3]], [[1.1]], [[2.0]]])
    pair = SparsePauliOp(["ZZ", "XX", "IZ"], [0.5, 0.25, -1.0])
    observables = [["ZI", "XX", pair]]
    job = estimator(backend).run([(made, observables, angles), (bell_state(), "XX", None, 0.05)])
    first, second = job.result()
    exact = [
        [
            Statevector(made.assign_parameters([angle])).expectation_value(SparsePauliOp(item)).real
            for item in ("ZI", "XX", pair)
        ]
        for angle in angles.ravel()
    ]
    return {
        "evs": first.data.evs.tolist(),
        "stds": first.data.stds.tolist(),
        "exact": exact,
        "one": [float(second.data.evs), float(second.data.stds), list(second.data.evs.shape)],
        "metadata": second.metadata,
        "of all": job.result().metadata,
    }


def executed(url: str, token: str) -> dict[str, Any]:
    """Programs of the executor: its own, and those that samplers on the client's side make."""
    import numpy
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
    from qiskit.circuit import Parameter
    from qiskit_ibm_runtime import Executor, QuantumProgram
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler

    service = connect(url, token)
    backend, device = service.backend(SIMULATOR), service.backend(DEVICE)
    turned = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    )
    turned.ry(Parameter("t"), 0)
    turned.x(1)
    turned.measure([0, 1], [1, 2])
    turned.metadata = {"experiment": "turned"}
    wide = QuantumCircuit(9, 9)
    wide.x(8)
    wide.measure(range(9), range(9))
    angles = numpy.linspace(0, numpy.pi, 6).reshape(3, 2, 1)
    own = {"kept": [1, 2.5, None, numpy.arange(3.0)]}
    program = QuantumProgram(shots=2000, passthrough_data=own)
    program.append_circuit_item(turned, circuit_arguments=angles)
    program.append_circuit_item(wide)
    executor = Executor(backend)
    executor.options.environment.job_tags = ["executed"]
    executor.options.execution.scheduler_timing = True
    job = executor.run(program)
    result = job.result()
    first, second = result
    (chunk,) = result.metadata.chunk_timing
    pubs = [(turned, angles), (turned, [0.3])]
    sampled = Sampler(backend).run(pubs, shots=500).result()
    # It puts pulses into the pauses of a circuit, whose lengths the device's properties tell.
    chain = QuantumCircuit(3)
    chain.h(0)
    chain.cx(0, 1)
    chain.cx(1, 2)
    chain.measure_all()
    decoupled = Sampler(device, {"dynamical_decoupling": {"enable": True}})
    ours = transpile(chain, device, optimization_level=1, seed_transpiler=1)
    decoupling = decoupled.run([ours], shots=400)
    counts = decoupling.result()[0].data.meas.get_counts()
    twirled = Sampler(backend, {"twirling": {"enable_gates": True}})
    raw = Executor(backend, {"execution": {"init_qubits": False}})
    levels = QuantumProgram(shots=10, meas_level="kerneled")
    levels.append_circuit_item(wide)
    return {
        "shapes": [list(first["a"].shape), list(first["b"].shape), list(second["c"].shape)],
        "ones": first["a"][..., 1].mean(axis=-1).ravel().tolist(),
        "exact": (numpy.sin(angles / 2) ** 2).ravel().tolist(),
        "others": [bool(first["a"][..., 0].any()), bool(first["b"].all())],
        "wide": numpy.unique(second["c"], axis=0).astype(int).tolist(),
        "kept": repr(result.passthrough_data),
        "chunk": [chunk.start < chunk.stop, [[part.idx_item, part.size] for part in chunk.parts]],
        "job": [job.primitive_id, job.tags, sorted(job.inputs)],
        "logs": job.logs(),
        "sampled": [
            [list(item.data.shape), item.data.b.get_counts(), item.metadata["circuit_metadata"]]
            for item in sampled
        ],
        "pauses": decoupling.inputs["quantum_program"].items[0].circuit.count_ops()["delay"],
        "right": (counts.get("000", 0) + counts.get("111", 0)) / 400,
        "estimator": refused(lambda: Estimator(backend).run([(bell_state(), "ZZ")])),
        "twirled": refused(lambda: twirled.run([bell()])),
        "raw": refused(lambda: raw.run(program)),
        "kerneled": refused(lambda: executor.run(levels)),
    }


def bell_state() -> Any:
    made = bell()
    made.remove_final_measurements()
    return made


def jobs(url: str, token: str) -> dict[str, Any]:
    """Jobs that are found, tagged, waited for, cancelled and deleted; and what cannot be done."""
    from qiskit import QuantumCircuit

    service = connect(url, token)
    backend = service.backend(SIMULATOR)
    run = sampler(backend)
    run.options.environment.job_tags = ["walk", "first"]
    done = run.run([bell()])
    done.result()
    run.options.environment.job_tags = ["walk"]
    run.options.environment.private = True
    secret = run.run([bell()])
    secret.result()
    run.options.environment.private = False
    run.options.max_execution_time = 900
    busy = run.run([endless()])
    waits = run.run([endless()])
    while busy.status() == "QUEUED":
        pass
    told: dict[str, Any] = {
        "running": [busy.status(), waits.status()],
        "usage": [done.usage() > 0, busy.usage()],
        "metrics": done.metrics()["timestamps"]["finished"] is not None,
        "estimation": list(done.usage_estimation),
        "logs": done.logs(),
        "tags": [sorted(done.update_tags(["walk", "second"])), sorted(done.tags)],
        "pending": sorted(job.job_id() for job in service.jobs(pending=True))
        == sorted([busy.job_id(), waits.job_id()]),
        "by tags": [len(service.jobs(job_tags=tags)) for tags in (["walk"], ["walk", "second"])],
        "all": len(service.jobs(limit=None, job_tags=["walk"])),
        "skipped": len(service.jobs(limit=None, skip=1, job_tags=["walk"])),
        "some": len(service.jobs(limit=2)),
        "of a program": len(service.jobs(program_id="estimator", job_tags=["walk"])),
        "private": [bool(service.job(secret.job_id()).inputs), bool(done.inputs)],
    }
    waits.cancel()
    busy.cancel()
    told |= {
        "cancelled": [busy.status(), service.job(waits.job_id()).status()],
        "cancelled again": refused(done.cancel),
        "result of cancelled": refused(service.job(busy.job_id()).result),
        "unknown job": refused(lambda: service.job("01a21de6-2661-72a2-91de-ee26db41f49c")),
        "program": refused(lambda: service._run("magic", {}, {"backend": backend})),
    }
    wrong = QuantumCircuit(1)
    told["measures nothing"] = refused(lambda: sampler(backend).run([wrong]).result())
    told["too many"] = refused(lambda: sampler(backend).run([bell()], shots=10**9))
    for job in (done, secret, busy, waits):
        service.delete_job(job.job_id())
    told["deleted"] = refused(lambda: service.job(done.job_id()))
    return told


def limited(url: str, token: str) -> dict[str, Any]:
    """A job that runs for longer than it may."""
    backend = connect(url, token).backend(SIMULATOR)
    run = sampler(backend, max_execution_time=1)
    job = run.run([endless()])
    return {"error": refused(job.result), "status": job.status()}


def sessions(url: str, token: str) -> dict[str, Any]:
    """Sessions and batches of a device."""
    from qiskit import transpile
    from qiskit_ibm_runtime import Batch, Session

    service = connect(url, token)
    device = service.backend(DEVICE)
    ours = transpile(bell(), device, optimization_level=1)
    told: dict[str, Any] = {}
    with Session(backend=device, max_time=300) as session:
        opened = session.status()
        job = sampler(session).run([ours], shots=200)
        counts = job.result()[0].data.meas.get_counts()
        told["session"] = {
            "opened": opened,
            "while": session.status(),
            "right": (counts.get("00", 0) + counts.get("11", 0)) / 200,
            "of job": [job.session_id == session.session_id, service.job(job.job_id()).session_id],
            "listed": len(service.jobs(session_id=session.session_id)),
            "details": session.details(),
        }
        again = Session.from_id(session.session_id, service)
        told["session"]["again"] = again.session_id == session.session_id
    told["closed"] = [session.status(), session.usage()]
    told["late"] = refused(lambda: sampler(again).run([ours]))
    with Batch(backend=device) as batch:
        jobs = [sampler(batch).run([ours], shots=10) for _ in range(3)]
        told["batch"] = [len(job.result()[0].data.meas.get_bitstrings()) for job in jobs]
        told["mode"] = batch.details()["mode"]
    gone = Session(backend=device)
    gone.cancel()
    told["cancelled"] = gone.status()
    unknown = "01a21de6-2661-72a2-91de-ee26db41f49c"
    told["unknown"] = refused(lambda: Session.from_id(unknown, service))
    return told


def found(url: str, token: str, job_id: str) -> dict[str, Any]:
    """A job that another process has sent."""
    job = connect(url, token).job(job_id)
    counts = job.result()[0].data.meas.get_counts()
    return {"status": job.status(), "counts": counts, "program": job.primitive_id}


def again(url: str, token: str, job_id: str) -> dict[str, Any]:
    """Look for a job in a new process."""
    command = [sys.executable, __file__, "found", url, token, job_id]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told["found"]


if __name__ == "__main__":
    parts: dict[str, Callable[..., Any]] = {
        part.__name__: part
        for part in (modes, backends, sampled, estimated, executed, jobs, limited, sessions, found)
    }
    wanted, *arguments = sys.argv[1:]
    print(json.dumps({name: parts[name](*arguments) for name in wanted.split(",")}))
