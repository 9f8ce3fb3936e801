"""quws: a UWS 1.1 job service that runs quantum circuits."""

__version__ = "0.1.0"
