"""Limits of a process, put on a real one."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from quws.sandbox import confine


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit and RLIMIT_AS are Linux's")
def test_processor_time_that_is_used_up_is_told_from_a_kill_by_others() -> None:
    pid = os.fork()
    if pid == 0:
        try:
            confine.limit(memory_bytes=1 << 30, cpu_seconds=0, file_bytes=0)
            while True:
                pass
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGXCPU
