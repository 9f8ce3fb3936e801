"""Names, passwords and tokens: what is one, and how they are kept."""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64decode

import pytest

from quws.domain.accounts import check_name, hash_password, hash_token, new_token, password_fits
from quws.domain.errors import InvalidParameter


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_little() -> None:
    """Here they cost what they do."""


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_password_has_a_least_and_a_greatest_length(password: str) -> None:
    with pytest.raises(InvalidParameter, match="a password has 8 to 1024 characters") as caught:
        hash_password(password)
    assert caught.value.parameter == "password"


@pytest.mark.parametrize("password", ["12345678", "x" * 1024, "pässwörd"])
def test_a_password_fits_its_hash_and_no_other(password: str) -> None:
    stored, again = hash_password(password), hash_password(password)
    assert stored.startswith("scrypt$")
    assert password not in stored
    assert stored != again, "each has a salt of its own"
    assert password_fits(password, stored)
    assert password_fits(password, again)
    assert not password_fits(password[:-1], stored)
    assert not password_fits(password + "x", stored)


@pytest.mark.parametrize("stored", ["", "scrypt", "scrypt$AAAA", "md5$AAAA$AAAA"])
def test_nothing_fits_what_is_no_hash(stored: str) -> None:
    assert not password_fits("12345678", stored)


@pytest.mark.parametrize("name", ["a", "Anna.B@lab-1_x+y", "7", "x" * 64])
def test_names_that_are_some(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a b", "-a", "@a", "x" * 65, "anna\n", "ä", "a/b"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidParameter, match="has not") as caught:
        check_name(name)
    assert caught.value.parameter == "name"


def test_tokens_cannot_be_guessed_nor_read_back() -> None:
    first, second = new_token(), new_token()
    assert first != second
    assert first.startswith("quws_")
    assert len(first) >= 48
    assert hash_token(first) == hash_token(first) != hash_token(second)
    assert len(hash_token(first)) == 64


def test_what_is_too_long_is_not_even_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    # A hash of megabytes would be work that anybody can ask for.
    stored = hash_password("12345678")
    monkeypatch.setattr("quws.domain.accounts._scrypt", lambda *_: pytest.fail("it was hashed"))
    assert password_fits("x" * 1025, stored) is False
    assert password_fits("12345678", stored.replace("scrypt", "md5")) is False


def test_a_hash_is_as_dear_as_is_recommended() -> None:
    # 32 MiB for each guess: n = 2^14, r = 8, p = 1 as RFC 7914 has them for sign-in.
    _, salt, digest = hash_password("12345678").split("$")
    assert len(b64decode(salt)) == 16
    again = hashlib.scrypt(b"12345678", salt=b64decode(salt), n=2**14, r=8, p=1)
    assert b64decode(digest) == again


def test_a_token_has_256_bits() -> None:
    assert len(urlsafe_b64decode(new_token().removeprefix("quws_") + "=")) == 32
    assert hash_token("quws_x") == hashlib.sha256(b"quws_x").hexdigest()
