"""What commands say of a database that they cannot use: which one, and how to name another."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from click.testing import Result
from harness import base_environment, free_port
from typer.testing import CliRunner

from quws.cli.app import app
from quws.store.revision import REVISION
from quws.store.schema import upgrade


@pytest.fixture(autouse=True)
def log_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the log where it is: a command would have this process log into what it was run with,
    which is closed after it.
    """
    monkeypatch.setattr("quws.cli.targets.configure_telemetry", lambda process: None)


def called(folder: Path, *arguments: str, **more: str) -> Result:
    environment = base_environment({"QUWS_DATA": str(folder)} | more)
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.mark.parametrize(
    "command",
    [
        ("user", "list"),
        ("user", "add", "ann", "--no-password"),
        ("token", "create", "ann"),
        ("admin", "due"),
        ("targets", "list"),
        ("targets", "set", "simulator", "offline"),
        ("db", "check"),
    ],
    ids=" ".join,
)
def test_a_database_that_is_not_there_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    plain = called(tmp_path, *command)
    assert plain.exit_code == 1
    assert plain.stderr.removeprefix("quws: what is known of them cannot be read: ").removeprefix(
        "quws: "
    ) == (
        f"there is no database {tmp_path}/quws.db: name the data folder of your service with"
        " --data, or run 'quws db upgrade'\n"
    )
    folder = tmp_path / "my data"
    folder.mkdir()
    named = called(tmp_path, *command, "--data", str(folder))
    assert named.exit_code == 1
    assert f"there is no database {folder}/quws.db" in named.stderr
    assert f"or run 'quws db upgrade --data '{folder}''\n" in named.stderr
    assert not list(tmp_path.glob("**/*.db"))


def test_a_database_with_another_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.db").touch()
    url = f"sqlite:///{tmp_path}/other.db"
    found = called(tmp_path, "user", "list", QUWS_DATABASE_URL=url)
    assert found.stderr == (
        f"quws: the database {tmp_path}/other.db has no quws schema yet, this quws needs"
        f" {REVISION}: see whether QUWS_DATABASE_URL is right, or run 'quws db upgrade'\n"
    )
    (tmp_path / "other.db").write_text("this is no database, and long enough to be seen as none")
    found = called(tmp_path, "user", "list", QUWS_DATABASE_URL=url)
    assert found.stderr == (
        f"quws: the database {tmp_path}/other.db cannot be used (file is not a database): see"
        " whether QUWS_DATABASE_URL is right, or make it answer\n"
    )
    found = called(tmp_path, "user", "list", QUWS_DATABASE_URL="mysql://ann:secret@host/jobs")
    assert "jobs at host cannot be used" in found.stderr
    assert "secret" not in found.stderr


def test_a_database_that_does_not_answer_is_not_migrated(tmp_path: Path) -> None:
    url = f"postgresql://ann:secret@127.0.0.1:{free_port()}/jobs"
    found = called(tmp_path, "db", "upgrade", QUWS_DATABASE_URL=url)
    assert found.exit_code == 1
    assert found.stderr.startswith("quws: the database jobs at 127.0.0.1:")
    assert found.stderr.count("\n") == 1
    assert "secret" not in found.stderr


def test_what_is_advised_can_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert called(tmp_path, "db", "upgrade", "--data", str(folder)).exit_code == 0
    assert called(tmp_path, "db", "check", "--data", str(folder)).exit_code == 0
    assert called(tmp_path, "user", "list", "--data", str(folder)).exit_code == 0
    added = called(
        tmp_path, "targets", "add", "qpu", "--adapter", "emulator", "--data", str(folder)
    )
    assert added.exit_code == 0, added.stderr
    assert f"'quws targets check qpu --data {folder}'" in added.stdout
    listed = called(tmp_path, "targets", "list", "--data", str(folder))
    assert listed.exit_code == 0
    assert "qpu: adapter emulator\n  no worker has looked at it yet" in listed.stdout


def test_a_list_of_targets_of_which_nothing_is_known_is_no_success(tmp_path: Path) -> None:
    found = called(tmp_path, "targets", "list")
    assert found.exit_code == 1
    assert found.stdout == "simulator: adapter simulator\n"
    upgrade(f"sqlite:///{tmp_path}/quws.db")
    assert called(tmp_path, "targets", "list").exit_code == 0


def test_a_database_is_for_its_user_alone_even_in_a_folder_that_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        assert called(tmp_path, "db", "upgrade").exit_code == 0
        assert os.umask(0o022) == 0o022, "whoever called it goes on as before"
    finally:
        os.umask(before)
    assert f"{(tmp_path / 'quws.db').stat().st_mode & 0o777:o}" == "600"


def test_without_a_home_the_data_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    nothing = {"HOME": None, "XDG_DATA_HOME": None, "QUWS_DATA": None}
    found = CliRunner().invoke(app, ["db", "check"], env=base_environment({}) | nothing)
    assert found.exit_code == 1
    assert found.stderr.startswith("quws: ")
    assert "set QUWS_DATA to the data folder" in found.stderr
