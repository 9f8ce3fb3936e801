"""The XML schemas of the standards, which are not ours to distribute.

They are taken from ``QUWS_TEST_SCHEMAS``, from ``../shared/uws/schema``, or
from the STILTS jar that Debian ships.
"""

from __future__ import annotations

import os
import zipfile
from functools import cache
from pathlib import Path
from typing import ClassVar

from lxml import etree

_JARS = sorted(Path("/usr/share/java").glob("*ttools*.jar"))
_ROOT = Path(__file__).parents[1]


class NoSchemas(Exception):
    """There are no schemas on this machine."""


def _folder() -> Path | None:
    candidates = [os.environ.get("QUWS_TEST_SCHEMAS"), _ROOT.parent / "shared/uws/schema"]
    for candidate in candidates:
        if candidate and (Path(candidate) / "UWS-v1.1.xsd").exists():
            return Path(candidate)
    return None


class _Resolver(etree.Resolver):
    """Finds what a schema imports beside it, whatever address it gives."""

    _NAMES: ClassVar = {
        "xlink.xsd": "xlink.xsd",
        "xml.xsd": "xmlnamespace.xsd",
        "xmlnamespace.xsd": "xmlnamespace.xsd",
    }

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, url, public_id, context):  # type: ignore[no-untyped-def]
        name = url.rsplit("/", 1)[-1]
        path = self._folder / self._NAMES.get(name, name)
        return self.resolve_filename(str(path), context) if path.exists() else None


@cache
def uws_schema() -> etree.XMLSchema:
    folder = _folder()
    if folder is None:
        for jar in _JARS:
            return _from_jar(jar)
        raise NoSchemas(
            "the UWS schema is needed and is not here: set QUWS_TEST_SCHEMAS to a folder that holds"
            " UWS-v1.1.xsd and xlink.xsd, or install Debian's package stilts"
        )
    parser = etree.XMLParser()
    parser.resolvers.add(_Resolver(folder))
    return etree.XMLSchema(etree.parse(str(folder / "UWS-v1.1.xsd"), parser))


def _from_jar(jar: Path) -> etree.XMLSchema:
    with zipfile.ZipFile(jar) as archive:
        names = {Path(name).name: name for name in archive.namelist() if name.endswith(".xsd")}

        class Resolver(etree.Resolver):
            def resolve(self, url, public_id, context):  # type: ignore[no-untyped-def]
                name = url.rsplit("/", 1)[-1]
                found = names.get(_Resolver._NAMES.get(name, name))
                return self.resolve_string(archive.read(found), context) if found else None

        main = next(name for base, name in names.items() if base.startswith("UWS"))
        parser = etree.XMLParser()
        parser.resolvers.add(Resolver())
        return etree.XMLSchema(etree.fromstring(archive.read(main), parser))


def validate(document: bytes) -> etree._Element:
    """Parse a document and make sure that it is valid UWS 1.1."""
    root = etree.fromstring(document)
    uws_schema().assertValid(root)
    return root
