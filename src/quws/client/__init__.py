"""A Python client.

>>> from quws.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     print(client.submit(circuit, shots=1000).wait().counts())
"""

from quws.client.client import Client, ClientError, Job, JobFailed

__all__ = ["Client", "ClientError", "Job", "JobFailed"]
