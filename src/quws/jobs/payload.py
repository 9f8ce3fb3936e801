"""Parameters at rest: small ones in the job's row, the others as artifacts."""

from __future__ import annotations

from collections.abc import Sequence

from quws.artifacts import ArtifactStore
from quws.domain.job import Parameter
from quws.domain.parameters import Posted, is_xml_text


async def keep(
    artifacts: ArtifactStore, job_id: str, posted: Sequence[Posted], inline_bytes: int
) -> list[Parameter]:
    """Store the parameters of a new job, byte for byte as they were posted."""
    kept: list[Parameter] = []
    for position, item in enumerate(posted):
        text = _inline(item, inline_bytes)
        if text is not None:
            kept.append(Parameter(name=_name(item), value=text))
            continue
        key = f"{job_id}/parameters/{position}"
        await artifacts.put(key, item.value)
        kept.append(
            Parameter(
                name=_name(item), artifact=key, size=len(item.value), mime_type=item.mime_type
            )
        )
    return kept


async def circuits(artifacts: ArtifactStore, parameters: Sequence[Parameter]) -> list[str]:
    """Read the circuits back from a job's parameters."""
    return [
        (item.value or "")
        if item.artifact is None
        else (await artifacts.read(item.artifact)).decode()
        for item in parameters
        if item.name in ("CIRCUIT", "QUERY")
    ]


def _name(item: Posted) -> str:
    return item.name if item.uploaded else item.name.upper()


def _inline(item: Posted, inline_bytes: int) -> str | None:
    if item.uploaded or len(item.value) > inline_bytes:
        return None
    try:
        text = item.value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if is_xml_text(text) else None
