"""The codes of refusals, which programs of others depend on."""

from __future__ import annotations

import pytest

from quws.domain import errors

CODES = {
    errors.Refusal: "refused",
    errors.InvalidParameter: "invalid_parameter",
    errors.KindNotSupported: "job_type_not_supported",
    errors.InvalidFilter: "invalid_filter",
    errors.InvalidCircuit: "invalid_payload",
    errors.UnknownTarget: "unknown_target",
    errors.KeyUsed: "idempotency_key_used",
    errors.TimeslotRequired: "timeslot_required",
    errors.NoBookedTimeslots: "no_booked_timeslots",
    errors.TimeslotTaken: "timeslot_taken",
    errors.TooLarge: "too_large",
    errors.NotFound: "not_found",
    errors.Forbidden: "forbidden",
    errors.IllegalMove: "illegal_in_phase",
    errors.QuotaExceeded: "quota_exceeded",
    errors.SessionClosed: "session_closed",
    errors.Unavailable: "unavailable",
    errors.OutcomeUnknown: "outcome_unknown",
    errors.TooManyRequests: "too_many_requests",
    errors.StorageFull: "insufficient_storage",
    errors.Unauthenticated: "unauthenticated",
}


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=CODES.values())
def test_a_code_stays(kind: type[errors.Refusal], code: str) -> None:
    assert kind.code == code


def test_no_refusal_of_the_domain_is_forgotten_here() -> None:
    kinds = {item for item in vars(errors).values() if isinstance(item, type)}
    assert {kind for kind in kinds if issubclass(kind, errors.Refusal)} == set(CODES)


def test_what_a_refusal_says() -> None:
    refusal = errors.InvalidParameter("SHOTS must be a number", parameter="SHOTS")
    assert str(refusal) == refusal.sentence == "SHOTS must be a number"
    assert refusal.parameter == "SHOTS"
    assert errors.NotFound("there is no such job").parameter is None


def test_a_circuit_is_refused_at_a_place() -> None:
    nowhere = errors.InvalidCircuit("it is empty")
    assert (nowhere.line, nowhere.column, nowhere.circuit) == (None, None, 0)
    assert nowhere.parameter == "CIRCUIT"
    somewhere = errors.InvalidCircuit("a ';' is missing", line=2, column=5, circuit=7)
    assert (somewhere.line, somewhere.column, somewhere.circuit) == (2, 5, 7)
