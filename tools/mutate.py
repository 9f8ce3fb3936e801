"""How well the unit tests of a room hold its code: ``./quws mutate ROOM`` runs it.

Each mutant is the room with one small change (`mutants`). It is tested in a process of its own,
which is forked from one that has the libraries loaded, by those unit tests of the room that come
by the changed line, the quickest first; it is noticed when one of them fails, or when they take far
too long.
A survivor is a change that nobody would notice: a test is missing, or the code is not needed.

What a test starts as another program (a service, a zygote) runs unchanged.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import os
import pickle
import random
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any

import pytest
from mutants import Mutant, mutants

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/quws"
# No test is begun with less, however fast all are: the machine may be busy.
_LEAST_SECONDS = 20.0
# A mutant may ask for any size.
_MOST_BYTES = 8 << 30
_OPTIONS = ("-q", "-x", "--tb=short", "-p", "no:cacheprovider")
# Those that unit tests need: loading all that are installed takes longer than most tests.
_PLUGINS = ("-p", "anyio", "-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin")
# The libraries are there before pytest is, so it cannot rewrite the asserts of its plugins.
_WARNINGS = ("-W", "ignore::pytest.PytestAssertRewriteWarning")

Lines = dict[tuple[str, int], set[str]]


@dataclass(frozen=True)
class CleanRun:
    """What the tests did without any change."""

    seconds: dict[str, float]
    lines: Lines
    libraries: list[str]

    @property
    def whole(self) -> float:
        """How long all tests took."""
        return sum(self.seconds.values())

    def passing(self, mutant: Mutant) -> list[str]:
        """Return the tests that come by the changed line, the quickest first."""
        found = self.lines.get((str(mutant.path), mutant.line), set())
        return sorted(found, key=lambda test: (self.seconds[test], test))


class TestsFail(Exception):
    """They fail without any change; holds what pytest said."""


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return self._mutant.code()


class _Finder:
    """Finds the mutant in place of the module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        package = [str(self._mutant.path.parent)] if self._mutant.path.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            fullname,
            self._mutant.path,
            loader=_Loader(self._mutant),
            submodule_search_locations=package,
        )


