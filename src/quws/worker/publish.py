"""Publishes the files that a child has made."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from quws.domain.outcomes import DOCUMENT
from quws.sandbox.messages import CircuitFinished, MessageFault, ResultsWritten
from quws.worker.held import HeldJob

Take = Callable[[str], BinaryIO]
"""Opens a file that a child says it has written."""


async def publish_circuit(
    held: HeldJob, take: Take, message: CircuitFinished, started: datetime
) -> None:
    """Publish what came of a circuit of a batch. What comes of a single one is among the results.

    Raises
    ------
    Fenced, TooMuch
    MessageFault
        The job has no such circuit, or it is no file of the job that is named.
    OSError
        The folder is gone.

    """
    if message.circuit >= held.claim.job.circuits:
        raise MessageFault(f"a circuit that the job has not: {message.circuit}")
    if message.file is None:
        return
    with take(message.file) as file:
        name = f"{DOCUMENT[held.claim.job.spec.kind]}-{message.circuit}"
        result = await held.put(name, message.file, file, "application/json")
    more = []
    if message.compiled is not None:
        text = message.compiled
        with take(text.file) as file:
            more.append(await held.put(text.id, text.file, file, text.mime_type))
    await held.admit([result, *more])
    await held.add_circuit(message.circuit, result, message.engine, started, more)


async def publish_results(held: HeldJob, take: Take, message: ResultsWritten) -> None:
    """Publish a job's results, and end it.

    Raises
    ------
    Fenced, TooMuch
    MessageFault
        What is named is no file of the job, or named twice.
    OSError
        The folder is gone.

    """
    if len({item.id for item in message.files}) < len(message.files):
        raise MessageFault("two results of one name")
    with contextlib.ExitStack() as stack:
        # All of them before any is stored.
        files = [(item, stack.enter_context(take(item.file))) for item in message.files]
        results = await asyncio.gather(
            *(held.put(item.id, item.file, file, item.mime_type) for item, file in files)
        )
    await held.admit(results)
    await held.complete(results)
