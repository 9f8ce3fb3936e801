"""How the C library keeps the memory that a process has let go of."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE_BYTES = _KEPT_BYTES = 4 << 20


def give_back_large_blocks() -> None:
    """Let blocks of 4 MiB and more go back to the system as soon as they are free.

    Left to itself glibc raises that bound to the largest block that was ever freed, up to 32 MiB:
    the 16 MiB that each thread needs to hash a password, or a large body, would stay for ever.
    Other C libraries give them back anyway.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        # To set one switches off that the other is found: some free memory at the end is kept, or
        # it would be asked for again with the next request.
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
