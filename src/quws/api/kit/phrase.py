"""Reason phrases: the only part of a refusal that some clients show their users.

So do STILTS and TOPCAT, which read no body of a 403, and astroquery. The protocol lets a
service choose them, and tells everybody else to ignore them (RFC 9112, section 4).
"""

from __future__ import annotations

import re
from http import HTTPStatus

_LONGEST = 300
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


class Worded(int):
    """A status that is told with a sentence. Servers that know no phrases take it for a number."""

    phrase: str

    def __new__(cls, status: int, sentence: str) -> Worded:
        """Put a sentence behind the usual phrase of a status."""
        made = super().__new__(cls, status)
        text = " ".join(f"{HTTPStatus(status).phrase}: {sentence}".split())
        made.phrase = _NOT_PLAIN.sub("?", text)[:_LONGEST]
        return made
