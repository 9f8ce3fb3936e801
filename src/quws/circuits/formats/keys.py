"""Keys of measurements, which become the names of registers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from quws.circuits.formats.json_text import shown

LONGEST_KEY = 100
"""Characters of a measurement's key that is the name of a register."""
_CUT = 60
"""Characters that are left of the name of a longer one."""
_NAME = re.compile(r"[^\W\d]\w*")
_NAMED = 5
"""Renamed keys that a note tells of."""


def register_names(keys: Iterable[str]) -> dict[str, str]:
    """Give each key a name that a register can have: its own, where that is one."""
    keys = list(keys)
    found = {key: key for key in keys if len(key) <= LONGEST_KEY and _NAME.fullmatch(key)}
    taken = set(found)
    for key in keys:
        if key not in found:
            name = re.sub(r"\W", "_", key)
            name = name if _NAME.fullmatch(name) else f"m_{name}"
            if len(name) > LONGEST_KEY:
                name = f"{name[:_CUT]}_"
            while name in taken:
                name += "_"
            taken.add(name)
            found[key] = name
    return {key: found[key] for key in keys}


def renamed_keys(names: Mapping[str, str]) -> str | None:
    """Tell which keys have another name as registers; None where none has."""
    renamed = [item for item in names.items() if item[0] != item[1]]
    if not renamed:
        return None
    some = ", ".join(f"{shown(key)} is {name}" for key, name in renamed[:_NAMED])
    more = ", …" if len(renamed) > _NAMED else ""
    return f"measurement keys that are no names of registers: {some}{more}"
