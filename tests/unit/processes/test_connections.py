"""How many connections the system grants."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from quws.processes.connections import room_for
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(room_for(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "granted", "then"),
    [
        (100, 1000, 500, 500, 756),
        (900, 1000, 500, 500, 900),
        (100, 500, 500, 244, 500),
        (100, 100, 500, 1, 100),
    ],
    ids=["raised", "enough", "fewer", "hardly any"],
)
def test_open_files_are_asked_for(
    soft: int, hard: int, wanted: int, granted: int, then: int
) -> None:
    arguments = [str(number) for number in (soft, hard, wanted)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].split() == [str(granted), str(then), str(hard)]
