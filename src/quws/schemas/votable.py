"""What VOTables of ours consist of: each is a text with one resource."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

VOTABLE_TYPE = "application/x-votable+xml"


def votable(content: str) -> str:
    """Write a VOTable around what its one resource holds: INFO, PARAM and TABLE elements."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results">{content}</RESOURCE></VOTABLE>\n'
    )


def field(
    name: str, datatype: str, description: str, *, unit: str | None = None, id: str | None = None
) -> str:
    """Write a column of a table. One of datatype ``char`` holds texts of any length."""
    return (
        f"<FIELD{_given(ID=id)} name={quoteattr(name)}{_type(datatype)}{_given(unit=unit)}>"
        f"<DESCRIPTION>{escape(description)}</DESCRIPTION></FIELD>"
    )


def param(name: str, datatype: str, value: object, description: str, *, id: str) -> str:
    """Write a value that holds for a whole table."""
    return (
        f"<PARAM ID={quoteattr(id)} name={quoteattr(name)}{_type(datatype)}"
        f" value={quoteattr(str(value))}>"
        f"<DESCRIPTION>{escape(description)}</DESCRIPTION></PARAM>"
    )


def _type(datatype: str) -> str:
    return f' datatype="{datatype}"' + (' arraysize="*"' if datatype == "char" else "")


def _given(**attributes: str | None) -> str:
    return "".join(
        f" {name}={quoteattr(value)}" for name, value in attributes.items() if value is not None
    )
