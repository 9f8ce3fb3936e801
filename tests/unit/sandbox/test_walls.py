"""A child that somebody has broken into, which tries what it can: it gets nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import exploits
import pytest
from exploits import outcome_of

from quws.sandbox import confine, landlock, seccomp

pytestmark = pytest.mark.skipif(bool(confine.missing()), reason="this kernel lacks some walls")

BreakIn = Callable[..., dict[str, dict[str, str]]]
NOBODY = 65534
_LIMITS = ("NPROC", "AS", "FSIZE", "CPU", "NOFILE", "CORE")


@pytest.fixture(params=["root", "somebody else"])
def user(request: pytest.FixtureRequest) -> int | None:
    """Whom the service runs as; as oneself where one is not root."""
    if os.geteuid() == 0:
        return NOBODY if request.param == "somebody else" else None
    if request.param == "root":
        pytest.skip("needs to be root")
    return None


@pytest.fixture
def interpreter(user: int | None) -> str:
    """A Python of this version that the user may run."""
    return sys.executable if user is None else _interpreter_of(user)


@functools.cache
def _interpreter_of(user: int) -> str:
    version = "python{}.{}".format(*sys.version_info)
    found = (shutil.which(version, path=folder) for folder in os.environ["PATH"].split(":"))
    for path in filter(None, [sys.executable, *found]):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            command = [path, "-c", "import quws.sandbox.pool"]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL, **_run_as(user))
            return path
    pytest.skip("no other user may run this Python")


def _run_as(user: int | None) -> dict[str, Any]:
    places = [str(Path(exploits.__file__).parent), *filter(None, sys.path)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(places)}
    env["QUWS_DATABASE_URL"] = "postgresql://quws:secret@db/quws"
    if user is None:
        return {"env": env}
    return {"env": env, "user": user, "group": user, "extra_groups": [], "cwd": "/"}


@pytest.fixture
def home(user: int | None) -> Iterator[Path]:
    """The folder of a service, with a secret; where others than root can get to it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "data").mkdir()
        (path / "scratch").mkdir()
        (path / "data" / "secret").write_text("of the service")
        if user is not None:
            for item in (path, *path.rglob("*")):
                shutil.chown(item, user, user)
        yield path


@pytest.fixture
def break_in(home: Path, user: int | None, interpreter: str) -> BreakIn:
    def run(
        tries: list[str],
        by_service: list[str] | None = None,
        *,
        served: bool = False,
        **options: bool,
    ) -> Any:
        given = {
            "tries": tries,
            "by_service": by_service or [],
            "scratch": str(home / "scratch"),
            "options": options,
            "served": served,
        }
        ran = subprocess.run(
            [interpreter, exploits.__file__],
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
            **_run_as(user),
        )
        return json.loads(ran.stdout)

    return run


