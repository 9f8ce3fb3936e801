"""Signed records of runs: what is signed, and by which key."""

from __future__ import annotations

from typing import Any

import pytest

from quws.schemas.record import (
    BadRecord,
    RecordJson,
    SignedJson,
    canonical,
    check,
    public_of,
    sign,
)

# The first key of RFC 8032, section 7.1, which RFC 8037 (appendix A) writes as JSON too.
PRIVATE = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

RECORD = RecordJson(
    job="01-job",
    phase="COMPLETED",
    target="star",
    calibration=None,
    seed="9223372036854775807",
    created="2026-11-21T10:00:00.123Z",
    started=None,
    ended=None,
    versions={"quws": "0.1.0"},
    files={"circuits/0.qasm": "00"},
)


def test_json_is_written_as_the_standard_has_it() -> None:
    value = {"b": [1, None, "€\u2028/"], "a": {"\r": '\x0f\n"\\\x7f', "1": ""}, "A": "é"}
    assert canonical(value) == (
        '{"A":"é","a":{"\\r":"\\u000f\\n\\"\\\\\x7f","1":""},"b":[1,null,"€\u2028/"]}'.encode()
    )


@pytest.mark.parametrize("value", [1.5, [2**53], {"é": 1}, {"a": (1,)}, b""])
def test_of_what_is_not_known_here_nothing_is_written(value: Any) -> None:
    with pytest.raises(ValueError, match=r"ASCII|canonical JSON"):
        canonical(value)


def test_a_key_is_called_by_its_thumbprint() -> None:
    pytest.importorskip("cryptography")
    key = public_of(PRIVATE)
    assert (key.x, key.kid) == (PUBLIC, THUMBPRINT)


def test_what_was_signed_is_right_and_what_was_changed_is_not() -> None:
    pytest.importorskip("cryptography")
    signed = sign(RECORD, PRIVATE)
    assert sign(RECORD, PRIVATE) == signed
    check(SignedJson.model_validate_json(signed.model_dump_json(indent=3)))
    other = sign(RECORD, bytes(32))
    changed = [
        (signed.model_copy(update={"record": RECORD.model_copy(update={"seed": "1"})}), "changed"),
        (signed.model_copy(update={"key": other.key}), "changed"),
        (signed.model_copy(update={"signature": other.signature}), "changed"),
        (signed.model_copy(update={"signature": "!"}), "no signed record"),
        (
            signed.model_copy(update={"key": signed.key.model_copy(update={"kid": "mine"})}),
            "kid was changed",
        ),
    ]
    for found, sentence in changed:
        with pytest.raises(BadRecord, match=sentence):
            check(found)
