"""What a job is to do, as it is kept with the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, TypeAdapter

from quws.domain.circuits import BatchFacts, CircuitFacts, Language
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat

_FACTS = TypeAdapter(list[CircuitFacts])


class JobSpec(BaseModel):
    """What a job is to do, and what is known of its circuits.

    Who looks at a job needs neither the facts of its circuits, of which there may be ten
    thousand, nor its options: they lie here as they were stored, and are read when they are
    asked for.
    """

    model_config = ConfigDict(frozen=True)

    language: Language | None = None
    response_format: ResponseFormat = ResponseFormat.VOTABLE
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    origin: dict[str, str] = Field(default_factory=dict)
    """The request that made it, for logs and traces."""
    stored_options: SkipValidation[dict[str, Any]] = Field(default_factory=dict)
    stored_circuits: SkipValidation[list[Any] | dict[str, Any]] = Field(default_factory=list)
    """The facts of each circuit, with what they have in common written once; jobs of before have
    a list. Those of a large batch lie in an artifact.
    """

    @classmethod
    def of(cls, options: RunOptions, facts: Sequence[CircuitFacts] = (), **more: Any) -> Self:
        """Make one from its parts; ``more`` are the other fields."""
        return cls(
            stored_options=options.model_dump(mode="json"),
            stored_circuits=BatchFacts.of(facts).model_dump(mode="json") if facts else [],
            **more,
        )

    @property
    def options(self) -> RunOptions:
        """How the circuits are run."""
        return RunOptions.model_validate(self.stored_options)

    @property
    def kind(self) -> JobKind:
        """What the job is."""
        return JobKind(self.stored_options.get("kind", JobKind.SAMPLE))

    @property
    def facts(self) -> list[CircuitFacts]:
        """What is known of each circuit, if that does not lie in an artifact."""
        if isinstance(self.stored_circuits, dict):
            return BatchFacts.model_validate(self.stored_circuits).each()
        return _FACTS.validate_python(self.stored_circuits)

    @property
    def artifact(self) -> str | None:
        """Where the facts lie of a large batch: its key in the artifact store."""
        if isinstance(self.stored_circuits, dict):
            return self.stored_circuits.get("artifact")
        return None

    def elsewhere(self, key: str) -> Self:
        """Return it without the facts of its circuits, which lie in an artifact."""
        return self.model_copy(update={"stored_circuits": {"artifact": key}})

    @property
    def request(self) -> str | None:
        """The id of the request that made the job, where it is known."""
        return self.origin.get("request")

    # -- at rest ----------------------------------------------------------------

    def stored(self) -> dict[str, Any]:
        """Return what stands in the database: one flat object."""
        return {
            "language": self.language,
            **self.stored_options,
            "response_format": self.response_format,
            "tags": self.tags,
            "metadata": self.metadata,
            "circuits": self.stored_circuits,
            "origin": self.origin,
        }

    @classmethod
    def load(cls, stored: dict[str, Any]) -> Self:
        """Read what stands in the database; jobs of earlier versions lack some of it."""
        own = {key: stored[key] for key in _OWN if stored.get(key) is not None}
        if not isinstance(own.get("origin"), dict):
            own.pop("origin", None)
        return cls(
            **own,
            stored_circuits=stored.get("circuits") or [],
            stored_options={
                key: value for key, value in stored.items() if key not in _OWN and key != "circuits"
            },
        )


_OWN = frozenset({"language", "response_format", "tags", "metadata", "origin"})
