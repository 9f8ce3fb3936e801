"""The settings of the environment, and what must hold of them before a service listens."""

from __future__ import annotations

import ipaddress

from pydantic import ValidationError

from quws.cli.options import stop
from quws.settings import Settings


def read_settings() -> Settings:
    """Return the settings of the environment, or end with the name of the first that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "QUWS_" + "__".join(str(part) for part in first["loc"]).upper()
        stop(f"{name}: {first['msg'].removeprefix('Value error, ')}")
    except RuntimeError as error:
        # Nobody has told where data go, and the system does not know where this user is at home.
        stop(f"{error}; or set QUWS_DATA to the data folder")


def refuse_public(host: str, *, allow_anonymous: bool) -> None:
    """End the command where anybody could use the service unasked, or as whom they like."""
    settings = read_settings()
    try:
        settings.resolved_proxy_secret()
        settings.resolved_signing_key()
    except ValueError as error:
        stop(str(error))
    if allow_anonymous or host == "localhost" or settings.auth != "none":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        stop(
            f"on {host} other machines can reach the service, and nobody has to sign in; set"
            " QUWS_AUTH to users or proxy, or add --allow-anonymous if that is meant"
        )
