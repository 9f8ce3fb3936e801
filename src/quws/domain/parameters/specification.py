"""What is to be said of a parameter, once, for everybody who shows, reads or sends it on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import cached_property
from typing import Any

from quws.domain.errors import InvalidParameter
from quws.domain.parameters.request import JobRequest
from quws.domain.policy import Policy
from quws.domain.targets import Feature, TargetDescription


class Role(Enum):
    """What a parameter is about."""

    CONTROL = auto()
    """A property of the job as UWS has it (PHASE, RUNID, …); not listed among its parameters."""
    JOB = auto()
    """What the job is, for the service: its circuits, its target, its results, its labels."""
    OPTION = auto()
    """How a target runs the circuits: a field of ``RunOptions``."""


class Kind(Enum):
    """What a value is, where types have names: in the OpenAPI document and on a command line."""

    TEXT = auto()
    INTEGER = auto()
    NUMBER = auto()
    FLAG = auto()
    OBJECT = auto()
    """A JSON object, or a text that stands for one."""
    INSTANT = auto()


class Shown(StrEnum):
    """What the form of a new job shows a parameter as."""

    NOTHING = "nothing"
    CIRCUITS = "circuits"
    """The editors."""
    TARGET = "target"
    """The list of targets with their queues."""
    NUMBER = "number"
    LINE = "line"
    TEXT = "text"
    """As many lines as one likes."""
    WORDS = "words"
    """A line for all repetitions, separated by blanks."""
    CHOICE = "choice"
    TICK = "tick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One parameter.

    Parameters
    ----------
    read
        Reads a text; raises ``InvalidParameter``.
    help
        One sentence, for the form, the command line, the OpenAPI document and the docs.
    more
        What only the docs say besides.
    otherwise
        What holds where it is not given, in words.
    keyword
        Its name in Python, in ``RunOptions`` and on the command line.

    """

    name: str
    keyword: str
    role: Role
    kind: Kind
    read: Callable[[str], Any]
    label: str
    help: str
    example: str
    otherwise: str = "none"
    more: str = ""
    aliases: tuple[str, ...] = ()
    default: Any = None
    """The value where none is given, unless there is a setting for it."""
    setting: str | None = None
    """The field of ``Policy`` that holds the default."""
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    longest: int | None = None
    """The most characters of a value that is kept as it is; None where its reader knows."""
    repeatable: bool = False
    times: int | None = None
    """How often it may be given, where it is repeatable; None for as often as a target takes."""
    needed: str | None = None
    """What must be sent, in words; None where nothing must."""
    by_part: bool = False
    """Whether ``param:NAME`` stands for another part of the request, and a ``data:`` URL for the
    bytes in it.
    """
    binary: bool = False
    """Whether a value may be a circuit that is no text; its reader gets it as a ``data:`` URL."""
    feature: Feature | None = None
    """What a target says of itself that gives the parameter something to do."""
    suggestions: Callable[[TargetDescription], Sequence[str]] | None = None
    """What it may be on a target, where the target has a list."""
    most: Callable[[TargetDescription], int] | None = None
    """The largest number that a target takes."""
    objection: Callable[[JobRequest, TargetDescription], str | None] | None = None
    """Says why a target does not take what a request says of it; None if it does."""
    refusal: type[InvalidParameter] = InvalidParameter
    """What is raised for the objection."""
    collect: Callable[[list[Any]], Any] | None = None
    """Makes one value of all that were given; raises ``InvalidParameter``."""
    instead_of: str | None = None
    """The parameter that must not be given besides."""
    forwarded: bool = False
    """Whether a job that another quws runs carries it there."""
    shown: Shown = Shown.LINE
    prominent: bool = False
    """Whether the form shows it at once, and not under "More"."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)

    @property
    def whole(self) -> bool:
        """Whether a list is one value, and not that many."""
        return self.kind is Kind.OBJECT and not self.repeatable

    @property
    def control(self) -> bool:
        """Whether it sets a property of the job, and is not listed with it."""
        return self.role is Role.CONTROL

    def default_of(self, policy: Policy) -> Any:
        """Return what holds where it is not given."""
        return self.default if self.setting is None else getattr(policy, self.setting)


class Specifications:
    """All parameters of a service, in the order in which people are shown them.

    Parameters
    ----------
    ignored
        Names that other protocols send unasked: kept and listed, without effect.

    """

    def __init__(self, items: Iterable[Specification], *, ignored: Iterable[str] = ()) -> None:
        self._items = tuple(items)
        self.ignored = frozenset(ignored)
        self._by_name: dict[str, Specification] = {}
        for item in self._items:
            for name in item.names:
                if name in self._by_name or name in self.ignored:
                    raise ValueError(f"two parameters have the name {name}")
                self._by_name[name] = item

    def __iter__(self) -> Iterator[Specification]:
        return iter(self._items)

    def __getitem__(self, name: str) -> Specification:
        """Return the parameter of a name or an alias, in upper case."""
        return self._by_name[name]

    def find(self, name: str) -> Specification | None:
        """Return the parameter of a name as a request spells it; None if there is none."""
        return self._by_name.get(name.upper())

    def plus(self, *items: Specification) -> Specifications:
        """Return these and more."""
        return Specifications((*self._items, *items), ignored=self.ignored)

    @cached_property
    def job(self) -> tuple[Specification, ...]:
        """The parameters that say what a job does."""
        return tuple(item for item in self._items if not item.control)

    @cached_property
    def options(self) -> tuple[Specification, ...]:
        """Those of them that say how a target runs the circuits."""
        return tuple(item for item in self._items if item.role is Role.OPTION)

    @cached_property
    def control(self) -> tuple[str, ...]:
        """The names of the job-control parameters."""
        return tuple(item.name for item in self._items if item.control)

    @cached_property
    def known(self) -> frozenset[str]:
        """The names and aliases of the parameters that say what a job does."""
        return frozenset(name for name, item in self._by_name.items() if not item.control)

    def canonical(self, name: str) -> str:
        """Return the name that a job lists a parameter under: ours in upper case."""
        upper = name.upper()
        return upper if upper in self.known or upper in self.ignored else name
