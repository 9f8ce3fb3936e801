"""Everything an operator can set, from the environment (``QUWS_…``) or a command's options."""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from quws.domain.caller import AuthMethod
from quws.domain.doors import DoorName
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, Limits, QuotaRules
from quws.domain.words import first_fault
from quws.services.signing import read_key
from quws.targets import ConfigError, TargetConfig, read_targets

_PROXY_SECRET = re.compile(r"[!-~]{16,200}")


def _slashless(url: str) -> str:
    return url.rstrip("/")


class Settings(BaseSettings):
    """Settings of one process. All times in seconds, all sizes in bytes.

    Without any of them quws is the embedded form: SQLite, files and a private
    Valkey in the data folder.
    """

    model_config = SettingsConfigDict(env_prefix="QUWS_", env_nested_delimiter="__")

    data: Path = Field(
        default_factory=lambda: user_data_path("quws"),
        description="Folder for everything the embedded form keeps.",
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://… or sqlite:///FILE; by default quws.db in the data folder."
    )
    redis_url: SecretStr | None = Field(
        None, description="redis://…, rediss://… or unix:///SOCKET; by default a private Valkey."
    )
    wait_for_schema: float = Field(
        0.0,
        ge=0,
        description="How long a process waits at its start for the database to be migrated.",
    )
    artifacts_url: str | None = Field(
        None, description="file:///…, s3://…, gs://…, az://…; by default a folder below data."
    )
    scratch: Path | None = Field(
        None, description="Folder for the files of running jobs; by default below data."
    )
    targets: Path | None = Field(
        None,
        description="TOML file that lists the targets; by default targets.toml in the data folder,"
        " and without one there is the simulator alone.",
    )
    quotas: Path | None = Field(
        None,
        description="TOML file with the quotas of single users and of groups; by default"
        " quotas.toml in the data folder, if there is one.",
    )
    public_url: Annotated[str, AfterValidator(_slashless)] | None = Field(
        None, description="The URL under which clients reach the service, behind a proxy."
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Further names by which the service may be asked, as a JSON list: beside"
        " localhost, addresses, the name of --host and that of QUWS_PUBLIC_URL. * allows any.",
    )
    doors: list[DoorName] = Field(
        default_factory=lambda: list(DoorName),
        description="Which protocols of other services are spoken as well, as a JSON list; [] for"
        " UWS alone.",
    )
    grpc_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port on which the API serves IQM's gRPC services as well, at the address of"
        " HTTP; 0 for none. It needs the extra 'grpc'.",
    )
    grpc_certificate: Path | None = Field(
        None,
        description="PEM file with the certificate of the gRPC port, and those that it was signed"
        " by: then it is TLS.",
    )
    grpc_key: Path | None = Field(None, description="PEM file with the key of that certificate.")
    sqlite_full_sync: bool = Field(
        False, description="SQLite: lose nothing in a power cut, at one disk sync per write."
    )
    policy: Policy = Field(default_factory=Policy, description="Defaults and limits of jobs.")

    auth: AuthMethod = Field(
        AuthMethod.NONE,
        description="Who may ask: none (one anonymous user), users (accounts), proxy (a header).",
    )
    anonymous: bool = Field(
        False, description="With users or proxy: let requests without credentials in as well."
    )
    proxy_header: str = Field(
        "X-Forwarded-User", description="With proxy: the header that names the user."
    )
    proxy_networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=lambda: [ip_network("127.0.0.0/8"), ip_network("::1/128")],
        description="From where the header is believed; and, whatever QUWS_AUTH is, from where"
        " X-Forwarded-For is, for slowing down who guesses passwords and for the log.",
    )
    proxy_secret: SecretStr = Field(
        SecretStr(""),
        description="With proxy: what the proxy sends as X-Proxy-Secret, so that no other program"
        " can name users: 16 to 200 printable ASCII characters without blanks.",
    )
    signing_key: SecretStr = Field(
        SecretStr(""),
        description="With what records of jobs are signed: 32 random bytes in base64, as 'openssl"
        " rand -base64 32' makes them, the same for all API processes. By default one is made once"
        " and kept in signing.key in the data folder.",
    )
    operators: list[str] = Field(
        default_factory=list, description="With proxy: users who may see everything."
    )

    simulator_qubits: int | None = Field(
        None,
        ge=1,
        description="Without a list of targets: largest state vector; by default what fits into"
        " half the memory.",
    )
    simulator_threads: int = Field(
        0, ge=0, description="Without a list of targets: threads of one run, 0: one per core."
    )
    slots: int = Field(1, ge=1, description="Jobs that one worker runs at once.")
    short_slots: int = Field(
        1,
        ge=0,
        description="Jobs that one worker of a simulator runs besides, of those that are predicted"
        " to take less than a second: they do not wait behind long ones. The API tells places in"
        " the queue by it.",
    )
    remote_slots: int = Field(
        8, ge=1, description="Jobs of one worker that a target with a queue of its own has at once."
    )
    health_check: float = Field(
        30.0, gt=0, description="How often a worker looks whether its target takes work."
    )
    spares: int = Field(1, ge=1, description="Child processes that wait ready for the next job.")
    lease: float = Field(
        15.0,
        ge=0.5,
        description="A worker not heard of for so long is lost; the same for all processes.",
    )
    poll_delay: float = Field(
        5.0,
        gt=0,
        le=10,
        description="How long a worker waits for a hint before it tells Redis that it is there.",
    )
    idle_look: float = Field(
        5.0, gt=0, description="How often an idle worker looks into the database by itself."
    )
    grace: float = Field(
        20.0, ge=0, description="How long a running job may go on after SIGTERM to its worker."
    )
    sweep: float = Field(1.0, gt=0, description="Pause between two sweeps.")
    orphan_age: float = Field(
        3600.0, gt=0, description="How old files must be to be deleted that belong to no job."
    )
    check_seconds: float = Field(
        60.0,
        gt=0,
        description="Processor time that reading the circuits of one request may take.",
    )
    monitor_host: str = Field("127.0.0.1", description="Address of the port for monitoring.")
    monitor_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port on which each process answers /metrics and /health; 0 for none. Under"
        " 'quws serve' the API takes it, the sweeper the next one, the workers those after.",
    )
    max_connections: int = Field(
        4096,
        ge=16,
        description="How many connections the API holds at once. One more ends that which has"
        " been longest without a whole request.",
    )
    max_body: int = Field(32 * 1024 * 1024, description="Largest request body.")
    max_result: int = Field(2 * 1024**3, description="Largest result file.")
    min_free_space: int = Field(
        256 * 1024**2,
        ge=0,
        description="How much must be free on the disks of an SQLite database and of a folder of"
        " artifacts so that new jobs are taken; 0 for any.",
    )

    def resolved_database_url(self) -> str:
        """Return the URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data.absolute() / 'quws.db'}"

    def resolved_redis_url(self) -> str:
        """Return the URL of the Redis.

        Raises
        ------
        ValueError
            None is set: only ``quws serve`` brings its own.

        """
        if self.redis_url is None:
            raise ValueError(
                "QUWS_REDIS_URL is not set; set it to the Redis of your service, or run 'quws"
                " serve', which brings its own"
            )
        return self.redis_url.get_secret_value()

    def resolved_proxy_secret(self) -> str:
        """Return what a proxy that names users proves itself by; empty where none does.

        Raises
        ------
        ValueError
            A proxy is to name users, and this is none.

        """
        if self.auth is not AuthMethod.PROXY:
            return ""
        secret = self.proxy_secret.get_secret_value()
        if not _PROXY_SECRET.fullmatch(secret):
            raise ValueError(
                "with QUWS_AUTH=proxy, QUWS_PROXY_SECRET must be 16 to 200 printable ASCII"
                " characters without blanks, which your proxy sends as X-Proxy-Secret:"
                " else any program that reaches the service could name itself as any user"
            )
        return secret

    def resolved_signing_key(self) -> bytes | None:
        """Return the key with which records are signed; None for the one that is made here.

        Raises
        ------
        ValueError
            It is none.

        """
        text = self.signing_key.get_secret_value().strip()
        if not text:
            return None
        try:
            return read_key(text)
        except ValueError as error:
            raise ValueError(f"QUWS_SIGNING_KEY: {error}") from None

    def resolved_artifacts_url(self) -> str:
        """Return the URL of the artifact store."""
        return self.artifacts_url or (self.data.absolute() / "artifacts").as_uri()

    def resolved_targets(self) -> Path:
        """Return the file that lists the targets; there need not be one."""
        return (self.targets or self.data / "targets.toml").absolute()

    def target_configs(self) -> list[TargetConfig]:
        """List the targets of this service.

        Raises
        ------
        ConfigError
            With a sentence that names file, table and key.

        """
        path = self.resolved_targets()
        if path.exists() or self.targets is not None:
            configs = read_targets(path)
            for config in configs:
                self._check_sessions(path, config)
            return configs
        options = {"qubits": self.simulator_qubits, "threads": self.simulator_threads}
        return [TargetConfig(name="simulator", adapter="simulator", options=options)]

    def _check_sessions(self, path: Path, config: TargetConfig) -> None:
        """Refuse what would be cut without a word: a target's table leaves out the longest."""
        wanted = None if config.sessions is None else config.sessions.idle
        most = self.policy.max_session_idle_seconds
        if config.sessions is None or config.sessions.longest_idle is not None or wanted is None:
            return
        if wanted > most:
            raise ConfigError(
                f"{path}, table [{config.name}], key 'sessions': 'idle' must be at most the longest"
                f" idle time, which is {most}, not {wanted}; 'longest_idle' sets another"
            )

    def target_config(self, name: str) -> TargetConfig:
        """Find one target by its name.

        Raises
        ------
        ConfigError
            With the names that there are.

        """
        configs = self.target_configs()
        for config in configs:
            if config.name == name:
                return config
        known = ", ".join(config.name for config in configs)
        raise ConfigError(f"there is no target '{name}'; configured are: {known}")

    def quota_rules(self) -> QuotaRules:
        """Return the quotas of single users and of groups.

        Raises
        ------
        ConfigError
            With a sentence that names file and key.

        """
        path = (self.quotas or self.data / "quotas.toml").absolute()
        if self.quotas is None and not path.exists():
            return NO_RULES
        return _read_quotas(path)

    def resolved_scratch(self) -> Path:
        """Return the folder for the files of running jobs."""
        return (self.scratch or self.data / "scratch").absolute()


def _read_quotas(path: Path) -> QuotaRules:
    try:
        return QuotaRules.model_validate(tomllib.loads(path.read_bytes().decode()))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        key, why = first_fault(error)
        known = ", ".join(Limits.model_fields)
        raise ConfigError(
            f"{path}, key '{key}': {why}; a table [user.NAME] or [group.NAME] has"
            f" {known}, and that of a group has members"
        ) from None
