"""Whose job it is, and who may see it."""

import pytest

from quws.domain.caller import (
    ANONYMOUS,
    AuthMethod,
    Caller,
    Credential,
    CredentialKind,
    is_user_name,
)


@pytest.mark.parametrize(
    ("caller", "owner", "may"),
    [
        (Caller("ada"), "ada", True),
        (Caller("ada"), "Ada", False),
        (Caller("ada"), "bob", False),
        (Caller("ada"), None, False),
        (Caller("ada", operator=True), "bob", True),
        (Caller("ada", operator=True), None, True),
        (ANONYMOUS, None, True),
        (ANONYMOUS, "ada", False),
    ],
)
def test_who_may_see_whose_jobs(caller: Caller, owner: str | None, may: bool) -> None:
    assert caller.may_see(owner) is may


def test_nobody_is_an_operator_by_default() -> None:
    assert not Caller("ada").operator
    assert not ANONYMOUS.operator
    assert ANONYMOUS.name is None


def test_the_ways_to_sign_in_by_the_names_of_the_setting() -> None:
    assert set(AuthMethod) == {"none", "users", "proxy"}


def test_what_somebody_has_shown_is_not_written_and_makes_nobody_else_of_them() -> None:
    caller = Caller("ada", credential=Credential(CredentialKind.SESSION, "hash-of-it"))
    assert caller == Caller("ada")
    assert "hash-of-it" not in repr(caller) + repr(caller.credential)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("carol", True),
        ("Carol Doe", True),
        ("x" * 200, True),
        ("", False),
        ("x" * 201, False),
        (" carol", False),
        ("carol ", False),
        ("carol  doe", False),
        ("carol\n", False),
        ("carol\0", False),
        ("carol\u2003doe", False),
        ("carol\u200b", False),
    ],
)
def test_names_of_users_cannot_be_mistaken_for_each_other(name: str, *, is_one: bool) -> None:
    assert is_user_name(name) is is_one
