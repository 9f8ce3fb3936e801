"""The job description language: what is taken, and what is refused in which words."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quws.domain.circuits import Language
from quws.domain.errors import InvalidParameter, KindNotSupported
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.parameters.posted import Posted, text_of, with_parts
from quws.domain.parameters.reading import read_control, read_job
from quws.domain.parameters.request import Control, JobRequest
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.values import ResponseFormat, is_xml_text
from quws.domain.policy import Policy
from quws.domain.times import MAX_SECONDS

CONTROL, KNOWN, IGNORED = SPECIFICATIONS.control, SPECIFICATIONS.known, SPECIFICATIONS.ignored
POLICY = Policy(shots=1000)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


CIRCUIT = "OPENQASM 2.0; qreg q[1];"


def posted(*pairs: tuple[str, str | bytes]) -> list[Posted]:
    return [
        Posted(name, value if isinstance(value, bytes) else value.encode()) for name, value in pairs
    ]


def job(*pairs: tuple[str, str | bytes]) -> JobRequest:
    return read_job(posted(("CIRCUIT", CIRCUIT), *pairs), POLICY)


def control(*pairs: tuple[str, str | bytes]) -> Control:
    return read_control(posted(*pairs))[0]


def refused(*pairs: tuple[str, str | bytes]) -> InvalidParameter:
    with pytest.raises(InvalidParameter) as caught:
        job(*pairs)
    return caught.value


# -- control ------------------------------------------------------------------


def test_control_is_taken_out_in_any_case_and_the_rest_is_left_alone() -> None:
    items = posted(
        ("RunId", "first"),
        ("shots", "5"),
        ("phase", "RUN"),
        ("Circuit", CIRCUIT),
        ("DESTRUCTION", "2026-11-21T10:00:00Z"),
        ("executionDuration", "60"),
        ("Circuit", CIRCUIT),
    )
    found, rest = read_control(items)
    assert found == Control("first", "RUN", datetime(2026, 11, 21, 10, tzinfo=UTC), 60)
    assert rest == [items[1], items[3], items[6]]


def test_no_control_at_all() -> None:
    found, rest = read_control(posted(("SHOTS", "5")))
    assert found == Control()
    assert found.empty
    assert len(rest) == 1


@pytest.mark.parametrize(
    "pair",
    [("RUNID", ""), ("PHASE", "ABORT"), ("DESTRUCTION", "2015"), ("EXECUTIONDURATION", "0")],
)
def test_a_control_parameter_counts_even_when_it_is_blank_or_zero(pair: tuple[str, str]) -> None:
    assert not control(pair).empty


def test_the_last_control_parameter_wins() -> None:
    found = control(("PHASE", "RUN"), ("phase", "ABORT"), ("RUNID", "a"), ("RunID", "b"))
    assert (found.phase, found.run_id) == ("ABORT", "b")


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "tab\there", "line\nbreak\r", "量子 é 😀", "<&>\"']]>", "x" * 1000]
)
def test_a_run_id_is_kept_as_it_is(text: str) -> None:
    assert control(("RUNID", text)).run_id == text


@pytest.mark.parametrize("text", ["\x00", "a\x01", "\x1b[31m", "\ufffe", "\uffff", "\x0b"])
def test_a_run_id_that_xml_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="RUNID") as caught:
        control(("runid", text))
    assert caught.value.parameter == "RUNID"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1", 1), ("+1", 1), (" 60 ", 60), ("007", 7), (str(MAX_SECONDS), MAX_SECONDS)],
)
def test_an_execution_duration(text: str, seconds: int) -> None:
    assert control(("EXECUTIONDURATION", text)).execution_duration == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1.5",
        "1e3",
        "ten",
        "1_000",
        "0x10",
        "1 0",
        "+",
        "\u0666\u0660",
        "\uff16\uff10",
        str(MAX_SECONDS + 1),
        "9" * 5000,
    ],
)
def test_what_is_no_execution_duration(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^EXECUTIONDURATION must be a whole") as caught:
        control(("executionduration", text))
    assert caught.value.parameter == "EXECUTIONDURATION"
    assert len(caught.value.sentence) < 200


@pytest.mark.parametrize("text", ["", "run", "RUN ", "ABORTED", "PENDING", "DELETE", "x" * 5000])
def test_what_is_no_phase(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^PHASE must be RUN or ABORT, not ") as caught:
        control(("phase", text))
    assert caught.value.parameter == "PHASE"
    assert len(caught.value.sentence) < 200


@pytest.mark.parametrize("text", ["", "tomorrow", "2015-13-01", "0000-01-01"])
def test_what_is_no_destruction(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^DESTRUCTION: ") as caught:
        control(("destruction", text))
    assert caught.value.parameter == "DESTRUCTION"


@pytest.mark.parametrize("name", CONTROL)
def test_control_must_be_utf8(name: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"^{name} must be UTF-8 text; byte 1") as caught:
        control((name.lower(), b"a\xff"))
    assert caught.value.parameter == name


# -- the job ------------------------------------------------------------------


def test_a_circuit_is_enough() -> None:
    assert job() == JobRequest(
        circuits=[CIRCUIT],
        language=None,
        options=RunOptions(shots=1000, seed=None, memory=False, method=None, noise=None),
        target=None,
        response_format=ResponseFormat.VOTABLE,
        tags=[],
        metadata={},
    )


def test_everything_at_once_in_any_case() -> None:
    read = read_job(
        posted(
            ("circuit", CIRCUIT),
            ("Lang", "openqasm-2"),
            ("shots", "5"),
            ("TaRgEt", " simulator "),
            ("seed", "7"),
            ("memory", "TRUE"),
            ("responseFormat", "JSON"),
            ("tag", "a"),
            ("CIRCUIT", CIRCUIT + "\r\n// é 量子"),
            ("TAG", "b b"),
            ("metadata", '{"a": [1, null, "é"]}'),
        ),
        POLICY,
    )
    assert read == JobRequest(
        circuits=[CIRCUIT, CIRCUIT + "\r\n// é 量子"],
        language=Language.OPENQASM_2,
        options=RunOptions(shots=5, seed=7, memory=True),
        target="simulator",
        response_format=ResponseFormat.JSON,
        tags=["a", "b b"],
        metadata={"a": [1, None, "é"]},
    )


def test_query_is_another_name_of_circuit() -> None:
    read = read_job(posted(("query", "a"), ("QUERY", "b")), POLICY)
    assert read.circuits == ["a", "b"]


def test_both_names_at_once_are_refused() -> None:
    error = refused(("query", CIRCUIT))
    assert "QUERY" in error.sentence
    assert error.parameter == "QUERY"


def test_a_circuit_there_must_be() -> None:
    with pytest.raises(InvalidParameter, match=r"^CIRCUIT is missing") as caught:
        read_job(posted(("SHOTS", "5")), POLICY)
    assert caught.value.parameter == "CIRCUIT"


@pytest.mark.parametrize("name", ["SHOT", "", "circuits", "a b", "ACTION", "量子", "PHASE\x00"])
def test_an_unknown_name_is_refused_by_name(name: str) -> None:
    error = refused((name, "1"))
    assert error.sentence.startswith(f"there is no parameter '{name}'")
    assert error.parameter == name
    assert all(known in error.sentence for known in [*KNOWN, *CONTROL])


def test_a_long_unknown_name_is_cut() -> None:
    error = refused(("x" * 100_000, "1"))
    assert len(error.sentence) < 500
    assert error.parameter == "x" * 60


def test_the_names_that_tap_clients_send_unasked() -> None:
    assert set(IGNORED) == {"REQUEST", "MAXREC", "VERSION", "UPLOAD", "TAPCLIENT"}


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_tap_clients_send_unasked_has_no_effect(name: str) -> None:
    assert job((name, "doQuery"), (name.lower(), "again"), (name, b"\xff")) == job()


def test_what_is_kept_as_it_is_has_an_end() -> None:
    assert refused(("METADATA", '{"a": "' + "x" * 70_000 + '"}')).sentence == (
        "METADATA must be at most 65536 characters long, not 70009"
    )
    for name in ("RUNID", "jobname"):
        assert control((name, "x" * 1000)).run_id == "x" * 1000
        with pytest.raises(
            InvalidParameter, match="RUNID must be at most 1000 characters"
        ) as caught:
            control((name, "x" * 1001))
        assert caught.value.parameter == "RUNID"


@pytest.mark.parametrize("name", sorted(SPECIFICATIONS.known - {"QUERY"}))
def test_no_value_holds_a_nul(name: str) -> None:
    assert "must be text without NUL" in refused((name.lower(), "a\0b")).sentence


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r'{"a": "\u0000"}', True),
        (r'{"a": [{"b": "x\u0000y"}]}', True),
        (r'{"\u0000": 1}', True),
        (r'{"a": "\\\u0000"}', True),
        (r'{"a": "\\u0000"}', False),
        (r'{"a": "\u0001"}', False),
    ],
)
def test_no_metadata_holds_a_nul_either(text: str, held: bool) -> None:
    if held:
        sentence = refused(("METADATA", text)).sentence
        assert sentence.startswith("METADATA must be text without \\u0000")
    else:
        assert job(("METADATA", text)).metadata


def test_tags_are_so_many() -> None:
    tags = [("TAG", f"t{number}") for number in range(100)]
    assert len(job(*tags).tags) == 100
    assert refused(*tags, ("tag", "one more")).sentence == (
        "TAG may be given at most 100 times, not 101 times"
    )


def test_what_has_no_effect_is_little() -> None:
    assert job(*[("REQUEST", "x" * 4096)] * 100) == job()
    assert "at most 100 parameters" in refused(*[("REQUEST", "x")] * 101).sentence
    assert "'REQUEST' has no effect" in refused(("REQUEST", "x" * 4097)).sentence
    assert "'UPLOAD' has no effect" in refused(("UPLOAD", "a,param:a;" * 1000)).sentence
    long = posted(("CIRCUIT", CIRCUIT), ("UPLOAD", f"t,param:{'n' * 201}"), ("n" * 201, "x"))
    with pytest.raises(InvalidParameter, match="under a name of at most 200 characters"):
        read_job(long, POLICY)


def upload(name: str, value: bytes) -> Posted:
    return Posted(name, value, "application/octet-stream", uploaded=True)


def test_a_part_that_nothing_refers_to_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="there is no parameter 'my file'") as caught:
        read_job([*posted(("CIRCUIT", CIRCUIT)), upload("my file", b"")], POLICY)
    assert caught.value.parameter == "my file"


def delivered(*items: Posted) -> list[Posted]:
    return with_parts(items, SPECIFICATIONS)


@pytest.mark.parametrize("name", ["my file", "part-1", "量子", "Qasm", "upload", "a/b", ".."])
def test_a_circuit_may_be_a_link_to_a_part(name: str) -> None:
    (link,) = posted(("circuit", f"param:{name}"))
    part = upload(name, CIRCUIT.encode())
    for items in ((link, part), (part, link)):
        assert delivered(*items) == [upload("circuit", CIRCUIT.encode())]
        assert read_job(delivered(*items), POLICY) == job()


def test_a_part_without_a_file_name_is_an_upload_too() -> None:
    found = delivered(*posted(("CIRCUIT", "param:a"), ("a", CIRCUIT)))
    assert [(item.name, item.uploaded) for item in found] == [("CIRCUIT", True)]


def test_links_and_circuits_keep_their_order() -> None:
    parts = [
        *posted(("CIRCUIT", "param:b"), ("CIRCUIT", "x"), ("CIRCUIT", "param:a")),
        upload("a", b"A"),
        upload("b", b"B"),
    ]
    assert read_job(delivered(*parts), POLICY).circuits == ["B", "x", "A"]


def test_a_linked_part_must_be_utf8_too() -> None:
    parts = delivered(*posted(("CIRCUIT", "param:a")), upload("a", b"\xff"))
    with pytest.raises(InvalidParameter, match=r"^CIRCUIT must be UTF-8 text.*byte 0") as caught:
        read_job(parts, POLICY)
    assert caught.value.parameter == "CIRCUIT"


@pytest.mark.parametrize(
    "value", ["param:a", "param:", "param:A B", "param:CIRCUIT", "param:b\xff"]
)
def test_a_link_to_a_part_that_was_not_sent(value: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^CIRCUIT refers to the part ") as caught:
        delivered(*posted(("circuit", value)))
    assert caught.value.parameter == "CIRCUIT"


def test_a_part_is_one_circuit() -> None:
    links = posted(("CIRCUIT", "param:a"), ("CIRCUIT", "param:a"))
    with pytest.raises(InvalidParameter, match="the part 'a', which is referred to twice"):
        delivered(*links, upload("a", CIRCUIT.encode()))


def test_a_part_that_is_a_table_too_stays_one() -> None:
    parts = [*posted(("CIRCUIT", "param:a"), ("UPLOAD", "t,param:a")), upload("a", b"A")]
    assert [item.name for item in delivered(*parts)] == ["CIRCUIT", "UPLOAD", "a"]


def test_a_table_that_a_tap_client_uploads_has_no_effect() -> None:
    parts = [
        *posted(("CIRCUIT", CIRCUIT), ("UPLOAD", "t,param:tab;u,http://x/y")),
        upload("tab", b"\xff"),
    ]
    assert read_job(parts, POLICY) == job()


@pytest.mark.parametrize("value", ["t,http://x/y;u,param:tab", "t,param:tab", "t,param:tab;"])
def test_each_table_of_an_upload_names_its_part(value: str) -> None:
    parts = [*posted(("CIRCUIT", CIRCUIT), ("upload", value)), upload("tab", b"")]
    assert read_job(parts, POLICY) == job()


def test_only_a_circuit_and_an_upload_name_a_part() -> None:
    for pair in (("TAG", "param:a"), ("MAXREC", "t,param:a"), ("UPLOAD", "param:a")):
        with pytest.raises(InvalidParameter, match="there is no parameter 'a'"):
            read_job([*posted(("CIRCUIT", CIRCUIT), pair), upload("a", b"")], POLICY)


def test_the_name_of_a_part_need_not_be_text() -> None:
    with pytest.raises(InvalidParameter, match="refers to the part 'b\ufffd'"):
        delivered(*posted(("CIRCUIT", b"param:b\xff")))


def test_a_part_brings_its_type_along() -> None:
    part = Posted("a", b"A", "text/x-qasm", uploaded=True)
    found = delivered(Posted("CIRCUIT", b"param:a"), part)
    assert found == [Posted("CIRCUIT", b"A", "text/x-qasm", uploaded=True)]
    assert not Posted("CIRCUIT", b"A").uploaded


def test_a_circuit_may_be_uploaded_as_a_file() -> None:
    assert read_job([upload("circuit", CIRCUIT.encode())], POLICY) == job()


@pytest.mark.parametrize(
    "name", ["LANG", "SHOTS", "TARGET", "SEED", "MEMORY", "RESPONSEFORMAT", "METADATA"]
)
def test_what_may_be_given_once(name: str) -> None:
    for times in (2, 3):
        error = refused(*[(name, "1"), (name.lower(), "1"), (name, "1")][:times])
        assert error.sentence == f"{name} may be given once, not {times} times"
        assert error.parameter == name


@pytest.mark.parametrize("name", sorted(KNOWN - {"CIRCUIT", "QUERY"}))
def test_a_value_must_be_utf8(name: str) -> None:
    error = refused((name.lower(), b"ab\xc3("))
    assert error.sentence == f"{name} must be UTF-8 text; byte 2 is not"
    assert error.parameter == name


BAD = [
    *(("SHOTS", text) for text in ("", "-1", "1.0", "1e3", "many", "2147483648", "\u0661\u0660")),
    *(("SEED", text) for text in ("", "-1", "0.5", "x", "9223372036854775808", "1" * 21)),
    *(("MEMORY", text) for text in ("", "yes", "no", "2", "truth", "None")),
    *(("LANG", text) for text in ("OPENQASM-4", "OPENQASM", "QIR-2", "C++", "OPENQASM 2")),
    *(("RESPONSEFORMAT", text) for text in ("xlsx", "text/plain", "votable,json")),
    *(("TAG", text) for text in ("", "x" * 201, "a\x00", "\uffff")),
    *(
        ("METADATA", text)
        for text in ("", "x", "[]", "1", "null", '"a"', "{", "{'a': 1}", "{} {}", "[" * 100_000)
    ),
    # RFC 8259 has no such numbers, and PostgreSQL and JSON clients take none.
    *(("METADATA", text) for text in ('{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}')),
    # Half a character: it can never be written as UTF-8 again.
    *(("METADATA", text) for text in ('{"a": "\\ud800"}', '{"\\udfff": 1}')),
    ("METADATA", '{"a": ' + "1" * 5000 + "}"),
]


@pytest.mark.parametrize(("name", "text"), BAD, ids=[f"{name}-{text[:20]!r}" for name, text in BAD])
def test_a_bad_value_is_refused_in_one_short_sentence_that_names_the_parameter(
    name: str, text: str
) -> None:
    error = refused((name.lower(), text))
    assert error.sentence.startswith(f"{name} must be ")
    assert error.parameter == name
    assert len(error.sentence) < 200


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("OPENQASM-2", Language.OPENQASM_2),
        ("openqasm_2", Language.OPENQASM_2),
        ("OpenQASM2", Language.OPENQASM_2),
        ("OPENQASM-2.0", Language.OPENQASM_2),
        ("qasm2", Language.OPENQASM_2),
        ("OPENQASM-3", Language.OPENQASM_3),
        ("OpenQASM3", Language.OPENQASM_3),
        ("OPENQASM-3.0", Language.OPENQASM_3),
        (" qasm3 ", Language.OPENQASM_3),
        ("ADQL", None),
        ("ADQL-2.0", None),
        ("adql-2.1", None),
        ("auto", None),
        ("", None),
    ],
)
def test_languages(text: str, language: Language | None) -> None:
    assert job(("LANG", text)).language is language


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ResponseFormat.VOTABLE),
        ("votable", ResponseFormat.VOTABLE),
        ("VOTable", ResponseFormat.VOTABLE),
        ("application/x-votable+xml", ResponseFormat.VOTABLE),
        ("application/x-votable+xml;serialization=BINARY2", ResponseFormat.VOTABLE),
        ("text/xml", ResponseFormat.VOTABLE),
        ("json", ResponseFormat.JSON),
        ("application/json", ResponseFormat.JSON),
        (" CSV ", ResponseFormat.CSV),
        ("text/csv; header=present", ResponseFormat.CSV),
    ],
)
def test_formats(text: str, wanted: ResponseFormat) -> None:
    assert job(("RESPONSEFORMAT", text)).response_format is wanted


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("1", True), (" True ", True), ("false", False), ("0", False)],
)
def test_flags(text: str, flag: bool) -> None:
    assert job(("MEMORY", text)).options.memory is flag


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("", None),
        (" AUTO ", None),
        ("Matrix-Product-State", "matrix_product_state"),
        ("stabilizer", "stabilizer"),
    ],
)
def test_methods(text: str, method: str | None) -> None:
    assert job(("METHOD", text)).options.method == method


@pytest.mark.parametrize("before", ['{"a":', "["], ids=["objects", "lists"])
def test_metadata_may_be_nested_32_deep(before: str) -> None:
    def nested(times: int) -> str:
        inside = before * times + "1" + ("}" if "{" in before else "]") * times
        return '{"top": ' + inside + "}"

    assert job(("METADATA", nested(31))).metadata == json.loads(nested(31))
    assert refused(("METADATA", nested(32))).sentence == (
        "METADATA must be a JSON object, nested at most 32 deep"
    )


def test_the_deepest_part_of_metadata_counts() -> None:
    deep = json.dumps({"a": 1, "b": [{}, json.loads("[" * 32 + "]" * 32)], "c": [2]})
    assert refused(("METADATA", deep)).parameter == "METADATA"


@pytest.mark.parametrize(("text", "number"), [("0", 0), (str(2**63 - 1), 2**63 - 1), ("+7", 7)])
def test_seeds(text: str, number: int) -> None:
    assert job(("SEED", text)).options.seed == number


WITHOUT_NUL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@unhurried
@given(
    st.dictionaries(
        WITHOUT_NUL,
        st.recursive(st.none() | st.booleans() | WITHOUT_NUL, st.lists, max_leaves=5),
    )
)
def test_metadata_is_kept_and_can_be_written_again(value: dict[str, object]) -> None:
    read = job(("METADATA", json.dumps(value))).metadata
    assert read == value
    json.dumps(read, ensure_ascii=False, allow_nan=False).encode()


@unhurried
@given(st.binary())
def test_text_is_byte_for_byte_or_refused(value: bytes) -> None:
    try:
        text = text_of(Posted("circuit", value))
    except InvalidParameter as error:
        assert error.parameter == "CIRCUIT"
        return
    assert text.encode() == value


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("\t\n\r ~\x7f\x85", True),
        ("\ud7ff\ue000\ufffd\U00010000\U0010ffff", True),
        ("\x00", False),
        ("\x1f", False),
        ("\ud800", False),
        ("\ufffe", False),
    ],
)
def test_what_xml_can_hold(text: str, fits: bool) -> None:
    assert is_xml_text(text) is fits


# -- kinds of work -----------------------------------------------------------------


def options_of(*pairs: tuple[str, str]) -> RunOptions:
    return read_job(posted(("CIRCUIT", CIRCUIT), *pairs), POLICY).options


def test_a_job_samples_unless_it_says_otherwise() -> None:
    found = options_of()
    assert (found.kind, found.observable, found.precision) == (JobKind.SAMPLE, None, None)
    assert options_of(("KIND", " Compile ")).kind is JobKind.COMPILE


def test_there_are_three_kinds() -> None:
    with pytest.raises(KindNotSupported) as caught:
        options_of(("KIND", "dream"))
    assert caught.value.sentence == "KIND must be one of sample, estimate, compile, not 'dream'"


def test_observables_are_one_list_however_they_are_sent() -> None:
    both = options_of(("OBSERVABLE", "Z0"), ("observable", "X0 - 1"))
    assert both.observable == options_of(("OBSERVABLE", '["Z0", "X0 - 1"]')).observable
    assert both.runs(0) == both.mean_runs == 2


def test_the_precision_plans_the_shots() -> None:
    found = options_of(("KIND", "estimate"), ("OBSERVABLE", "0.5*Z0"), ("PRECISION", "0.05"))
    assert (found.precision, found.shots, found.exact) == (0.05, 101, False)


def test_the_precision_is_given_instead_of_shots() -> None:
    with pytest.raises(InvalidParameter) as caught:
        options_of(("PRECISION", "0.05"), ("SHOTS", "7"))
    assert caught.value.sentence == "PRECISION is given instead of SHOTS; send one of them"
    assert caught.value.parameter == "PRECISION"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e7", "x", ""])
def test_a_precision_is_a_number_above_0(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        options_of(("PRECISION", text))
    assert caught.value.sentence == (
        f"PRECISION must be a number above 0 and up to 1e+06 (a standard error), not '{text}'"
    )


def test_no_shots_are_exact_values() -> None:
    found = options_of(("KIND", "estimate"), ("OBSERVABLE", "Z0"), ("SHOTS", "0"))
    assert found.exact
    assert (found.runs(0), found.mean_runs) == (1, 1)
    assert not options_of(("SHOTS", "0")).exact


def test_each_circuit_runs_once_for_each_of_its_bases() -> None:
    found = options_of(("KIND", "estimate"), ("OBSERVABLE", '[["Z0", "X0", "Y0"], ["Z0"]]'))
    assert (found.runs(0), found.runs(1), found.mean_runs) == (3, 1, 2)
