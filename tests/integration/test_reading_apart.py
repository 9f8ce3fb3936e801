"""Who holds a token never sees what users have written, and who reads that has no token."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import httpx
import psutil
from circuits import BELL2
from elsewhere import TOKEN, Site, Vendor
from uws import create, wait

RUNS, READS = "quws.runner.run:RunRole", "quws.runner.read:ReadRole"
SECCOMP_FILTER = "2"


def memory_has(process: psutil.Process, *texts: str) -> list[bool] | None:
    """Whether texts stand anywhere in what a process can write to; None if it has ended."""
    try:
        return _memory_has(process, *texts)
    except (FileNotFoundError, ProcessLookupError):
        return None


def _memory_has(process: psutil.Process, *texts: str) -> list[bool]:
    wanted = [text.encode() for text in texts]
    found = [False] * len(wanted)
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if place is None:
                continue
            start, end = (int(bound, 16) for bound in place.groups())
            memory.seek(start)
            content = b""
            with contextlib.suppress(OSError):
                while len(content) < end - start and (part := memory.read(end - start)):
                    content += part
            found = [known or text in content for known, text in zip(found, wanted, strict=True)]
    return found


def closed_in(process: psutil.Process) -> bool:
    """Whether the kernel refuses calls to a process, those for sockets among them."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return f"Seccomp:\t{SECCOMP_FILTER}\n" in status


def test_who_holds_the_token_never_has_the_text(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    marker = "-".join(["what", "a", "user", "has", "written"])
    vendor.before_arrival.shut()
    job = create(site_http, f"{BELL2}// {marker}\n", TARGET="vendor", SHOTS=7, PHASE="RUN")
    assert vendor.before_arrival.reached.wait(60)
    # It has the circuit compiled, and is about to hand it over.
    _, *holders = site.children("vendor", RUNS)
    found = [memory_has(process, marker, TOKEN) for process in holders]
    assert [False, True] in found
    assert all(item in ([False, True], None) for item in found)
    # Those who read are forked from this one, and have what it has.
    reader, *_ = site.children("vendor", READS)
    assert memory_has(reader, TOKEN) == [False]
    assert TOKEN not in str(reader.environ())
    assert reader.net_connections("inet") == []
    # From before the parsers were loaded; what one child may do, the tests of walls tell.
    assert closed_in(reader)
    # The worker hands the text on and does not read it: that it can be found shows the search.
    assert memory_has(site.worker("vendor"), marker) == [True]
    vendor.before_arrival.open()
    assert wait(site_http, job) == "COMPLETED"
    (submission,) = vendor.of(job)
    assert (submission.bits, submission.shots) == ([2], 7)
    assert f"// {marker}" in site_http.get(f"{job}/parameters/CIRCUIT").text


def test_a_worker_that_reads_for_itself_has_no_second_pool(site: Site) -> None:
    assert site.children("simulator", RUNS)
    assert site.children("simulator", READS) == []
