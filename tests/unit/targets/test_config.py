from __future__ import annotations

from pathlib import Path

import pytest

from quws.domain.circuits import CircuitLimits
from quws.domain.conformance import ConformanceRule
from quws.domain.targets import TargetDescription, TargetKind
from quws.targets import ConfigError, check_options, create_target, read_targets
from quws.targets.config import TargetLimits, parse_targets

PATH = Path("/etc/quws/targets.toml")


def test_a_whole_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from a file\n")
    (tmp_path / "targets.toml").write_text(
        """
        [simulator]
        adapter = "simulator"

        [lab]
        adapter = "qiskit"
        interpreter = "env/bin/python"
        options.backend = "lab:Backend"
        noise = "none"
        schedule = [{ from = 2026-12-01T00:00:00Z, until = 2026-12-02T00:00:00Z }]
        limits = { shots = 100, qubits = 3 }
        [lab.secrets]
        password = { environment = "LAB_PASSWORD" }
        "arguments.token" = { file = "token" }
        """
    )
    monkeypatch.setenv("LAB_PASSWORD", "from the environment")
    simulator, lab = read_targets(tmp_path / "targets.toml")
    assert simulator.name == "simulator"
    # Not resolved: a link tells which environment it is.
    assert lab.interpreter == tmp_path / "env/bin/python"
    revealed = lab.revealed()
    assert revealed.options["arguments"] == {"token": "from a file"}
    assert revealed.options["password"] == "from the environment"
    assert revealed.options["noise"] == "none"
    assert "from a file" not in repr(lab), "a configuration holds no secret before it is needed"
    # It goes to another process as JSON, and comes out as it was.
    assert type(revealed).model_validate_json(revealed.model_dump_json()).options["schedule"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a", "is not TOML"),
        ("", "lists no target"),
        ("a = 1", "'a' is no table"),
        ("[a]", "table [a], key 'adapter': it is missing"),
        (
            "[a]\nadapter='x'\nintepreter='y'",
            "table [a], key 'intepreter': there is no such key; a",
        ),
        ("[a]\nadapter='x'\noptions=3", "table [a], key 'options': it must be a table"),
        ("[a]\nadapter='x'\nlimits.qubits=0", "key 'limits.qubits': it must be greater than 0"),
        ("[a]\nadapter='x'\nlimits.qbits=2", "key 'limits.qbits': there is no such key"),
        ("[a]\nadapter='x'\nsecrets.t={file='f', environment='E'}", "key 'secrets.t': give either"),
        ("[a]\nadapter='x'\nconformance='maybe'", "key 'conformance': it must be 'automatic',"),
        ("['a b']\nadapter='x'", "a target's name has"),
        ("[a]\nname='b'\nadapter='x'", "key 'name': the name of the table is"),
        ("[a]\nadapter='x'\nsessions.modes=[]", "key 'sessions': 'modes' must name dedicated or"),
        (
            "[a]\nadapter='x'\nsessions={idle=500, longest_idle=10}",
            "key 'sessions': 'idle' must be at most 'longest_idle', which is 10, not 500",
        ),
        ("[a]\nadapter='x'\nnoise='n'\noptions.noise='m'", "'noise' stands in the table and in"),
    ],
)
def test_a_mistake_is_named_with_file_table_and_key(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_targets(text, PATH)
    assert sentence in str(caught.value)
    assert str(PATH) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_that_is_not_there_is_named_without_a_value(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text(
        "[a]\nadapter='x'\nsecrets.t={file='gone'}\n[b]\nadapter='x'\n"
        "secrets.t={environment='QUWS_TEST_GONE'}"
    )
    first, second = read_targets(path)
    with pytest.raises(ConfigError, match=r"secret 't' of target a: .*/gone cannot be read"):
        first.revealed()
    with pytest.raises(ConfigError, match="QUWS_TEST_GONE is not set"):
        second.revealed()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            "adapter='magic'",
            "there is no adapter 'magic'; installed are: emulator, iqm,",
        ),
        (
            "adapter='emulator'\noptions.devices='x'",
            "has no option 'devices'; it has: device, seed",
        ),
        ("adapter='qiskit'", "needs the option 'backend'"),
        ("adapter='emulator'\noptions.device='nessie'", "no device 'nessie'; quws has bluebell-5,"),
        (
            "adapter='emulator'\noptions.noise='loud'",
            "noise is one of calibration, none, not 'loud'",
        ),
        (
            "adapter='emulator'\nschedule=[{every=5, lasts=9}]",
            "schedule, window 0: lasts must be shorter",
        ),
        (
            "adapter='simulator'\noptions={qubits=5, qbits=6}",
            "has no option 'qbits'; it has: qubits, threads, bond_dimension",
        ),
        ("adapter='simulator'\nnoise='calibration'", "has no option 'noise'; it has: qubits"),
        (
            "adapter='simulator'\noptions.qubits='5'",
            "the option 'qubits' of the adapter 'simulator' must be a valid integer",
        ),
        ("adapter='qiskit'\noptions={backend='a:b', memory=1}", "option 'memory' of the adapter"),
        ("adapter='iqm'\noptions={url='https://x', tokn=''}", "has no option 'tokn'; it has: url"),
        ("adapter='qrmi'\noptions.backend='x'", "has no option 'backend'; it has: resource, type"),
        ("adapter='remote'\noptions={url='https://x', theirs=''}", "has no option 'theirs'"),
        ("adapter='superstaq'\noptions.key='x'", "'key'; it has: url, target, token, timeout"),
    ],
)
def test_options_that_an_adapter_does_not_take(table: str, sentence: str) -> None:
    (config,) = parse_targets(f"[a]\n{table}", PATH)
    for look in (create_target, check_options):
        with pytest.raises(ConfigError) as caught:
            look(config.revealed())
        assert str(caught.value).startswith("target a: ")
        assert sentence in str(caught.value)


