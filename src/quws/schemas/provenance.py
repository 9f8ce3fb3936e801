"""Where results come from, by W3C PROV and the IVOA Provenance Data Model 1.0.

The job is the activity: it used circuits, parameters and a calibration, has generated results,
and was associated with its owner and its target. As JSON it is PROV-JSON; as a VOTable it has a
table for each class of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from quws.schemas.votable import field as votable_field
from quws.schemas.votable import votable

PREFIX = "quws"
_PREFIXES = {"voprov": "http://www.ivoa.net/documents/ProvenanceDM/20200411/"}


@dataclass(frozen=True, slots=True)
class Activity:
    """What was done."""

    KIND: ClassVar = "activity"
    ABOUT: ClassVar = "what was done"

    id: str
    name: str
    startTime: str | None = None
    endTime: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """What went into it, or came out of it."""

    KIND: ClassVar = "entity"
    ABOUT: ClassVar = "what went in, and what came out"

    id: str
    name: str
    location: str | None = None
    value: str | None = None
    generatedAtTime: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """Who or what was responsible."""

    KIND: ClassVar = "agent"
    ABOUT: ClassVar = "who was responsible"

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Used:
    """That the activity used an entity."""

    KIND: ClassVar = "used"
    ABOUT: ClassVar = "which activity used what"

    activity: str
    entity: str
    role: str


@dataclass(frozen=True, slots=True)
class WasGeneratedBy:
    """That an entity is of the activity."""

    KIND: ClassVar = "wasGeneratedBy"
    ABOUT: ClassVar = "what came of which activity"

    entity: str
    activity: str
    role: str


@dataclass(frozen=True, slots=True)
class WasAssociatedWith:
    """That an agent had a part in the activity."""

    KIND: ClassVar = "wasAssociatedWith"
    ABOUT: ClassVar = "who had a part in which activity"

    activity: str
    agent: str
    role: str


@dataclass(frozen=True, slots=True)
class WasAttributedTo:
    """That an agent is responsible for an entity."""

    KIND: ClassVar = "wasAttributedTo"
    ABOUT: ClassVar = "who is responsible for what"

    entity: str
    agent: str
    role: str


Statement = Activity | Entity | Agent | Used | WasGeneratedBy | WasAssociatedWith | WasAttributedTo
_CLASSES: tuple[type[Statement], ...] = (
    Activity,
    Entity,
    Agent,
    Used,
    WasGeneratedBy,
    WasAssociatedWith,
    WasAttributedTo,
)
_NAMES = {
    "name": "prov:label",
    "comment": "voprov:comment",
    "type": "prov:type",
    "location": "prov:location",
    "value": "prov:value",
}
"""Attributes of PROV-JSON that are not called as the model calls them."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that is said of one job. ``base`` is what ids stand below."""

    base: str
    statements: list[Statement] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """Write it as PROV-JSON."""
        found: dict[str, Any] = {"prefix": {PREFIX: f"{self.base}/", **_PREFIXES}}
        for number, item in enumerate(self.statements):
            given = {name: value for name, value in _given(item) if value is not None}
            if isinstance(item, Activity | Entity | Agent):
                key = given.pop("id")
            else:
                key = f"_:{item.KIND}{number}"
            attributes = {_NAMES.get(name, f"prov:{name}"): it for name, it in given.items()}
            found.setdefault(item.KIND, {})[key] = attributes
        return found

    def votable(self) -> str:
        """Write it as a VOTable."""
        return votable(
            '<INFO name="QUERY_STATUS" value="OK"/>\n'
            f'<INFO name="{PREFIX}" value="{escape(self.base)}/"/>\n'
            + "".join(self._table(kind) for kind in _CLASSES)
        )

    def _table(self, kind: type[Statement]) -> str:
        names = [item.name for item in fields(kind)]
        rows = (
            "<TR>" + "".join(f"<TD>{escape(value or '')}</TD>" for _, value in _given(item))
            for item in self.statements
            if isinstance(item, kind)
        )
        columns = "".join(votable_field(name, "char", f"{name}, by the model") for name in names)
        return (
            f'<TABLE name="{kind.__name__}" utype="voprov:{kind.__name__}">'
            f"<DESCRIPTION>{kind.ABOUT}</DESCRIPTION>{columns}<DATA><TABLEDATA>\n"
            f"{''.join(f'{row}</TR>' + chr(10) for row in rows)}</TABLEDATA></DATA></TABLE>\n"
        )


def _given(item: Statement) -> Iterator[tuple[str, str | None]]:
    return ((part.name, getattr(item, part.name)) for part in fields(item))
