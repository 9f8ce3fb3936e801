"""The formats that circuits come in: one file each, behind the protocol of ``format``."""
