"""Adapters of quws, in an environment with the vendors' packages, against another quws.

``adapters_walk.py URL TOKEN`` prints what they say of faults: a wrong token, answers that are lost
or never come, nobody who listens; and a machine whose qubits meet in a resonator.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qiskit import QuantumCircuit

from quws.domain.job import new_job_id
from quws.domain.options import RunOptions
from quws.targets.base import Busy, RemoteTarget
from quws.targets.iqm.target import Iqm
from quws.targets.qrmi.target import Qrmi
from quws.targets.superstaq.target import Superstaq

OPTIONS = RunOptions(shots=5)
SPOILED = {
    "401": (401, "application/json", b'{"error": "no"}'),
    "402": (402, "application/json", b'{"error": "no"}'),
    "403": (403, "application/json", b'{"error": "no"}'),
    "408": (408, "application/json", b'{"error": "no"}'),
    "429": (429, "application/json", b'{"error": "no"}'),
    "429 page": (429, "text/html", b"<html>no</html>"),
    "502": (502, "application/json", b'{"message": "no"}'),
    "503 page": (503, "text/html", b"<html>no</html>"),
    "520": (520, "text/html", b"<html>no</html>"),
    "200 page": (200, "text/html", b"<html>no</html>"),
    "200 list": (200, "application/json", b"[]"),
}
"""What stands before a service may answer in its place; each says to come again in 9 seconds."""
MAKES_JOBS = ("/circuit", "/jobs", "/client/job")
JOB = "01a21de7-231b-715e-8c73-601b0b9107eb"
IBM = "/ibm/experimental/api/v1"


def said(do: Callable[[], Any]) -> list[str]:
    try:
        return ["nothing", str(do())]
    except Busy as error:
        return [f"Busy {error.seconds:g}", str(error)]
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return [type(error).__name__, str(error)]


class Between(BaseHTTPRequestHandler):
    """Hands requests on, and loses the answers to those that submit a job."""

    url = ""
    lose = True
    spoiled: tuple[int, str, bytes] | None = None
    """What is answered to who asks for a job, or wants to make one."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.spoiled is not None and re.search("/jobs|/client/job", self.path):
            self._say(*self.spoiled)
            return
        there = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        there.request(self.command, self.path, body, dict(self.headers))
        answer = there.getresponse()
        content = answer.read()
        makes = urlsplit(self.path).path.endswith(MAKES_JOBS)
        if self.lose and self.command == "POST" and makes:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._say(answer.status, answer.headers["Content-Type"], content)

    def _say(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.spoiled is not None:
            self.send_header("Retry-After", "9")
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET


def iqm(url: str, token: str) -> Iqm:
    made = Iqm("lab", url=url, token=token, timeout=5)
    made.load()
    return made


def qrmi(url: str, token: str) -> Qrmi:
    settings = {"QRMI_IQM_ISA_ENDPOINT": url, "QRMI_IQM_ISA_TOKEN": token}
    made = Qrmi("lab", resource="qpu", type="iqm-server", settings=settings)
    made.load()
    return made


def ibm(url: str, token: str) -> Qrmi:
    settings = {
        "QRMI_IBM_QCS_ENDPOINT": url + IBM,
        "QRMI_IBM_QCS_IAM_ENDPOINT": url + IBM,
        "QRMI_IBM_QCS_IAM_APIKEY": token,
        "QRMI_IBM_QCS_SERVICE_CRN": "crn:v1:quws:public:x:y:a/b:c::",
    }
    made = Qrmi("lab", resource="qpu", type="ibm-quantum-compute-service", settings=settings)
    made.load()
    return made


def superstaq(url: str, token: str) -> Superstaq:
    made = Superstaq("lab", url=url, target="quws_qpu_qpu", token=token, timeout=5)
    made.load()
    return made


def faults(make: Callable[[str, str], RemoteTarget], url: str, token: str) -> dict[str, Any]:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    told: dict[str, Any] = {"bad token": said(make(url, "not-a-token").describe)}
    Between.url = url
    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    lab = make(f"http://127.0.0.1:{between.server_port}", token)
    compiled = lab.compile(circuit, OPTIONS)
    key, other = new_job_id(), new_job_id()
    told["answer lost"] = said(lambda: lab.submit([compiled], OPTIONS, key))
    told["looked for"] = said(lambda: lab.find(key))
    told["never sent"] = said(lambda: lab.find(other))
    told["unknown"] = said(lambda: lab.poll(JOB))
    many = RunOptions(shots=10_000_000)
    Between.lose = False
    told["refused"] = said(lambda: lab.submit([compiled], many, other))
    told["spoiled"] = {}
    for name, Between.spoiled in SPOILED.items():
        sent = said(lambda: lab.submit([compiled], OPTIONS, other))
        told["spoiled"][name] = [sent, said(lambda: lab.poll(JOB))]
    Between.spoiled = None
    Between.lose = True
    between.shutdown()
    between.server_close()
    told["nobody there"] = said(lambda: lab.submit([compiled], OPTIONS, other))
    told["nobody there to look"] = said(lambda: lab.poll(JOB))
    return told


def token_file(url: str) -> dict[str, Any]:
    """What is said while a file has no token, and one that is over, and once it has another one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.json"
        lab = Iqm("lab", url=url, tokens_file=str(file), timeout=5)
        lab.load()
        told = {"none": said(lab.describe)}
        for name, left in (("over", -1), ("new", 600)):
            claims = json.dumps({"exp": int(time.time()) + left}).encode()
            token = f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.e30"
            file.write_text(json.dumps({"access_token": token}))
            told[name] = said(lab.describe)
    return told


def hangs() -> dict[str, Any]:
    """What becomes of a call to somebody who takes it and never answers."""
    deaf = socket.create_server(("127.0.0.1", 0))
    lab = qrmi(f"http://127.0.0.1:{deaf.getsockname()[1]}", "token")
    lab._there._limit = 1.5
    began = time.monotonic()
    told = said(lab.describe)
    return {"told": told, "in time": time.monotonic() - began < 30}


def star() -> list[str]:
    """The gates of a circuit for a machine whose qubits meet in a resonator."""
    from iqm.station_control.interface.models import DynamicQuantumArchitecture

    from quws.targets.iqm.machine import Machine
    from quws.targets.iqm.site import _circuit, simplify_architecture, transpile_insert_moves

    singles = [["QB1"], ["QB2"]]
    loci = {
        "prx": singles,
        "measure": singles,
        "cz": [["QB1", "CR1"], ["QB2", "CR1"]],
        "move": [["QB1", "CR1"], ["QB2", "CR1"]],
    }
    real = DynamicQuantumArchitecture.model_validate(
        {
            "calibration_set_id": "01a21de7-231b-715e-8c73-601b0b9107eb",
            "qubits": ["QB1", "QB2"],
            "computational_resonators": ["CR1"],
            "gates": {
                name: {
                    "implementations": {"usual": {"loci": places}},
                    "default_implementation": "usual",
                    "override_default_implementation": {},
                }
                for name, places in loci.items()
            },
        }
    )
    machine = Machine(None, simplify_architecture(real).model_dump(mode="json"), None, 1)
    bell = QuantumCircuit(2, 2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    (document,) = machine.write([machine.compile(bell, OPTIONS)])
    moved = transpile_insert_moves(_circuit(document), real)
    return [item.name for item in moved.instructions if item.name in ("move", "cz")]


def main(url: str, token: str) -> None:
    told = {
        "iqm": faults(iqm, url, token),
        "qrmi": faults(qrmi, url, token),
        "ibm": faults(ibm, url, token),
        "superstaq": faults(superstaq, url, token),
        "token file": token_file(url),
        "hangs": hangs(),
        "star": star(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