@pytest.mark.parametrize("served", [False, True], ids=["at first", "having served"])
def test_nothing_of_the_service_can_be_had(break_in: BreakIn, home: Path, served: bool) -> None:
    data = home / "data"
    secret = data / "secret"
    own = Path(exploits.__file__)
    by_service = [
        f"read {secret}",
        f"list {data}",
        "read-a-byte /proc/SERVICE/environ",
        "signal SERVICE",
        "process SERVICE",
        "limit SERVICE",
        "processors SERVICE",
        f"mode {secret}",
        f"times {secret}",
        "watch",
        "stay",
        "shared-memory",
        "pair SOCK_DGRAM",
    ]
    refused = [
        *by_service,
        "read-a-byte /proc/SERVICE/mem",
        "list /proc/SERVICE/fd",
        "list /proc",
        f"write {secret}",
        f"append {secret}",
        f"cut {secret}",
        f"cut-by-path {secret}",
        f"remove {secret}",
        f"move {secret} stolen",
        f"link {secret} stolen",
        f"symlink {secret} stolen",
        f"owner {secret}",
        f"mark {secret}",
        f"write {data / 'more'}",
        f"make-folder {data / 'more'}",
        f"write {home / 'scratch' / 'of-another-job'}",
        f"list {home / 'scratch'}",
        f"write {own.parent / 'planted.py'}",
        f"append {own}",
        "list /",
        "list /tmp",
        "read /etc/shadow",
        "device disk",
        "thread-signal SERVICE",
        "signals-by-a-pipe SERVICE",
        *(f"raise-a-limit RLIMIT_{name}" for name in _LIMITS),
        "priority PRIO_PROCESS SERVICE",
        "priority PRIO_USER 0",
        "real-time",
        *(f"{way} SERVICE" for way in ("ptrace", "memory", "descriptor")),
        *(f"socket {family}" for family in ("AF_UNIX", "AF_INET", "AF_NETLINK")),
        *("unshare", "clone", "mount", "bpf", "userfaultfd", "io_uring", "keys"),
        *("listen", "other-numbers", "type"),
        *("session", "group", "fork", f"program {sys.executable}", f"replace {sys.executable}"),
    ]
    allowed = [
        "list .",
        "write counts.json",
        "read counts.json",
        "append counts.json",
        "cut counts.json",
        "make-folder more",
        "write more/file",
        "remove more/file",
        "move counts.json renamed.json",
        f"read {own}",
        "list-libraries",
        "read /proc/self/statm",
        "read /proc/cpuinfo",
        "list /sys/devices/system/cpu",
        "read-a-byte /dev/urandom",
        "write /dev/null",
        "limit 0",
        "processors 0",
        "priority PRIO_PROCESS 0",
        "pair SOCK_STREAM",
        "thread",
    ]
    also = ["read /proc/self/environ", "read /proc/self/limits", "read /proc/self/status"]
    found = break_in([*refused, *allowed, *also], by_service, served=served)
    # What the service itself cannot, its child cannot for other reasons than its walls.
    assert {text: found["by_service"][text][:3] for text in by_service} == dict.fromkeys(
        by_service, "got"
    )
    by_child = found["by_child"]
    assert {text: by_child[text] for text in refused} == dict.fromkeys(refused, "refused")
    assert {text: by_child[text][:3] for text in allowed} == dict.fromkeys(allowed, "got")
    assert by_child["list ."] == "got []", "what was left by the request before this one"
    assert "PATH=" in by_child["read /proc/self/environ"]
    assert "QUWS" not in by_child["read /proc/self/environ"]
    (most,) = re.findall(r"Max processes +(\w+)", by_child["read /proc/self/limits"])
    there = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    assert int(most) < there + 5000
    # That alone which libraries of other users may need.
    (rights,) = re.findall(r"CapPrm:\W*(\w+)", by_child["read /proc/self/status"])
    assert int(rights, 16) in {0, 1 << 1}
    assert secret.read_text() == "of the service"
    assert [path.name for path in data.iterdir()] == ["secret"]


def test_calls_alone_keep_signals_from_others() -> None:
    """Where the kernel has no Landlock, or one that does not know of signals."""
    service = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            seccomp.allow_computing(network=False, processes=False)
            tries = [f"{way} {service}" for way in ("signal", "thread-signal", "process")]
            status = int({outcome_of(text) for text in tries} != {"refused"})
            os.kill(os.getpid(), 0)
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status == 0


@pytest.mark.parametrize(
    ("version", "lacking"), [(0, "files of the service"), (1, "cut files"), (5, "signals"), (7, "")]
)
def test_what_an_older_kernel_lacks_is_known(
    monkeypatch: pytest.MonkeyPatch, version: int, lacking: str
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: version)
    assert lacking in " ".join(confine.missing())
    assert bool(confine.missing()) == bool(lacking)


def test_a_target_with_a_network_has_that_and_no_more(break_in: BreakIn, home: Path) -> None:
    allowed = ["socket AF_INET", "socket AF_INET6", "socket AF_NETLINK", "fork", "thread"]
    allowed.append(f"program {shutil.which('true')}")
    refused = [
        f"read {home / 'data' / 'secret'}",
        "signal SERVICE",
        "thread-signal SERVICE",
        "process SERVICE",
        "ptrace SERVICE",
        "descriptor SERVICE",
        *("socket AF_UNIX", "socket AF_PACKET", "pair SOCK_DGRAM", "listen"),
        *("session", "group", "unshare", "clone", "raise-a-limit RLIMIT_NPROC"),
    ]
    tries = [*allowed, *refused]
    found = break_in(tries, served=True, network=True, processes=True)["by_child"]
    assert {text: found[text][:3] for text in allowed} == dict.fromkeys(allowed, "got")
    assert {text: found[text] for text in refused} == dict.fromkeys(refused, "refused")
