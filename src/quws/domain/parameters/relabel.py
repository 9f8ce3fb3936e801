"""Reads what shall change of the labels of jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from quws.domain.errors import InvalidParameter
from quws.domain.labels import Relabel
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.reading import text_within
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.values import MAX_TAGS

_TAG = SPECIFICATIONS["TAG"]
_ONCE = {"NAME": "name", "RUNID": "run_id", "METADATA": "metadata"}
_TAGS = {"TAG": "tags", "ADDTAG": "add", "REMOVETAG": "remove"}
_NOTHING = {"NAME": "", "RUNID": "", "METADATA": "{}"}
NAMES = (*_ONCE, *_TAGS)


def read_relabel(posted: Iterable[Posted]) -> Relabel:
    """Read which labels jobs are to have; ``TAG=`` takes all tags away.

    Raises
    ------
    InvalidParameter
        A label is malformed, given too often, or none of those that there are.

    """
    found: dict[str, Any] = {}
    tags: dict[str, dict[str, None]] = {}
    for item in posted:
        name = item.name.upper()
        if name in _TAGS:
            text = text_within(item, _TAG)
            of_name = tags.setdefault(_TAGS[name], {})
            if text or name != "TAG":
                of_name[_TAG.read(text)] = None
        elif name in _ONCE:
            if _ONCE[name] in found:
                raise InvalidParameter(f"{name} may be given once", parameter=name)
            text = text_within(item, SPECIFICATIONS[name])
            # What is empty takes away what there is.
            found[_ONCE[name]] = SPECIFICATIONS[name].read(text or _NOTHING[name])
        else:
            raise InvalidParameter(
                f"there is no label '{item.name[:60]}'; a job has {', '.join(NAMES)}",
                parameter=item.name[:60],
            )
    if "tags" in tags and len(tags) > 1:
        raise InvalidParameter(
            "TAG says which tags there shall be, ADDTAG and REMOVETAG what changes of them: send"
            " one or the other",
            parameter="TAG",
        )
    for name, key in _TAGS.items():
        if len(tags.get(key, ())) > MAX_TAGS:
            raise InvalidParameter(f"{name} may be given at most {MAX_TAGS} times", parameter=name)
    both = tags.get("add", {}).keys() & tags.get("remove", {}).keys()
    if both:
        raise InvalidParameter(
            f"'{min(both)[:60]}' cannot be both added and removed", parameter="ADDTAG"
        )
    found |= {key: tuple(of_name) for key, of_name in tags.items()}
    change = Relabel(**found)
    if change.empty:
        raise InvalidParameter(f"nothing to change: send one of {', '.join(NAMES)}")
    return change
