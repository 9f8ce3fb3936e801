"""Labels and filters by the Python client and by ``quws jobs``."""

from __future__ import annotations

from uuid import uuid4

import pytest
from circuits import BELL2
from harness import Service
from typer.testing import CliRunner

from quws.cli.selection import jobs as command
from quws.client import Client, Refused


def test_the_client_labels_finds_and_acts_on_many(service: Service) -> None:
    tag = f"tag {uuid4()}"
    with Client(service.url) as client:
        made = [client.submit(BELL2, run=False, tag=[tag], run_id=f"r{k}") for k in range(3)]
        made[0].label(name="the first", add_tags=["seldom & odd"], metadata={"k": [1]})
        found = made[0].labels()
        assert (found.name, found.run_id, found.metadata) == ("the first", "r0", {"k": [1]})
        assert sorted(found.tags) == sorted([tag, "seldom & odd"])
        mine = client.jobs(tag=tag)
        assert [job.id for job in mine] == [job.id for job in reversed(made)]
        assert [job.id for job in mine.ordered("run_id")] == [job.id for job in made]
        assert [job.id for job in client.jobs(tag=[tag, "seldom & odd"])] == [made[0].id]
        assert mine.count().actions == {"RUN": 3, "ABORT": 3, "DELETE": 3, "LABEL": 3}
        assert mine.run().done == 3
        assert [job.wait(60).id for job in made] == [job.id for job in made]
        assert mine.abort().done == 0
        assert mine.label(run_id=None).done == 3
        assert made[1].labels().run_id is None
        said = made[0].timeline(status="completed")
        assert [item.status for item in said] == ["completed"]
        assert {item.source for item in made[0].timeline(source="quws")} == {"quws"}
        assert mine.delete().done == 3
        assert list(mine) == []
        with pytest.raises(Refused, match="nothing to change"):
            mine.label()
        with pytest.raises(TypeError, match="there is no filter 'tags'"):
            client.jobs(tags=tag)


def test_the_commands(service: Service) -> None:
    tag = f"tag-{uuid4()}"
    with Client(service.url) as client:
        made = [client.submit(BELL2, run=False, tag=[tag]) for _ in range(2)]

    def call(*arguments: str, answer: str = "") -> str:
        result = CliRunner().invoke(command, [*arguments, "--url", service.url], input=answer)
        return f"{result.exit_code} {result.output}"

    listed = call("list", "--tag", tag)
    assert all(job.id in listed for job in made)
    assert "PENDING" in listed
    assert call("label", "--tag", tag, "--new-run-id", "mine", "--yes") == "0 2 jobs done\n"
    assert "1 Delete 2 jobs? [y/N]: n" in call("delete", "--tag", tag, answer="n\n")
    assert "0 Abort 2 jobs? [y/N]: y\n2 jobs done" in call("abort", "--tag", tag, answer="y\n")
    assert call("run", "--tag", tag, "--yes") == "0 no job fits\n"
    assert call("delete", "--run-id", "mine", "--tag", tag, "--yes") == "0 2 jobs done\n"
    assert "say what shall change" in call("label", "--tag", tag)
    assert "BEFORE" in call("run", "--before", "yesterday")
