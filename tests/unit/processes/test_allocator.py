"""What a process has let go of does not stay in its memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

HASH_IN_THREADS = """
import threading
from pathlib import Path
from quws.domain.accounts import hash_password
from quws.processes.allocator import give_back_large_blocks

def anonymous():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

def hash_some():
    for _ in range(3):
        hash_password("a long password")

give_back_large_blocks()
hash_password("a long password")
before = anonymous()
threads = [threading.Thread(target=hash_some) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(anonymous() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give memory back anyway")
def test_what_hashing_passwords_took_is_given_back() -> None:
    found = subprocess.run(
        [sys.executable, "-c", HASH_IN_THREADS], capture_output=True, check=True, text=True
    )
    assert int(found.stdout) < 8 * 1024, "16 MiB of each thread are not kept"