def test_options_are_checked_without_a_look_at_secrets() -> None:
    secret = "secrets.token={file='gone'}"
    table = f"[a]\nadapter='remote'\noptions.url='https://x'\n{secret}"
    (config,) = parse_targets(table, PATH)
    check_options(config)
    (config,) = parse_targets(table.replace("secrets.token", "secrets.tokn"), PATH)
    with pytest.raises(ConfigError, match="has no option 'tokn'; it has: url, target, token"):
        check_options(config)
    (config,) = parse_targets(f"[a]\nadapter='superstaq'\n{secret}", PATH)
    with pytest.raises(ConfigError, match="needs the option 'url'"):
        check_options(config)
    (config,) = parse_targets(f"[a]\nadapter='theirs'\n{secret}\ninterpreter='x'", PATH)
    check_options(config)


@pytest.mark.parametrize(
    "options",
    [
        "adapter='emulator'\noptions={overhead=1, schedule=[{every=9, lasts=5}]}",
        "adapter='qrmi'\noptions={resource='r', type='iqm-server', settings={A='b', C=1}}",
    ],
)
def test_numbers_may_be_whole_where_they_need_not_be(options: str) -> None:
    (config,) = parse_targets(f"[a]\n{options}", PATH)
    check_options(config)


def test_the_operator_narrows_a_target() -> None:
    description = TargetDescription(
        name="a",
        kind=TargetKind.HARDWARE,
        title="A",
        qubits=5,
        circuit_limits=CircuitLimits(qubits=5),
    )
    limits = TargetLimits(qubits=9, shots=10, circuits=2, operations=100)
    narrowed = limits.apply(description)
    assert narrowed.circuit_limits.qubits == 5, "a device does not grow"
    assert narrowed.circuit_limits.operations == 100
    assert (narrowed.max_shots, narrowed.max_circuits) == (10, 2)
    (config,) = parse_targets("[a]\nadapter='x'", PATH)
    assert config.apply(description).conformance_rule is ConformanceRule.REQUIRED
    changed = config.apply(narrowed)
    assert changed.fingerprint != config.apply(description).fingerprint
    assert changed.fingerprint == narrowed.fingerprint, "the rule is not what was checked"
