"""Parameters that come as JSON."""

import json
import time

import pytest

from quws.api.kit.json_fields import NoJson, parse_json
from quws.domain.parameters.posted import Posted

TEXT = "text/plain; charset=utf-8"


def parsed(text: str) -> list[tuple[str, str]]:
    return [(item.name, item.value.decode()) for item in parse_json(text.encode(), 100)]


def test_every_value_comes_as_a_form_would_bring_it() -> None:
    circuit = 'OPENQASM 3.0; // "é" \\ 量\r\n'
    assert parsed(
        json.dumps({"CIRCUIT": [circuit, "b"], "shots": 100, "MEMORY": True, "SEED": None})
    ) == [("CIRCUIT", circuit), ("CIRCUIT", "b"), ("shots", "100"), ("MEMORY", "true")]


def test_numbers_and_objects_are_kept_as_they_are_written() -> None:
    body = b' {"METADATA" : { "run":  1.50 },\n"X":[1e3 , {"a":[]}, [1, 2], null]} '
    assert parse_json(body, 9) == [
        Posted("METADATA", b'{ "run":  1.50 }', "application/json"),
        Posted("X", b"1e3", TEXT),
        Posted("X", b'{"a":[]}', "application/json"),
        Posted("X", b"[1, 2]", "application/json"),
    ]  # fmt: skip


def test_a_list_may_be_one_value() -> None:
    body = b'{"rows": [ {"a": 1}, {"a":2}], "X": [1, 2]}'
    assert parse_json(body, 9, whole=lambda name: name == "rows") == [
        Posted("rows", b'[ {"a": 1}, {"a":2}]', "application/json"),
        Posted("X", b"1", TEXT),
        Posted("X", b"2", TEXT),
    ]


def test_a_field_may_come_twice() -> None:
    assert parsed('{"TAG": "a", "TAG": "b"}') == [("TAG", "a"), ("TAG", "b")]


@pytest.mark.parametrize("text", ["{}", " { } ", '{"a": []}', '{"a": [ ] }', '{"a": null}'])
def test_nothing(text: str) -> None:
    assert parsed(text) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ('"a"', "must be a JSON object"),
        ("{", "at line 1, column 2"),
        ('{"a"}', "':' must stand here at line 1, column 5"),
        ('{"a": 1', "'}' must stand here at line 1, column 8"),
        ('{"a": [1}', "']' must stand here at line 1, column 9"),
        ('{"a": 1,}', "at line 1, column 9"),
        ('{\n1: 2}', "the name of a field must stand here at line 2"),
        ('{"a": [1,]}', "at line 1, column 10"),
        ('{"a": 1} x', "the body must end here"),
        ('{"a": NaN}', "it has NaN"),
        ('{"a": "\\ud800"}', "halves of surrogate pairs"),
        ('{"a": {"b": ' + "[" * 100_000, "nests"),
        ("{" + ",".join(f'"{k}": 1' for k in range(101)) + "}", "more than 100 values"),
        ('{"a": [' + "1," * 100 + "1]}", "more than 100 values"),
    ],
)  # fmt: skip
def test_what_is_no_json(text: str, sentence: str) -> None:
    with pytest.raises(NoJson) as caught:
        parsed(text)
    assert sentence in str(caught.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(NoJson, match="byte 6 is not"):
        parse_json(b'{"a":"\xff"}', 1)


def test_takes_linear_time() -> None:
    body = json.dumps({"CIRCUIT": ["h q[0];\n" * 100] * 10_000}).encode()
    started = time.process_time()
    assert len(parse_json(body, 10_000)) == 10_000
    assert time.process_time() - started < 5
