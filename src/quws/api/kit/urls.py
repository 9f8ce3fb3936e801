"""The URLs of the UWS tree, as this client sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import base_url
from quws.domain.job import Job, Parameter


@dataclass(frozen=True, slots=True)
class Urls:
    """URLs below one job list. The list is mounted twice; a client stays where it came in."""

    list: str

    @property
    def stylesheet(self) -> str:
        """The URL of the style sheet that makes XML readable in a browser."""
        return stylesheet(self.list.rpartition("/")[0])

    def job(self, job_id: str) -> str:
        """Write the URL of a job, without a slash at its end."""
        return f"{self.list}/{job_id}"

    def result(self, job_id: str, result_id: str) -> str:
        """Write the URL of a result."""
        return f"{self.list}/{job_id}/results/{quote(result_id, safe='')}"

    def circuits(self, job_id: str) -> str:
        """Write the URL of the circuits of a job."""
        return f"{self.list}/{job_id}/circuits"

    def circuit(self, job_id: str, index: int) -> str:
        """Write the URL of one circuit of a job."""
        return f"{self.list}/{job_id}/circuits/{index}"

    def source(self, job: Job, index: int) -> str:
        """Write the URL of the text of a circuit, which may be that of all."""
        names = {item.name for item in job.parameters}
        name = "QUERY" if "QUERY" in names else "CIRCUIT"
        return self.parameter(job.id, name, 0 if "BINDINGS" in names else index)

    def calibration(self, target: str, calibration_id: str) -> str:
        """Write the URL of a calibration of a target."""
        base, _ = self.list.rsplit("/", 1)
        path = f"{quote(target, safe='')}/calibrations/{quote(calibration_id, safe='')}"
        return f"{base}/targets/{path}"

    def parameter(self, job_id: str, name: str, position: int) -> str:
        """Write the URL of a parameter; ``position`` counts the repetitions of its name."""
        url = f"{self.list}/{job_id}/parameters/{quote(name, safe='')}"
        return f"{url}/{position}" if position else url

    def parameters(self, job: Job) -> Iterator[tuple[Parameter, str | None]]:
        """Yield each parameter of a job with the URL of its value; None where the job holds it."""
        seen: Counter[str] = Counter()
        for item in job.parameters:
            # Whoever asks for a parameter may write its name in any case.
            name = item.name.upper()
            link = self.parameter(job.id, item.name, seen[name]) if item.by_reference else None
            seen[name] += 1
            yield item, link


def stylesheet(base: str) -> str:
    """Write the URL of the style sheet of XML documents below the URL of the service."""
    return f"{base}/static/xml.css"


def urls_of(request: Request) -> Urls:
    """Find the job list that a request went to."""
    path = request.scope["path"][len(request.scope.get("root_path", "")) :]
    mount = path.split("/")[1] if path.count("/") else ""
    return Urls(f"{base_url(request)}/{mount if mount in ('jobs', 'async') else 'jobs'}")


def see_other(url: str) -> Response:
    """Send the client on with a GET."""
    return Response(status_code=303, headers={"Location": url})
