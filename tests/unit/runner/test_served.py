"""A child that has run a job runs the next one of its owner as a fresh one would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quws.domain.circuits import CircuitLimits
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.sandbox.child import Child, Owner
from quws.sandbox.messages import FromChild, JobFailed, ResultsWritten, RunJob
from quws.sandbox.pool import ChildPool

pytestmark = pytest.mark.anyio
ANNA = Owner("anna")
HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
TURNED = HEAD + "qreg q[3]; creg c[3]; rx(1) q; cx q[0],q[1]; ry(0.7) q[2]; measure q -> c;"
MIDDLE = (
    HEAD + "qreg q[2]; creg c[2]; ry(1) q[0]; measure q[0] -> c[0]; if(c==1) h q[1];"
    " ry(0.3) q[1]; measure q[1] -> c[1];"
)
WIDE = HEAD + "qreg q[14]; creg c[14]; rx(1) q; cx q[0],q[1]; measure q -> c;"
CLIFFORD = HEAD + "qreg q[4]; creg c[4]; h q; measure q -> c;"
KINDS = {
    "few qubits": (TURNED, {}),
    "many qubits": (WIDE, {}),
    "Clifford": (CLIFFORD, {}),
    "trajectories": (MIDDLE, {}),
    "tensors": (TURNED, {"method": "matrix_product_state"}),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["simulator", "emulator"])
async def pool(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ChildPool]:
    scratch = tmp_path_factory.mktemp("scratch")
    fast = {"overhead": 0.0, "speed": 1e6} if request.param == "emulator" else {}
    target = {"name": "t", "adapter": request.param, "options": fast}
    made = ChildPool(
        "quws.runner.run:RunRole", {"target": target}, spares=1, scratch=lambda: scratch
    )
    made.start()
    yield made
    await made.close()


async def run(
    pool: ChildPool, child: Child, circuit: str, *, file_bytes: int = 1 << 20, **options: Any
) -> tuple[list[FromChild], Any]:
    """Run a job, and give what the child said and the counts."""
    await child.send(
        RunJob(
            job="j",
            circuits=[circuit],
            facts=None,
            limits=CircuitLimits(),
            options=RunOptions(shots=1000, **options),
            response_format=ResponseFormat.JSON,
            folder=str(child.folder.path),
            file_bytes=file_bytes,
        )
    )
    async with asyncio.timeout(60):
        said = [message async for message in child.messages()]
    counts = None
    if isinstance(said[-1], ResultsWritten):
        counts = json.loads(said[-1].files[1].content or "")["circuits"][0]["counts"]
    await pool.release(child)
    return said, counts


async def test_the_same_seed_gives_the_same_and_none_something_new(pool: ChildPool) -> None:
    emulated = "emulator" in str(pool._options)
    kinds = {"few qubits": KINDS["few qubits"]} if emulated else KINDS
    served = await pool.acquire(ANNA)
    for name, (circuit, options) in kinds.items():
        _, fresh = await run(pool, await pool.acquire(), circuit, seed=7, **options)
        found = []
        for seed in (7, None, None, 7):
            _, counts = await run(pool, served, circuit, seed=seed, **options)
            found.append(counts)
            assert await pool.acquire(ANNA) is served
        assert found[0] == found[3] == fresh, name
        assert found[1] != found[2], name
    await pool.release(served)


async def test_a_refusal_is_no_end_and_a_failure_is(pool: ChildPool) -> None:
    child = await pool.acquire(Owner("bert"))
    said, _ = await run(pool, child, HEAD + "qreg q[1]; no_such_gate q[0];")
    assert isinstance(said[-1], JobFailed)
    assert await pool.acquire(Owner("bert")) is child
    # Limits of its own: this one may write next to nothing, and the one after it again enough.
    said, _ = await run(pool, child, TURNED, file_bytes=10)
    assert isinstance(said[-1], JobFailed)
    assert child.exited.done()
    other = await pool.acquire(Owner("bert"))
    assert other is not child
    said, counts = await run(pool, other, TURNED)
    assert sum(counts.values()) == 1000
