"""The formats in which a result can be had, by what RESPONSEFORMAT calls them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The formats, by their short names."""

    VOTABLE = "votable"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    """Apache Parquet."""
    NPZ = "npz"
    """Bits of shots, eight in a byte, in an archive of NumPy's."""

    @property
    def ending(self) -> str:
        """How names of files end."""
        return "vot" if self is Format.VOTABLE else str(self)


MEDIA_TYPES = {
    Format.VOTABLE: "application/x-votable+xml",
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.NPZ: "application/x-npz",
}
_NAMES = (
    {str(item): item for item in Format}
    | {kind: item for item, kind in MEDIA_TYPES.items()}
    | {"votable_plain": Format.VOTABLE, "text/xml": Format.VOTABLE}
)


def named(text: str) -> Format | None:
    """Return the format of a short name or a media type; None where there is none."""
    return _NAMES.get(text.split(";", maxsplit=1)[0].strip().lower())


def media_type(text: str, wanted: Format) -> str:
    """Return the type of an answer: who asks by a media type gets that one (DALI 1.1, 3.4.3)."""
    name = text.split(";", maxsplit=1)[0].strip().lower()
    return name if "/" in name else MEDIA_TYPES[wanted]
