"""The texts of the pages, by language: one TOML file for each, all with the same names."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT = "en"
_FOLDER = Path(__file__).parent


class Texts:
    """The texts of one language. ``t.job.title`` is a text, ``t.n(t.job.ahead, 3)`` a plural."""

    def __init__(self, language: str, sections: dict[str, dict[str, Any]]) -> None:
        self.language = language
        self._sections = sections

    def __getattr__(self, section: str) -> dict[str, Any]:
        try:
            return self._sections[section]
        except KeyError:
            raise AttributeError(section) from None

    def parameter(self, name: str, label: str, words: str) -> tuple[str, str]:
        """Return the label and the sentence of a parameter, else those that it brings along."""
        own = self._sections.get("parameters", {}).get(name, {})
        return own.get("label", label), own.get("help", words)

    def n(self, forms: dict[str, str], number: int, **values: Any) -> str:
        """Choose the form for a number and fill it in."""
        form = forms["one"] if number == 1 else forms["other"]
        return form.format(n=f"{number:,}".replace(",", "\u202f"), **values)


def texts_for(accepted: str) -> Texts:
    """Choose the first language of an Accept-Language header that there is."""
    known = _all()
    wanted = []
    for part in accepted.split(","):
        name, _, weight = part.partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, name.strip().lower()[:2]))
    return next((known[name] for _, name in sorted(wanted) if name in known), known[DEFAULT])


@cache
def _all() -> dict[str, Texts]:
    return {
        path.stem: Texts(path.stem, tomllib.loads(path.read_text()))
        for path in _FOLDER.glob("*.toml")
    }
