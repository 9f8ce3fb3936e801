"""Publishes the files that a child has made."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from quws.sandbox.messages import CircuitFinished, MessageFault, ResultsWritten
from quws.worker.held import HeldJob


async def publish_circuit(
    held: HeldJob, folder: Path, message: CircuitFinished, started: datetime
) -> None:
    """Publish what came of a circuit of a batch. What comes of a single one is among the results.

    Raises
    ------
    Fenced, TooMuch
    MessageFault
        The job has no such circuit.

    """
    if message.circuit >= held.claim.job.circuits:
        raise MessageFault(f"a circuit that the job has not: {message.circuit}")
    if message.file is None:
        return
    result = await held.put(f"counts-{message.circuit}", folder / message.file, "application/json")
    more = []
    if message.compiled is not None:
        text = message.compiled
        more.append(await held.put(text.id, folder / text.file, text.mime_type))
    await held.admit([result, *more])
    await held.add_circuit(message.circuit, result, message.engine, started, more)


async def publish_results(held: HeldJob, folder: Path, message: ResultsWritten) -> None:
    """Publish a job's results, and end it.

    Raises
    ------
    Fenced, TooMuch

    """
    results = await asyncio.gather(
        *(held.put(item.id, folder / item.file, item.mime_type) for item in message.files)
    )
    await held.admit(results)
    await held.complete(results)
