"""Whatever QRMI reaches, as far as circuits of ours can be written for it."""

from quws.targets.qrmi.target import Qrmi

__all__ = ["Qrmi"]
