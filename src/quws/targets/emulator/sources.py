"""Where the description of a device comes from, by the name that the operator gives."""

from __future__ import annotations

import importlib
from typing import Any

from quws.targets.emulator.device import Device, device_of, own_device, own_devices
from quws.targets.emulator.iqm import device_of_profile
from quws.targets.importing import find_attribute

SOURCES = (
    "generic:QUBITS (Qiskit's GenericBackendV2), ibm:CLASS (qiskit-ibm-runtime's fake provider,"
    " such as ibm:FakeManilaV2), iqm:CLASS (IQM's fake backends, such as iqm:IQMFakeAdonis), or"
    " MODULE:NAME (any Qiskit backend)"
)
_PACKAGES = {
    "ibm": ("qiskit_ibm_runtime.fake_provider", "qiskit-ibm-runtime"),
    "iqm": ("iqm.qiskit_iqm", "iqm-client[qiskit]"),
}


def is_own(name: str) -> bool:
    """Whether a device comes with quws, so that nothing must be loaded to describe it."""
    return ":" not in name


def find_device(name: str, seed: int) -> Device:
    """Find a device.

    Raises
    ------
    ValueError
        There is none of this name, or its package is not installed.

    """
    if is_own(name):
        try:
            return own_device(name)
        except KeyError:
            raise ValueError(
                f"there is no device '{name}'; quws has {', '.join(own_devices())}, and others"
                f" are given as {SOURCES}"
            ) from None
    backend = _backend(name, seed)
    if hasattr(backend, "error_profile"):
        return device_of_profile(backend, name)
    return device_of(backend, name)


def _backend(name: str, seed: int) -> Any:
    source, _, what = name.partition(":")
    if source == "generic":
        from qiskit.providers.fake_provider import GenericBackendV2  # noqa: PLC0415

        if not what.isdecimal() or not 1 <= int(what) <= 1000:
            raise ValueError(f"device '{name}': the number of qubits is from 1 to 1000")
        return GenericBackendV2(int(what), seed=seed)
    if source not in _PACKAGES:
        return find_attribute(name)()
    module, package = _PACKAGES[source]
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"device '{name}' needs the package {package}, which cannot be imported: {error}"
        ) from None
    for place in (found, *_submodules(module, source)):
        make = getattr(place, what, None)
        if make is not None:
            return make()
    raise ValueError(f"{module} has no device '{what}'")


def _submodules(module: str, source: str) -> list[Any]:
    if source != "iqm":
        return []
    # Not all of them are offered at the top.
    names = ("adonis", "aphrodite", "apollo", "deneb", "garnet")
    found = []
    for name in names:
        try:
            found.append(importlib.import_module(f"{module}.fake_backends.fake_{name}"))
        except ImportError:
            continue
    return found
