"""What these clients call the service itself, and the programs that it has."""

from __future__ import annotations

from uuid import UUID

from quws.domain.kinds import JobKind

PREFIX = "/ibm/experimental/api/v1"
"""With the word ``experimental`` in it the clients take the URL as it is, whatever the instance."""
INSTANCE_NAME = "quws"
INSTANCE_ID = UUID("6b1f3c0a-5d0e-4d4e-9a57-0f6c7d1f2b6e")
INSTANCE = f"crn:v1:quws:public:quantum-computing:local:a/quws:{INSTANCE_ID}::"
"""The one instance that there is. Clients may name any other: it makes no difference."""
PLAN = UUID("f04e1d1c-2f2b-4b53-a0c3-3f6a8f0d9b11")
PLAN_NAME = "quws"

KIND_OF = {
    "sampler": JobKind.SAMPLE,
    "estimator": JobKind.ESTIMATE,
    "executor": JobKind.SAMPLE,
}
"""The programs, and what kind of job each is."""
PROGRAM_OF = {
    JobKind.SAMPLE: "sampler",
    JobKind.ESTIMATE: "estimator",
    JobKind.COMPILE: "compile",
}
"""What a job that came otherwise would have been."""
