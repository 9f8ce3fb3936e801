"""A Python client.

>>> from quws.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     print(client.submit(circuit, shots=1000).wait().counts())
"""

from quws.client.client import Client
from quws.client.errors import (
    ClientError,
    InvalidUrl,
    JobFailed,
    NoResult,
    NotUnderstood,
    Refused,
    Unreachable,
)
from quws.client.job import Job
from quws.client.session import Session

__all__ = [
    "Client",
    "ClientError",
    "InvalidUrl",
    "Job",
    "JobFailed",
    "NoResult",
    "NotUnderstood",
    "Refused",
    "Session",
    "Unreachable",
]
