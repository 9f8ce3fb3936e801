"""The operator's list of quotas, and what is said of its faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from quws.domain.quotas import NO_RULES
from quws.settings import Settings
from quws.targets import ConfigError

GOOD = """
[user."anna@example.org"]
queued = 500
day_shots = 0

[group.physics]
members = ["anna@example.org", "bert"]
month_seconds = 360_000
"""


def test_the_list_is_in_the_data_folder_or_where_it_is_said_to_be(tmp_path: Path) -> None:
    assert Settings(data=tmp_path).quota_rules() is NO_RULES
    (tmp_path / "quotas.toml").write_text(GOOD)
    elsewhere = Settings(data=tmp_path / "none", quotas=tmp_path / "quotas.toml")
    for settings in (Settings(data=tmp_path), elsewhere):
        rules = settings.quota_rules()
        assert rules.user["anna@example.org"].queued == 500
        assert rules.user["anna@example.org"].day_shots == 0
        assert rules.group["physics"].members == ("anna@example.org", "bert")
        assert rules.group["physics"].running is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[user.anna", "is not TOML"),
        ("[user.anna]\nshots = 5", "key 'user.anna.shots'"),
        ("[user.anna]\nqueued = -1", "key 'user.anna.queued'"),
        ("[group.physics]\nqueued = 1", "key 'group.physics.members'"),
        ("[groups.physics]\nqueued = 1", "key 'groups'"),
    ],
)
def test_a_fault_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Settings(data=tmp_path, quotas=path).quota_rules()
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_list_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings(data=tmp_path, quotas=tmp_path / "none.toml").quota_rules()
