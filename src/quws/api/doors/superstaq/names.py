"""What Superstaq's clients call targets and users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from quws.domain.caller import Caller
from quws.domain.targets import TargetDescription, TargetKind

_OURS = UUID("b7cf6c0e-70c4-5c57-9d6b-3f6d6d7e4f35")
_PROVIDER = "quws"
USUAL_SIMULATOR = "ss_unconstrained_simulator"
"""The target of clients that name none; here the first simulator."""
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_NO_USER = "anonymous"


def target_name(target: TargetDescription) -> str:
    """Return the name of a target: who provides it, the device, and its kind."""
    kind = "simulator" if target.kind is TargetKind.SIMULATOR else "qpu"
    return f"{_PROVIDER}_{re.sub('[^A-Za-z0-9.-]', '-', target.name)}_{kind}"


def find_target(name: str, targets: Sequence[TargetDescription]) -> TargetDescription | None:
    """Return the target of a name, as these clients write it or as it is."""
    for target in targets:
        if name in (target_name(target), target.name):
            return target
    if name == USUAL_SIMULATOR:
        return next((item for item in targets if item.kind is TargetKind.SIMULATOR), None)
    return None


def email_of(name: str | None) -> str:
    """Return an address for a user: the clients insist on one. It is the name, if that is one."""
    if name is not None and _EMAIL.fullmatch(name):
        return name
    local = re.sub("[^A-Za-z0-9-]+", "-", name or _NO_USER).strip("-")[:64]
    return f"{local or _NO_USER}@example.com"


def user_document(caller: Caller) -> dict[str, Any]:
    """Return what a user may know of themselves, without the token."""
    return {
        "name": caller.name or "anonymous",
        "email": email_of(caller.name),
        "role": "operator" if caller.operator else "user",
        "balance": 0.0,
        "token": "",
        "user_id": str(user_id(caller)),
    }


def user_id(caller: Caller) -> UUID:
    """Return the id of a user: always the same for the same name."""
    return uuid5(_OURS, f"user/{caller.name or ''}")
