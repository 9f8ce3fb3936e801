"""Texts, times and sizes as people read them; commands and programs that can be copied."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from quws.api.pages import snippets, texts
from quws.api.pages.coupling import coupling_svg
from quws.api.pages.templates import FOLDER, size, span
from quws.api.pages.texts import texts_for
from quws.domain.circuits import Language
from quws.domain.job import Parameter
from quws.domain.payloads import BINARY_TYPE

LIST = "https://host/jobs"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0 ms"),
        (0.0854, "85 ms"),
        (1.25, "1.2 s"),
        (59.97, "1 min"),
        (185, "3 min 5 s"),
        (600, "10 min"),
        (3600, "1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_span(seconds: float, written: str) -> None:
    assert span(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 B"), (999, "999 B"), (4100, "4.1 kB"), (2_500_000, "2.5 MB"), (10**13, "10000.0 GB")],
)
def test_size(count: int, written: str) -> None:
    assert size(count) == written


def test_languages_have_the_same_texts() -> None:
    found = {
        path.stem: {
            (section, key): sorted(text) if isinstance(text, dict) else ""
            for section, words in tomllib.loads(path.read_text()).items()
            for key, text in words.items()
        }
        for path in Path(texts.__file__).parent.glob("*.toml")
    }
    assert all(keys == found["en"] for keys in found.values())


def test_every_text_is_used() -> None:
    used = "".join(
        path.read_text() for path in FOLDER.rglob("*") if path.suffix in (".html", ".py")
    )
    words = tomllib.loads((FOLDER / "texts/en.toml").read_text())
    for section, entries in words.items():
        for key in entries:
            computed = re.match(
                r"(status|kind|example|told|mode|state)_|pending|queued|executing", key
            )
            assert computed or re.search(rf'\.{key}\b|"{key}"', used), f"{section}.{key}"


def test_plurals() -> None:
    t = texts_for("xx, de;q=0.9, en;q=0.1")
    assert t.language == "en"
    assert t.n(t.target["qubits"], 1) == "1 qubit"
    assert t.n(t.target["qubits"], 1200) == "1\u202f200 qubits"


JOB = [
    Parameter("CIRCUIT", 'OPENQASM 3.0;\ninclude "stdgates.inc";\n// it\'s'),
    Parameter("SHOTS", "100"),
    Parameter("TARGET", "simulator"),
    Parameter("TAG", "a b"),
    Parameter("TAG", "c"),
    Parameter("METADATA", '{"a": "$HOME"}'),
]


def test_the_command_is_one_for_a_shell() -> None:
    words = shlex.split(snippets.curl(LIST, JOB, "run it").replace("\\\n", ""))
    assert words[:2] == ["curl", "-L"]
    assert words[-1] == LIST
    given = [words[k + 1] for k, word in enumerate(words) if word == "--form-string"]
    assert given == [f"{item.name}={item.value}" for item in JOB] + ["RUNID=run it"]
    assert "PHASE=RUN" in words


def test_the_program_is_python_and_says_the_same() -> None:
    tree = ast.parse(snippets.python("https://host", JOB, "run it"))
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "submit"
    )
    assert [ast.literal_eval(item) for item in call.args] == [JOB[0].value]
    assert {item.arg: ast.literal_eval(item.value) for item in call.keywords} == {
        "shots": 100,
        "target": "simulator",
        "tag": ["a b", "c"],
        "metadata": '{"a": "$HOME"}',
        "run_id": "run it",
    }


@pytest.mark.parametrize("value", ['"""', "a\\n", 'ends in "', "one line", 'x"""\n"""y', "\ttab\n"])
def test_any_circuit_can_stand_in_the_program(value: str) -> None:
    tree = ast.parse(snippets.python("https://host", [Parameter("CIRCUIT", value)], None))
    literals = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    assert value in literals


def test_long_values_come_from_files() -> None:
    long = [Parameter("CIRCUIT", None, artifact="x", size=9999), Parameter("CIRCUIT", "h" * 500)]
    command = snippets.curl(LIST, long, None)
    assert "CIRCUIT=@circuit1.qasm" in command
    assert "CIRCUIT=@circuit2.qasm" in command
    assert 'open("circuit1.qasm")' in snippets.python("https://host", long, None)
    table = [*long, Parameter("BINDINGS", None, artifact="y", size=9999)]
    assert "BINDINGS=@FILE" in snippets.curl(LIST, table, None)
    assert 'bindings=open("bindings.csv").read()' in snippets.python("https://host", table, None)


def test_the_names_of_files_end_as_the_language_of_each_wants_it() -> None:
    long = [
        Parameter("CIRCUIT", "OPENQASM 3;"),
        Parameter("SHOTS", "7"),
        Parameter("CIRCUIT", None, artifact="x", size=9999),
        Parameter("CIRCUIT", None, artifact="y", mime_type=BINARY_TYPE),
    ]
    languages = [Language.OPENQASM_3, Language.STIM, Language.QPY]
    command = snippets.curl(LIST, long, None, languages)
    assert "CIRCUIT=@circuit1.stim" in command
    assert "CIRCUIT=@circuit2.qpy" in command
    program = snippets.python("https://host", long, None, languages)
    assert 'open("circuit2.stim")' in program
    assert 'open("circuit3.qpy", "rb")' in program


def test_a_device_is_drawn_as_it_is_coupled() -> None:
    grid = [(k, k + 1) for k in range(24) if k % 5 != 4] + [(k, k + 5) for k in range(20)]
    svg = str(coupling_svg(25, grid, None, texts_for("en")))
    assert svg.count("<circle") == 25
    assert svg.count("<line") == len(grid)
    places = [
        (float(x), float(y))
        for x, y in re.findall(r'<circle[^>]* cx="([\d.]+)" cy="([\d.]+)"', svg)
    ]
    for number, one in enumerate(places):
        for other in places[:number]:
            assert (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 > 30**2
    assert coupling_svg(5000, [(0, 1)], None, texts_for("en")) is None


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 has it."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_worse_an_error_the_more_it_stands_out(scheme: str) -> None:
    css = (FOLDER / "static/quws.css").read_text()
    light, dark, *_ = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    known = dict(re.findall(r"--([\w-]+): (#\w+);", light))
    if scheme == "dark":
        known |= dict(re.findall(r"--([\w-]+): (#\w+);", dark))
    grades = [known[f"error-{grade}"] for grade in range(1, 6)]
    against = [contrast(colour, known["paper"]) for colour in grades]
    assert against == sorted(against)
    assert all(later > 1.3 * one for one, later in pairwise(against))
    # WCAG 1.4.11 for what must be seen, and 1.4.3 for the numbers of qubits.
    assert against[-1] > 7
    for place, colour in enumerate(grades):
        ink = known["on-little"] if place < 3 else known["on-much"]
        assert contrast(ink, colour) > 4.5, (colour, ink)


def test_a_phase_has_one_colour() -> None:
    css = (FOLDER / "static/quws.css").read_text()
    for phase in ("completed", "error", "aborted", "held"):
        dot = re.search(rf"\.track \.{phase}\.now::after[^{{]*\{{ background: var\((--\w+)\)", css)
        name = re.search(rf"\.track \.{phase}\.now \.name[^{{]*\{{ color: var\((--\w+)\)", css)
        chip = re.search(rf"\.phase\.{phase}[^{{]*\{{ color: var\((--\w+)\)", css)
        assert dot and name and chip, phase
        assert dot[1] == name[1] == chip[1], phase
