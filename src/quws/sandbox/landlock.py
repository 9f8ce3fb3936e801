"""Which files a process may open, and whom it may send signals: Landlock, which Linux has.

It needs no privilege, and holds for root too. What a kernel is too old for is left out;
``missing`` says what that is.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The calls, the same on every machine."""
_PR_SET_NO_NEW_PRIVS = 38
_PATH_BENEATH, _VERSION = 1, 1

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_REMOVE_FOLDER, _REMOVE_FILE, _MAKE_FOLDER, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""By the version of the interface from which on the kernel knows them."""
_SCOPES, _SCOPES_SINCE = 0b11, 6
"""Abstract sockets and signals stay among those who are confined together."""

_TO_READ = _EXECUTE | _READ | _LIST
_TO_USE = _READ | _WRITE | _TRUNCATE | _IOCTL
_TO_WRITE = (
    _READ | _WRITE | _LIST | _TRUNCATE | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE
)
_ONLY_FOLDERS = _LIST | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    # Of /etc what libraries, names of hosts, certificates and times of day need: no passwords.
    *(f"/etc/{name}" for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime")),
    *(f"/etc/{name}" for name in ("alternatives", "passwd", "group", "OpenCL", "vulkan")),
    *(f"/etc/{name}" for name in ("hosts", "host.conf", "resolv.conf", "nsswitch.conf")),
    *(f"/etc/{name}" for name in ("gai.conf", "services", "protocols", "mime.types")),
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs"),
    *("/etc/pki/ca-trust/extracted", "/etc/ca-certificates", "/run/systemd/resolve"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems"),
    *("/proc/sys/vm", "/proc/sys/kernel/random", "/proc/driver/nvidia"),
    *("/sys/devices", "/sys/fs/cgroup", "/sys/bus/pci", "/sys/class/drm", "/sys/class/kfd"),
    *("/dev/random", "/dev/urandom"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/kfd", "/dev/dri")


def version() -> int:
    """Return the version of the interface that the kernel has; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE, None, 0, _VERSION))


def missing() -> list[str]:
    """Say what children could do here that a kernel of today would keep them from."""
    found = version()
    if not found:
        return ["read and write the files of the service, and send it signals"]
    lacking = []
    if found < 3:
        lacking.append("cut files short that they may not write")
    if found < _SCOPES_SINCE:
        lacking.append("send signals to the service")
    return lacking


def close_in(readable: Iterable[Path], folder: Path | None) -> bool:
    """Close this process in for good, with all that it starts; threads that run already are not.

    It may read the libraries and what the system must tell it, and write in one folder.

    Parameters
    ----------
    readable
        More files and folders that it may read.

    Returns
    -------
    bool
        Whether the kernel has such walls.

    Raises
    ------
    OSError
        It has, and did not close it in.

    """
    found = version()
    if not found:
        return False
    known = max(rights for since, rights in _RIGHTS.items() if since <= found)
    scopes = _SCOPES if found >= _SCOPES_SINCE else 0
    # What it may reach by network is the matter of another filter.
    walls = _checked(_CREATE, struct.pack("QQQ", known, 0, scopes), 24, 0)
    try:
        for path in (*library_paths(), *map(str, readable), "/proc/self"):
            _allow(walls, path, _TO_READ & known)
        for path in _devices():
            _allow(walls, path, (_TO_USE | _LIST) & known)
        if folder is not None:
            _allow(walls, str(folder), _TO_WRITE & known)
        # For good: the kernel may forget what nobody has open, and with it what holds for that.
        os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _checked(_RESTRICT, walls, 0)
    finally:
        os.close(walls)
    return True


def _allow(walls: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # There is no such thing on this system.
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ~_ONLY_FOLDERS
        _checked(_ADD, walls, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


@functools.cache
def library_paths() -> tuple[str, ...]:
    """List what a process of this interpreter may read: the system's libraries, and its own.

    Once the libraries are loaded: some are found by other ways than the path of modules.
    """
    own = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path}
    for name, module in list(sys.modules.items()):
        if "." not in name:
            own.update(getattr(module, "__dict__", {}).get("__path__") or ())
    own.update(os.environ.get("LD_LIBRARY_PATH", "").split(":"))
    folders = {Path(path).resolve() for path in own if path.startswith("/")} - {Path("/")}
    outermost = (path for path in folders if folders.isdisjoint(path.parents))
    return (*filter(os.path.exists, _SYSTEM), *sorted(map(str, outermost)))


@functools.cache
def _devices() -> tuple[str, ...]:
    return (*filter(os.path.exists, _DEVICES), *map(str, Path("/dev").glob("nvidia*")))


def _call(number: int, *arguments: bytes | int | None) -> int:
    given: list[ctypes.c_long | ctypes.c_char_p] = [
        ctypes.c_long(item) if isinstance(item, int) else ctypes.c_char_p(item)
        for item in arguments
    ]
    return int(_LIBC.syscall(ctypes.c_long(number), *given))


def _checked(number: int, *arguments: bytes | int | None) -> int:
    found = _call(number, *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), "the process cannot be closed in")
    return found
