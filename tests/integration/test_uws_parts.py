"""UWS 1.1: results, parameters, errors, run ids and owners (R, A, X, I, O)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from circuits import BELL2, BELL3, ENDLESS, flip, slow
from harness import Service
from integration.uws_helpers import (
    COMMON,
    FAILING,
    FORM,
    Said,
    is_nil,
    job_in,
    parameter,
    parameters,
    phase_of,
    removed,
    results,
    same,
    text_in,
)
from uws import HREF, NS, create, document, job_json, listed, text, wait

AWKWARD = {
    "blanks": "  two before, two after  ",
    "markup": "<&>\"' ]]> <!-- &amp; <?x?>",
    "letters": "é 量子 \U0001f680 ñ",
    "tab": "\ta\tb\t",
    "lines": "a\r\nb\nc\rd\r",
    "form": "a+b%20c&d=e;f",
}


def multipart(*parts: tuple[str, str | None, bytes]) -> dict[str, Any]:
    """A multipart body of parts with a name, perhaps a file name, and content."""
    return {"files": [(name, (filename, content)) for name, filename, content in parts]}


# -- results --------------------------------------------------------------------------


@pytest.mark.parametrize("phase", COMMON)
def test_R1_there_is_always_a_list_of_results(said_in: dict[str, Said], phase: str) -> None:
    alone = said_in[phase].root("results")
    within = said_in[phase].root().find("uws:results", NS)
    assert within is not None
    assert same(alone, within)
    assert len(alone) == (2 if phase == "COMPLETED" else 0)


def test_R2_the_ids_of_results_are_unique(http: httpx.Client) -> None:
    job = create(http, [flip(0, 2), flip(1, 2), BELL2], SHOTS=5, MEMORY="true", PHASE="RUN")
    assert wait(http, job) == "COMPLETED"
    found = [item.get("id") for item in results(http, job)]
    assert {"result", "counts", "memory", "counts-0", "counts-1", "counts-2"} == set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("response_format", ["votable", "json", "csv"])
def test_R3_size_and_type_of_a_result_are_true(http: httpx.Client, response_format: str) -> None:
    job = create(
        http, [BELL2, BELL2], SHOTS=50, MEMORY="1", RESPONSEFORMAT=response_format, PHASE="RUN"
    )
    assert wait(http, job) == "COMPLETED"
    for item in results(http, job):
        for accept in ("*/*", "application/xml", "application/json"):
            headers = {"Accept": accept, "Accept-Encoding": "gzip, deflate"}
            answer = http.get(item.get(HREF) or "", headers=headers)
            assert answer.status_code == 200
            assert len(answer.content) == int(item.get("size") or -1)
            assert answer.headers["content-length"] == item.get("size")
            sent = answer.headers["content-type"].split(";")[0]
            assert sent == (item.get("mime-type") or "").split(";")[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["results", "results/result", "results/counts", "results/mine"])
def test_R4_a_client_cannot_change_results(http: httpx.Client, method: str, path: str) -> None:
    with job_in(http, "COMPLETED", SHOTS=10) as job:
        before = http.get(job).content
        content = http.get(f"{job}/results/counts").content
        answer = http.request(method, f"{job}/{path}", content=b"x=1", headers=FORM)
        assert answer.status_code in (403, 404, 405)
        assert http.get(job).content == before
        assert http.get(f"{job}/results/counts").content == content


@pytest.mark.parametrize("phase", COMMON)
def test_R5_results_and_parameters_carry_no_version(said_in: dict[str, Said], phase: str) -> None:
    for name in ("results", "parameters"):
        assert dict(said_in[phase].root(name).attrib) == {}


def test_R6_results_are_found_where_the_client_came_in(http: httpx.Client) -> None:
    job = create(http, PHASE="RUN")
    assert wait(http, job) == "COMPLETED"
    hrefs = [item.get(HREF) for item in results(http, job)]
    assert hrefs == [f"{job}/results/result", f"{job}/results/counts"]
    # As behind a proxy that passes the host on.
    path = httpx.URL(job).path
    outside = "http://quantum.example.org:8443"
    answer = http.get(path, headers={"Host": "quantum.example.org:8443"})
    for name in ("result", "counts"):
        assert f'xlink:href="{outside}{path}/results/{name}"' in answer.text
    assert job not in answer.text
    answer = http.post(
        "/jobs", data={"CIRCUIT": BELL2}, headers={"Host": "quantum.example.org:8443"}
    )
    assert answer.headers["Location"].startswith(f"{outside}/jobs/")


# -- parameters -----------------------------------------------------------------------


def test_A1_all_parameters_are_listed_with_their_values(http: httpx.Client) -> None:
    posted = {
        "CIRCUIT": BELL2,
        "LANG": "OPENQASM-2",
        "SHOTS": "10",
        "TARGET": "simulator",
        "SEED": "7",
        "MEMORY": "true",
        "RESPONSEFORMAT": "json",
        "TAG": "mine",
        "METADATA": '{"a": [1, "<b>"]}',
    }
    answer = http.post("/jobs", data=posted)
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert parameters(http, job) == list(posted.items())
    within = document(http, job).find("uws:parameters", NS)
    assert within is not None
    assert same(within, document(http, f"{job}/parameters"))
    for name, value in posted.items():
        assert http.get(f"{job}/parameters/{name}").content == value.encode()


def test_A1_a_large_value_is_listed_by_reference(http: httpx.Client) -> None:
    circuit = BELL2 + "// 0123456789\r\n" * 1000
    job = create(http, circuit)
    found = parameter(http, job, "CIRCUIT")
    assert found.get("byReference") == "true"
    assert http.get(found.text or "").content == circuit.encode()


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize("as_multipart", [False, True])
def test_A2_a_value_comes_back_unchanged(http: httpx.Client, case: str, as_multipart: bool) -> None:
    value = AWKWARD[case]
    circuit = BELL3 + f"/* {value} */\r\n"
    if as_multipart:
        body = multipart(("CIRCUIT", None, circuit.encode()), ("TAG", None, value.encode()))
        answer = http.post("/jobs", **body)
    else:
        answer = http.post("/jobs", data={"CIRCUIT": circuit, "TAG": value})
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert parameters(http, job) == [("CIRCUIT", circuit), ("TAG", value)]
    assert http.get(f"{job}/parameters/TAG").content == value.encode()
    assert job_json(http, job)["json_parameters"] == {"CIRCUIT": circuit, "TAG": value}


@pytest.mark.parametrize(
    "value", [b"a\x0bb", b"\x00", b"\x1b[2J", b"\xff\xfe", "\ufffe".encode(), b"\xed\xa0\x80"]
)
@pytest.mark.parametrize("as_multipart", [False, True])
def test_A3_a_value_that_would_break_the_xml_goes_by_reference(
    http: httpx.Client, value: bytes, as_multipart: bool
) -> None:
    circuit = BELL2.encode()
    if as_multipart:
        answer = http.post(
            "/jobs", **multipart(("CIRCUIT", None, circuit), ("REQUEST", None, value))
        )
    else:
        body = urlencode({"CIRCUIT": circuit, "REQUEST": value})
        answer = http.post("/jobs", content=body, headers=FORM)
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    found = parameter(http, job, "REQUEST")
    assert found.get("byReference") == "true"
    assert http.get(found.text or "").content == value


@pytest.mark.parametrize("where", ["", "/parameters"])
def test_A4_a_pending_jobs_parameter_can_be_posted_anew(http: httpx.Client, where: str) -> None:
    job = create(http, SHOTS="10", TAG="kept")
    answer = http.post(f"{job}{where}", data={"SHOTS": "12"})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert sorted(parameters(http, job)) == sorted(
        [("CIRCUIT", BELL2), ("SHOTS", "12"), ("TAG", "kept")]
    )
    http.post(f"{job}{where}", data={"CIRCUIT": flip(1, 2)})
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"
    assert http.get(f"{job}/results/counts").json()["circuits"][0]["counts"] == {"10": 12}


@pytest.mark.parametrize("large", [False, True])
def test_A4_a_pending_jobs_parameter_can_be_put(http: httpx.Client, large: bool) -> None:
    job = create(http, SHOTS="10")
    circuit = flip(1, 2) + ("// long\n" * 1000 if large else "")
    answer = http.put(f"{job}/parameters/CIRCUIT", content=circuit.encode())
    assert answer.status_code in (200, 204, 303)
    assert http.get(f"{job}/parameters/CIRCUIT").content == circuit.encode()
    assert http.put(f"{job}/parameters/SHOTS", content=b"12").status_code in (200, 204, 303)
    assert http.get(f"{job}/parameters/SHOTS").content == b"12"
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"
    assert http.get(f"{job}/results/counts").json()["circuits"][0]["counts"] == {"10": 12}


@pytest.mark.parametrize(
    "form", [{"SHOTS": "none"}, {"SHOTS": ["1", "2"]}, {"CIRCUIT": "rubbish"}, {"SHOTS": ""}]
)
def test_A4_a_bad_update_is_refused_and_changes_nothing(
    http: httpx.Client, form: dict[str, str]
) -> None:
    job = create(http, SHOTS="10")
    before = http.get(job).content
    assert http.post(job, data=form).status_code == 403
    assert http.post(f"{job}/parameters", data=form).status_code == 403
    assert http.get(job).content == before


@pytest.mark.parametrize("name", ["UNKNOWN", "SEED", "TAG", "MAXREC", "creationTime"])
def test_A5_an_update_cannot_create_a_parameter(http: httpx.Client, name: str) -> None:
    job = create(http, SHOTS="10")
    before = http.get(job).content
    for where in ("", "/parameters"):
        answer = http.post(f"{job}{where}", data={"SHOTS": "12", name: "1"})
        assert answer.status_code == 403
        assert name in answer.text
    assert 400 <= http.put(f"{job}/parameters/{name}", content=b"1").status_code < 500
    assert http.get(job).content == before


@pytest.mark.parametrize("name", ["RUNID", "runId", "runid"])
def test_A5_a_run_id_among_the_parameters_is_control(http: httpx.Client, name: str) -> None:
    job = create(http)
    answer = http.post(f"{job}/parameters", data={name: "TAPLINT-001"})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert text(document(http, job), "runId") == "TAPLINT-001"
    assert parameters(http, job) == [("CIRCUIT", BELL2)]


@pytest.mark.parametrize("phase", COMMON[1:])
def test_A6_after_pending_parameters_are_fixed(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase, SHOTS="10") as job:
        before = parameters(http, job)
        for where in ("", "/parameters"):
            assert http.post(f"{job}{where}", data={"SHOTS": "12"}).status_code == 403
        assert http.put(f"{job}/parameters/SHOTS", content=b"12").status_code == 403
        assert parameters(http, job) == before
        assert phase_of(http, job) == phase


def test_A6_an_update_and_a_run_at_once_do_not_mix(service: Service, http: httpx.Client) -> None:
    with ThreadPoolExecutor(2) as threads, service.client() as other:
        for race in range(8):
            job = create(http, flip(0, 1), SHOTS="5")
            calls = {
                "run": (http, f"{job}/phase", {"PHASE": "RUN"}),
                "update": (other, f"{job}/parameters", {"SHOTS": "9"}),
            }
            futures = {
                name: threads.submit(calls[name][0].post, calls[name][1], data=calls[name][2])
                for name in sorted(calls, reverse=bool(race % 2))
            }
            assert futures["run"].result().status_code == 303
            updated = futures["update"].result().status_code
            assert updated in (303, 403)
            assert wait(http, job) == "COMPLETED"
            shots = http.get(f"{job}/parameters/SHOTS").text
            assert shots == ("9" if updated == 303 else "5")
            counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
            assert counts == {"1": int(shots)}


def test_A7_a_repeated_parameter_is_listed_as_often(http: httpx.Client) -> None:
    circuits = [flip(0, 2), flip(1, 2), flip(0, 2)]
    job = create(http, circuits, TAG=["b", "a", "b"])
    expected = [("CIRCUIT", item) for item in circuits] + [("TAG", item) for item in "bab"]
    assert parameters(http, job) == expected
    large = [BELL2 + f"// {number} {'x' * 60}\n" * 100 for number in range(2)]
    job = create(http, large)
    found = document(http, job).findall("uws:parameters/uws:parameter", NS)
    assert [item.get("id") for item in found] == ["CIRCUIT", "CIRCUIT"]
    assert [http.get(item.text or "").text for item in found] == large


def test_A8_an_uploaded_circuit_is_served_byte_for_byte(http: httpx.Client) -> None:
    circuit = (BELL2 + "// é 量子 \t\r\n").encode()
    answer = http.post(
        "/jobs",
        **multipart(
            ("CIRCUIT", None, b"param:mycircuit"),
            ("SHOTS", None, b"10"),
            ("mycircuit", "bell.qasm", circuit),
        ),
    )
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    given = parameter(http, job, "CIRCUIT")
    assert given.text == f"{job}/parameters/CIRCUIT"
    assert given.get("byReference") == "true"
    assert http.get(f"{job}/parameters/CIRCUIT").content == circuit
    assert [name for name, _ in parameters(http, job)] == ["CIRCUIT", "SHOTS"]
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"
    counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
    assert set(counts) <= {"00", "11"}
    assert sum(counts.values()) == 10


def test_A8_the_part_may_come_first_and_in_another_case(http: httpx.Client) -> None:
    answer = http.post(
        "/jobs",
        **multipart(
            ("MyCircuit", "x", flip(1, 2).encode()),
            ("circuit", None, b"param:MyCircuit"),
            ("phase", None, b"RUN"),
        ),
    )
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert wait(http, job) == "COMPLETED"
    assert parameter(http, job, "CIRCUIT").get("byReference") == "true"
    counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
    assert list(counts) == ["10"]


def test_A8_a_part_without_a_file_name_can_be_referred_to(http: httpx.Client) -> None:
    answer = http.post(
        "/jobs",
        **multipart(
            ("CIRCUIT", None, b"param:inline"),
            ("inline", None, BELL2.encode()),
            ("PHASE", None, b"RUN"),
        ),
    )
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert http.get(f"{job}/parameters/CIRCUIT").content == BELL2.encode()
    assert wait(http, job) == "COMPLETED"


def test_A8_several_circuits_can_be_uploaded(http: httpx.Client) -> None:
    large = flip(1, 2) + "// long\n" * 1000
    answer = http.post(
        "/jobs",
        **multipart(
            ("CIRCUIT", None, b"param:one"),
            ("CIRCUIT", None, flip(0, 2).encode()),
            ("CIRCUIT", None, b"param:two"),
            ("one", "1.qasm", flip(0, 2).encode()),
            ("two", "2.qasm", large.encode()),
            ("PHASE", None, b"RUN"),
        ),
    )
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    given = [http.get(f"{job}/parameters/CIRCUIT/{number}").text for number in range(3)]
    assert given == [flip(0, 2), flip(0, 2), large]
    assert wait(http, job) == "COMPLETED"
    circuits = http.get(f"{job}/results/counts").json()["circuits"]
    assert [list(item["counts"]) for item in circuits] == [["01"], ["01"], ["10"]]


@pytest.mark.parametrize(
    "parts",
    [
        [("CIRCUIT", None, b"param:missing")],
        [("CIRCUIT", None, b"param:"), ("other", "x", BELL2.encode())],
        [("CIRCUIT", None, b"param:CIRCUIT")],
        [("CIRCUIT", None, b"param:mine"), ("mine", "x", b"rubbish")],
        [("CIRCUIT", None, b"param:mine"), ("mine", "x", b"\xff\xfe\x00")],
        [("CIRCUIT", None, b"param:mine"), ("mine", "x", b"param:mine")],
        [("CIRCUIT", None, BELL2.encode()), ("unasked", "x", b"data")],
        [("CIRCUIT", None, b"param:a"), ("CIRCUIT", None, b"param:a"), ("a", "x", BELL2.encode())],
    ],
)
def test_A8_a_bad_upload_is_refused_and_leaves_nothing(
    http: httpx.Client, parts: list[tuple[str, str | None, bytes]]
) -> None:
    before = listed(http)
    answer = http.post("/jobs", **multipart(*parts))
    assert answer.status_code == 403, answer.text
    assert listed(http) == before


def test_A8_an_upload_can_be_replaced_while_pending(http: httpx.Client) -> None:
    answer = http.post(
        "/jobs",
        **multipart(("CIRCUIT", None, b"param:mine"), ("mine", "x", flip(0, 2).encode())),
    )
    job = answer.headers["Location"]
    other = multipart(("CIRCUIT", None, b"param:new"), ("new", "x", f"{flip(1, 2)}// new".encode()))
    assert http.post(f"{job}/parameters", **other).status_code == 303
    assert http.get(f"{job}/parameters/CIRCUIT").content == f"{flip(1, 2)}// new".encode()
    assert parameter(http, job, "CIRCUIT").get("byReference") == "true"
    answer = http.put(f"{job}/parameters/CIRCUIT", content=flip(1, 2).encode())
    assert answer.status_code == 303, answer.text
    assert http.get(f"{job}/parameters/CIRCUIT").content == flip(1, 2).encode()
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"
    counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
    assert list(counts) == ["10"]


def test_A10_control_parameters_keep_their_meaning_everywhere(http: httpx.Client) -> None:
    job = create(http, SHOTS="10")
    for where in ("", "/parameters"):
        for seconds in ("45", "46"):
            answer = http.post(f"{job}{where}", data={"EXECUTIONDURATION": seconds})
            assert (answer.status_code, answer.headers["Location"]) == (303, job)
            assert http.get(f"{job}/executionduration").text == seconds
    assert [name for name, _ in parameters(http, job)] == ["CIRCUIT", "SHOTS"]


# -- errors ---------------------------------------------------------------------------


def test_X1_X5_a_job_that_fails_ends_in_error(http: httpx.Client) -> None:
    job = create(http, FAILING, PHASE="RUN")
    with removed(http, job):
        assert wait(http, job) == "ERROR"
        assert http.get(job).status_code == 200
        # The worker is none the worse for it.
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"


def test_X1_a_batch_that_fails_keeps_what_was_done(http: httpx.Client) -> None:
    job = create(http, [slow(2, 1), FAILING, ENDLESS], SHOTS=5, PHASE="RUN")
    with removed(http, job):
        assert wait(http, job) == "ERROR"
        hrefs = [item.get(HREF) or "" for item in results(http, job)]
        assert len(hrefs) == 1
        assert http.get(hrefs[0]).status_code == 200


def test_X2_the_error_summary_says_what_went_wrong(said_in: dict[str, Said]) -> None:
    message = text_in(said_in["ERROR"], "errorSummary/message")
    assert "circuit 0" in message
    assert "\n" not in message


@pytest.mark.parametrize("phase", COMMON)
def test_X3_detail_is_there_when_it_is_said_to_be(said_in: dict[str, Said], phase: str) -> None:
    summary = said_in[phase].root().find("uws:errorSummary", NS)
    announced = summary is not None and summary.get("hasDetail") in ("true", "1")
    answer = said_in[phase].answers["error"]
    assert answer.status_code == (200 if announced else 404)
    if summary is not None:
        assert text(summary, "message") in answer.text.replace("&quot;", '"')


# -- run id and owner -----------------------------------------------------------------


RUN_IDS = [*AWKWARD.values(), "x" * 1000, "0", "null", "-", "a/b?c#d"]


@pytest.mark.parametrize("run_id", RUN_IDS, ids=range(len(RUN_IDS)))
def test_I1_a_run_id_comes_back_as_it_was_given(http: httpx.Client, run_id: str) -> None:
    jobs = [create(http, RUNID=run_id) for _ in range(2)]
    jobs.append(create(http))
    assert http.post(jobs[2], data={"RUNID": run_id}).status_code == 303
    refs = document(http, "/jobs?LAST=3")
    for job, ref in zip(jobs, reversed(refs), strict=True):
        assert text(document(http, job), "runId") == run_id
        assert text(ref, "runId") == run_id


@pytest.mark.parametrize("phase", COMMON)
def test_O4_without_a_login_the_owner_is_nil(said_in: dict[str, Said], phase: str) -> None:
    job = said_in[phase]
    assert is_nil(job.root(), "ownerId")
    assert is_nil(job.ref, "ownerId")
    assert job.answers["owner"].status_code == 200
    assert job.answers["owner"].content == b""
