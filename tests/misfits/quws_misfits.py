"""An adapter that does, when asked by a seed, what no adapter should."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from typing_extensions import override

from quws.domain.options import RunOptions
from quws.domain.targets import TargetDescription
from quws.targets.base import CircuitResult, Compiled, Progress
from quws.targets.simulator import Simulator

MEMORY, FILE, SOCKET, ABORT, OFFSPRING, OPEN_FILES = range(9001, 9007)


class Misfit(Simulator):
    """A simulator save for some seeds; ``exclusive`` makes it one that only one worker holds."""

    processes = True

    def __init__(self, name: str, *, exclusive: bool = False, **options: Any) -> None:
        super().__init__(name, **options)
        self._exclusive = exclusive

    @override
    def describe(self) -> TargetDescription:
        return super().describe().model_copy(update={"exclusive": self._exclusive})

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        match options.seed:
            case 9001:
                bytearray(64 << 30)
            case 9002:
                with Path("large").open("wb") as file:
                    for _ in range(64):
                        file.write(bytes(1 << 20))
            case 9003:
                socket.create_connection(("127.0.0.1", int(os.environ.get("PORT", "9"))))
            case 9004:
                os.abort()
            case 9005:
                subprocess.Popen(["sleep", "1000"], start_new_session=False)
                time.sleep(1000)
            case 9006:
                _ = [os.open(os.devnull, os.O_RDONLY) for _ in range(10_000)]
        return super().run(compiled, options, progress)
