"""How much processor time and memory the processes of a service take, by what they are for.

Processor time is read from control groups, one for each kind of process, where they can be made:
what has ended counts in them too, to the microsecond. Elsewhere it is what the kernel says of
each process and of those children of it that have ended, in steps of 10 ms, which is right where
nothing but children of zygotes ends meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kinds import CHILDREN

_MAPPING = re.compile(r"^(?=[0-9a-f]+-[0-9a-f]+ )", re.MULTILINE)
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_KEPT = 0.05
_QUIET = 0.08
_SETTLED_SECONDS = 10.0


@dataclass
class Cost:
    """What something took: milliseconds of processor time by kind, and of time."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0

    @property
    def total(self) -> float:
        """Return what all kinds took together."""
        return sum(self.cpu.values())

    def split(self, count: int = 1) -> str:
        """Say what each kind of process took of one of so many."""
        parts = [(kind, ms / count) for kind, ms in largest_first(self.cpu)]
        return ", ".join(f"{kind} {ms:.2f}" for kind, ms in parts if ms >= _KEPT)


@dataclass
class Size:
    """What a process has in memory, its share of what it has together with others; in MiB."""

    own: float
    """What it has written, or what it was forked from."""
    alone: float
    """What of that nobody else has."""
    files: float = 0.0
    """Programs and libraries, as they are on the disk."""

    @property
    def all(self) -> float:
        """Return all of it."""
        return self.own + self.files


def largest_first(amounts: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(amounts.items(), key=lambda item: -item[1])


class Meter:
    """Measures processes that ``kinds`` names, with all that they start."""

    def __init__(self, kinds: Callable[[], dict[int, str]]) -> None:
        self._kinds = kinds
        self._groups = _groups()
        self._used: set[Path] = set()

    @property
    def way(self) -> str:
        """Say where the figures come from."""
        return "control groups" if self._groups else "/proc, in steps of 10 ms"

    @contextlib.contextmanager
    def measuring(self) -> Iterator[Cost]:
        """Measure what is done while the block lasts."""
        cost = Cost()
        before, started = self._read(), time.perf_counter()
        yield cost
        cost.wall = 1000 * (time.perf_counter() - started)
        cost.cpu = {kind: ms - before.get(kind, 0.0) for kind, ms in self._read().items()}

    def settle(self) -> None:
        """Wait until what was done before is over, but not for ever."""
        limit = time.monotonic() + _SETTLED_SECONDS
        while time.monotonic() < limit:
            with self.measuring() as cost:
                time.sleep(0.5)
            if cost.total < _QUIET * cost.wall:
                return

    def memory(self) -> dict[str, float]:
        """Return the memory of all processes by kind, in MiB."""
        sizes: Counter[str] = Counter()
        kinds = self._kinds()
        for pid, size in self.sizes(kinds).items():
            sizes[kinds[pid]] += size.all
        return dict(sizes)

    def sizes(self, kinds: dict[int, str]) -> dict[int, Size]:
        """Return what each process has in memory, in MiB.

        It is the proportional set size, as it would be if nobody else on the machine used the same
        files: who else runs the same programs is not of this service.
        """
        found = {}
        files: dict[int, dict[str, int]] = {}
        for pid in kinds:
            with contextlib.suppress(OSError):
                files[pid] = _files(pid)
                whole = _numbers(Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
                found[pid] = Size(whole["Pss_Anon"] / 1024, whole["Private_Dirty"] / 1024)
        together: Counter[str] = Counter()
        largest: Counter[str] = Counter()
        for parts in files.values():
            together.update(parts)
            largest |= Counter(parts)
        for pid, size in found.items():
            shares = (kib * largest[part] / together[part] for part, kib in files[pid].items())
            size.files = sum(shares) / 1024
        return found

    def peak(self, kind: str) -> Callable[[], float]:
        """Begin to watch the most memory that a kind of process has.

        What is returned tells how much more it was than at first, in MiB.
        """
        pids = [pid for pid, found in self._kinds().items() if found == kind]
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = sum(_status(pid, "VmRSS") for pid in pids)
        return lambda: (sum(_status(pid, "VmHWM") for pid in pids) - before) / 1024

    def close(self) -> None:
        """Remove the groups, whose processes have ended."""
        if self._groups is not None:
            for group in (*self._used, self._groups):
                with contextlib.suppress(OSError):
                    group.rmdir()

    def _read(self) -> dict[str, float]:
        if self._groups is None:
            return self._processes()
        self._place(self._groups)
        return {group.name: _usage(group) for group in self._used}

    def _place(self, groups: Path) -> None:
        """Put each process where those of its kind are: what it starts later is there too."""
        placed: set[int] = set()
        while new := {pid: kind for pid, kind in self._kinds().items() if pid not in placed}:
            for pid, kind in new.items():
                group = groups / kind
                if group not in self._used:
                    group.mkdir()
                    self._used.add(group)
                with contextlib.suppress(ProcessLookupError):
                    (group / "cgroup.procs").write_text(str(pid))
            placed |= set(new)

    def _processes(self) -> dict[str, float]:
        ticks: Counter[str] = Counter()
        for pid, kind in self._kinds().items():
            with contextlib.suppress(OSError):
                numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                user, system, users, systems = map(int, numbers[11:15])
                ticks[kind] += user + system
                ticks[CHILDREN.get(kind, kind)] += users + systems
        return {kind: _TICK_MS * count for kind, count in ticks.items()}


def _groups() -> Path | None:
    """Make a control group for the groups of one meter, where that is allowed."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    root = next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)
    ours = Path("/proc/self/cgroup").read_text().splitlines()
    mine = next((line.partition("::/")[2] for line in ours if line.startswith("0::")), None)
    if root is None or mine is None:
        return None
    group = Path(root) / mine / f"quws-bench-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
        (group / "try").mkdir()
        (group / "try").rmdir()
    except OSError:
        return None
    return group


def _usage(group: Path) -> float:
    first = (group / "cpu.stat").read_text().splitlines()[0]
    return int(first.split()[1]) / 1000


def _files(pid: int) -> dict[str, int]:
    """Return how much of each part of a file a process has in memory as it is there, in KiB."""
    found: Counter[str] = Counter()
    for mapping in _MAPPING.split(Path(f"/proc/{pid}/smaps").read_text())[1:]:
        head, *lines = mapping.splitlines()
        _, _, offset, _, inode, *path = head.split(None, 5)
        if inode != "0":
            numbers = _numbers(lines)
            found[f"{path[0]} {offset}"] += numbers["Rss"] - numbers["Anonymous"]
    return {part: kib for part, kib in found.items() if kib}


def _numbers(lines: list[str]) -> dict[str, int]:
    words = (line.split() for line in lines)
    return {word[0].rstrip(":"): int(word[1]) for word in words if word[-1] == "kB"}


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
