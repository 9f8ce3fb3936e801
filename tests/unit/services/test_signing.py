"""The key with which a service signs."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quws.domain.errors import NotFound
from quws.schemas.record import public_of
from quws.services.signing import NO_SIGNER, NoKey, Signer, read_key


def test_a_key_is_32_bytes() -> None:
    assert read_key(f" {base64.b64encode(bytes(32)).decode()}\n") == bytes(32)
    for text in ("", "AAAA", "é", "!" * 44):
        with pytest.raises(ValueError, match="32 bytes in base64"):
            read_key(text)


def test_all_processes_have_the_key_that_the_first_has_made(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    path = tmp_path / "data" / "signing.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: Signer(path).public().kid, range(16)))
    assert len(keys) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["signing.key"]
    assert public_of(read_key(path.read_text())).kid in keys


def test_the_operators_key_goes_first_and_no_file_is_made(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    path = tmp_path / "signing.key"
    assert Signer(path, bytes(32)).public() == public_of(bytes(32))
    assert not path.exists()


def test_a_file_that_is_no_key_is_not_replaced(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    path = tmp_path / "signing.key"
    path.write_text("mine")
    with pytest.raises(NoKey, match="32 bytes in base64") as refused:
        Signer(path).public()
    assert "QUWS_SIGNING_KEY" in refused.value.sentence
    assert path.read_text() == "mine"


def test_without_its_library_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.schemas.record.find_spec", lambda name: None)
    signer = Signer(tmp_path / "signing.key")
    assert [signer.can_sign(), NO_SIGNER.can_sign()] == [False, False]
    with pytest.raises(NotFound, match=r"install quws\[records\]"):
        signer.public()
    assert list(tmp_path.iterdir()) == []
