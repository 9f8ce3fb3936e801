"""Short jobs do not wait behind long ones."""

from __future__ import annotations

from circuits import ENDLESS
from harness import Service
from uws import create, job_json, wait


def test_a_short_job_passes_a_long_one(closed: Service) -> None:
    with (
        closed.client(auth=("alice", "alice-password")) as alice,
        closed.client(auth=("bob", "bob-password")) as bob,
    ):
        long = [create(alice, ENDLESS, SHOTS=1, PHASE="RUN") for _ in range(2)]
        wait(alice, long[0], "EXECUTING")
        short = create(bob, PHASE="RUN")
        assert wait(bob, short) == "COMPLETED"
        assert job_json(alice, long[0])["phase"] == "EXECUTING"
        waits = job_json(alice, long[1])
        assert (waits["phase"], waits["queue_position"]) == ("QUEUED", 0)
        for job in long:
            alice.delete(job)