class _Tracer:
    """A plugin of pytest that notes which test comes by which line of the room, and its time."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}{os.sep}"
        self._test = ""
        self.lines: Lines = defaultdict(set)
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._test = item.nodeid
        begun = time.monotonic()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.seconds[self._test] = time.monotonic() - begun

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(self._folder):
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.lines[frame.f_code.co_filename, frame.f_lineno].add(self._test)
        return self._line


def _forked(work: Callable[[], int], output: str = os.devnull) -> int:
    """Start work in a process and a group of its own; return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setpgid(0, 0)
        there = os.open(output, os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(there, stream)
        status = work()
    finally:
        os._exit(status)


def _pytest(arguments: list[str], *plugins: object) -> int:
    from hypothesis import HealthCheck, Phase, settings  # noqa: PLC0415 - the child's

    # What fails need not be made small, and the same is tried each time.
    settings.register_profile(
        "mutants",
        phases=(Phase.explicit, Phase.generate),
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return int(pytest.main([*_OPTIONS, *_PLUGINS, *_WARNINGS, *arguments], plugins=list(plugins)))


def clean_run(room: Path, tests: Path, folder: Path) -> CleanRun:
    """Run all tests of the room as it is.

    Raises
    ------
    TestsFail

    """
    answer = folder / "answer"

    def work() -> int:
        tracer = _Tracer(room)
        status = _pytest([str(tests)], tracer)
        libraries = [
            name
            for name, module in list(sys.modules.items())
            if getattr(module, "__file__", None) and "site-packages" in str(module.__file__)
        ]
        answer.write_bytes(pickle.dumps((tracer.seconds, dict(tracer.lines), libraries)))
        return status

    _, status = os.waitpid(_forked(work, str(folder / "output")), 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise TestsFail((folder / "output").read_text(encoding="utf-8"))
    return CleanRun(*pickle.loads(answer.read_bytes()))  # noqa: S301 - it is our own


def _test(mutant: Mutant, tests: list[str], cpu_seconds: int) -> int:
    def work() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        sys.meta_path.insert(0, _Finder(mutant))  # type: ignore[arg-type]
        return _pytest(tests)

    return _forked(work)


def survivors(
    chosen: list[Mutant], clean: CleanRun, tests: Path, at_once: int
) -> Iterator[tuple[Mutant, bool]]:
    """Test mutants; yield each with whether it survived, as they end."""
    waiting = list(reversed(chosen))
    running: dict[int, tuple[Mutant, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                mutant = waiting.pop()
                passing = clean.passing(mutant)
                # Traced, most took several times as long.
                whole = sum(clean.seconds[test] for test in passing) if passing else clean.whole
                limit = _LEAST_SECONDS + 2 * whole
                pid = _test(mutant, passing or _files(tests, mutant), int(limit))
                running[pid] = (mutant, time.monotonic() + limit)
            time.sleep(0.01)
            for pid, (mutant, deadline) in list(running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended and time.monotonic() < deadline:
                    continue
                _kill(pid)
                if not ended:
                    os.waitpid(pid, 0)
                del running[pid]
                yield mutant, bool(ended) and os.waitstatus_to_exitcode(status) == 0
    finally:
        for pid in running:
            _kill(pid)


def _files(tests: Path, mutant: Mutant) -> list[str]:
    """Return all files of tests: a line that runs at import is everybody's; its own come first."""
    own = f"test_{mutant.path.stem}"
    files = sorted(tests.rglob("test_*.py"))
    return [str(path) for path in sorted(files, key=lambda path: not path.stem.startswith(own))]


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _modules(room: Path, only: str | None) -> Iterator[tuple[str, Path]]:
    for path in sorted(room.rglob("*.py")):
        if only is not None and only not in str(path.relative_to(room)):
            continue
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quws mutate", description=__doc__)
    parser.add_argument("room", help="a folder of src/quws, with unit tests in tests/unit")
    parser.add_argument("--sample", type=int, metavar="N", help="test N mutants only")
    parser.add_argument("--seed", type=int, default=0, help="which ones: the same for one seed")
    parser.add_argument("--only", metavar="TEXT", help="files with this in their name")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="processes")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT", help="else fail")
    return parser.parse_args()


def main() -> int:
    """Print the survivors and the score."""
    wanted = _arguments()
    room, tests = SOURCE / wanted.room, ROOT / "tests/unit" / wanted.room
    if not room.is_dir() or not tests.is_dir():
        print(f"quws mutate: there is no {room} with tests in {tests}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    everything = [
        mutant for module, path in _modules(room, wanted.only) for mutant in mutants(module, path)
    ]
    chosen = everything
    if wanted.sample is not None and wanted.sample < len(everything):
        chosen = random.Random(wanted.seed).sample(everything, wanted.sample)  # noqa: S311
    with TemporaryDirectory() as folder:
        try:
            clean = clean_run(room, tests, Path(folder))
        except TestsFail as failure:
            print(f"{failure}\nquws mutate: the tests fail without any change", file=sys.stderr)
            return 2
    for name in clean.libraries:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    print(
        f"{len(chosen)} of {len(everything)} mutants; the tests take {clean.whole:.1f} s",
        flush=True,
    )
    left = 0
    for mutant, survived in survivors(chosen, clean, tests, wanted.at_once):
        if survived:
            left += 1
            print(str(mutant).replace(f"{ROOT}{os.sep}", ""), flush=True)
    score = 100 * (1 - left / max(1, len(chosen)))
    print(f"{score:.0f} % of {len(chosen)} mutants of {wanted.room} are noticed")
    return 0 if score >= wanted.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
