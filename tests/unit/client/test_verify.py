"""Records and bundles, checked without the service that made them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from quws.client.verify import verify
from quws.schemas.record import BadRecord, KeysJson, RecordJson, public_of, sign

KEY, OTHER = bytes(32), bytes(31) + b"1"
FILES = {"job.json": b"{}", "results/counts.json": b"[]"}
RECORD = RecordJson(
    job="01-job",
    phase="COMPLETED",
    target="star",
    calibration=None,
    seed=None,
    created="c",
    started=None,
    ended=None,
    versions={},
    files={name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()},
)


def bundle(path: Path, files: dict[str, bytes], key: bytes = KEY) -> Path:
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("record.json", sign(RECORD, key).model_dump_json())
        archive.writestr("timeline.json", "[]")
    return path


@pytest.fixture(autouse=True)
def _library() -> None:
    pytest.importorskip("cryptography")


def test_a_bundle_is_right(tmp_path: Path) -> None:
    path = bundle(tmp_path / "all.zip", FILES)
    kid = public_of(KEY).kid
    keys = tmp_path / "keys.json"
    keys.write_text(KeysJson(keys=[public_of(OTHER), public_of(KEY)]).model_dump_json())
    for key in (None, kid, str(keys)):
        found = verify(path, key)
        assert (found.record, found.kid, found.files) == (RECORD, kid, 2)


def test_a_record_alone_is_right(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(sign(RECORD, KEY).model_dump_json())
    assert verify(path).files == 0


def test_another_key_is_told(tmp_path: Path) -> None:
    path = bundle(tmp_path / "all.zip", FILES, OTHER)
    with pytest.raises(BadRecord, match=f"signed by another key: {public_of(OTHER).kid}"):
        verify(path, public_of(KEY).kid)
    with pytest.raises(BadRecord, match="holds no keys"):
        verify(path, __file__)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda files: files | {"job.json": b"{ }"}, "the file job.json is not what it was"),
        (lambda files: files | {"more": b""}, "the file more is not in the record"),
        (lambda files: {"job.json": b"{}"}, "the file results/counts.json is missing"),
    ],
)
def test_a_bundle_that_was_changed_is_told(
    tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], sentence: str
) -> None:
    with pytest.raises(BadRecord, match=sentence):
        verify(bundle(tmp_path / "all.zip", change(FILES)))


def test_what_is_no_record_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("{}")
    with pytest.raises(BadRecord, match="it is no signed record"):
        verify(path)
    with ZipFile(path, "w") as archive:
        archive.writestr("job.json", "{}")
    with pytest.raises(BadRecord, match=r"has no record\.json: whoever made it does not sign"):
        verify(path)
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "nothing")


def test_without_the_library_nothing_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.schemas.record.find_spec", lambda name: None)
    with pytest.raises(BadRecord, match=r"install quws\[records\]"):
        verify(bundle(tmp_path / "all.zip", FILES))
