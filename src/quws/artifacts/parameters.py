"""Parameters at rest: small ones in the job's row, the others as artifacts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import BinaryIO

from quws.artifacts import lines
from quws.artifacts.lines import read_lines, write_lines
from quws.artifacts.store import ArtifactMissing, ArtifactStore
from quws.domain import bindings
from quws.domain.bindings import Bindings
from quws.domain.job import LARGE_BATCH, Parameter
from quws.domain.parameters.posted import REFERENCE, Posted
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.parameters.values import is_xml_text
from quws.domain.payloads import as_text

_AT_ONCE_BYTES = 64 * 1024
"""Tables up to this are read on the event loop, larger ones beside it."""


async def keep_parameters(
    artifacts: ArtifactStore,
    prefix: str,
    posted: Sequence[Posted],
    inline_bytes: int,
    specifications: Specifications = SPECIFICATIONS,
) -> list[Parameter]:
    """Write parameters as they were posted, large ones below ``prefix``.

    Return what a job's row keeps of them. Their bytes are not changed.

    Raises
    ------
    ArtifactStoreUnavailable
        They could not all be written.

    """
    kept: list[Parameter] = []
    names = SPECIFICATIONS["CIRCUIT"].names
    circuits = [item for item in posted if specifications.canonical(item.name) in names]
    for position, item in enumerate(posted):
        # Names of ours are known in any case; those of uploaded parts are the user's.
        name = specifications.canonical(item.name)
        if name in names and len(circuits) > LARGE_BATCH:
            if item is circuits[0]:
                kept.append(await _keep_together(artifacts, f"{prefix}/circuits", name, circuits))
            continue
        text = _inline(item, inline_bytes)
        if text is not None:
            kept.append(Parameter(name=name, value=text, mime_type=item.mime_type))
            continue
        key = f"{prefix}/parameters/{position}"
        await artifacts.put(key, item.value)
        kept.append(
            Parameter(name=name, artifact=key, size=len(item.value), mime_type=item.mime_type)
        )
    return kept


async def _keep_together(
    artifacts: ArtifactStore, key: str, name: str, circuits: Sequence[Posted]
) -> Parameter:
    """Write the circuits of a large batch into one artifact, as the texts that they travel as."""

    def write(file: BinaryIO) -> None:
        for line in write_lines(as_text(item.value) for item in circuits):
            file.write(line.encode())

    with TemporaryFile() as file:
        await asyncio.to_thread(write, file)
        size = await artifacts.put(key, file)
    return Parameter(
        name=name, artifact=key, size=size, mime_type=lines.MIME_TYPE, count=len(circuits)
    )


async def read_circuits(
    artifacts: ArtifactStore, parameters: Sequence[Parameter], wanted: range | None = None
) -> list[str]:
    """Return the circuits among a job's parameters: all, or those of some places.

    Raises
    ------
    ArtifactMissing
        The file of one is gone, or the part that it refers to.
    ArtifactStoreUnavailable
        A file cannot be read right now.

    """
    found = []
    given = [item for item in parameters if item.name in SPECIFICATIONS["CIRCUIT"].names]
    if given and given[0].count > 1:
        all_of_them = range(given[0].count)
        return await read_some(artifacts, given[0], all_of_them if wanted is None else wanted)
    for item in given if wanted is None else given[wanted.start : wanted.stop]:
        content = await read_parameter(artifacts, item)
        if content.startswith(REFERENCE):
            content = await _part_of_0_1(artifacts, parameters, content)
        found.append(as_text(content))
    return found


async def read_bindings(
    artifacts: ArtifactStore, parameters: Sequence[Parameter]
) -> Bindings | None:
    """Return the values that a job has for the parameters of its circuit, if it has some.

    Raises
    ------
    ArtifactMissing, ArtifactStoreUnavailable
        As ``read_parameter``.

    """
    given = [item for item in parameters if item.name in SPECIFICATIONS["BINDINGS"].names]
    if not given:
        return None
    content = await read_parameter(artifacts, given[0])
    if len(content) <= _AT_ONCE_BYTES:
        return bindings.read(content.decode())
    # Others are served meanwhile.
    return await asyncio.to_thread(bindings.read, content.decode())


async def read_some(artifacts: ArtifactStore, item: Parameter, wanted: range) -> list[str]:
    """Return values of a parameter that has many in one artifact.

    Raises
    ------
    ArtifactMissing, ArtifactStoreUnavailable
        As ``read_parameter``.

    """
    assert item.artifact is not None
    return await read_lines(artifacts.stream(item.artifact), wanted)


async def _part_of_0_1(
    artifacts: ArtifactStore, parameters: Sequence[Parameter], reference: bytes
) -> bytes:
    """Read the part that a circuit of a job of quws 0.1 refers to; later jobs keep the bytes."""
    name = reference.removeprefix(REFERENCE).decode()
    # Names of ours are kept in upper case, whatever they were posted as.
    names = {name, SPECIFICATIONS.canonical(name)}
    part = next((item for item in parameters if item.name in names), None)
    if part is None:
        raise ArtifactMissing(f"the part {name}")
    return await read_parameter(artifacts, part)


async def read_parameter(artifacts: ArtifactStore, item: Parameter) -> bytes:
    """Return the value of a parameter.

    Raises
    ------
    ArtifactMissing
        Its file is gone.
    ArtifactStoreUnavailable
        Its file cannot be read right now.

    """
    if item.artifact is None:
        return (item.value or "").encode()
    return await artifacts.read(item.artifact)


def _inline(item: Posted, inline_bytes: int) -> str | None:
    if item.uploaded or len(item.value) > inline_bytes:
        return None
    try:
        text = item.value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if is_xml_text(text) else None
