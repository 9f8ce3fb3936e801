"""Bytes of payloads and results, in a folder or in object storage."""

from quws.artifacts.store import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable

__all__ = ["ArtifactMissing", "ArtifactStore", "ArtifactStoreUnavailable"]
