"""What any XML document of ours needs: its first lines, and texts that it can hold."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from quws.domain.parameters.values import is_xml_text


def head(stylesheet: str) -> str:
    """Write what stands before the root of a document: a browser then shows it as a page.

    With CSS and not XSLT, which browsers are giving up.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<?xml-stylesheet type="text/css" href={quoteattr(stylesheet)}?>\n'
    )


def xml_safe(text: str) -> str:
    """Replace characters that XML cannot hold: for texts of ours, never for a user's value."""
    if is_xml_text(text):
        return text
    return "".join(char if is_xml_text(char) else "\ufffd" for char in text)


def xml_text(text: str) -> str:
    """Write a text between two tags, so that it is read back unchanged."""
    # A bare CR would be read back as LF.
    return escape(text, {"\r": "&#13;"})
