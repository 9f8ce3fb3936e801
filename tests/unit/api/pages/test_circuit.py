"""The SVG of a circuit: well-formed, without styles, and safe whatever names a circuit has."""

from __future__ import annotations

import re

from lxml import etree

from quws.api.pages.circuit import circuit_svg
from quws.api.pages.drawing import picture
from quws.api.pages.texts import texts_for
from quws.domain.drawings import Drawing, Drawn, Shape

SVG = "{http://www.w3.org/2000/svg}"
EVERYTHING = Drawing(
    qubits=["q[0]", "q[1]", "q[2]"],
    registers=[("c", 2), ("d", 1)],
    columns=12,
    operations=[
        Drawn(column=0, shape=Shape.BOX, qubits=[0], label="H"),
        Drawn(column=0, shape=Shape.BOX, qubits=[1, 2], label="mine", parameters="π/2"),
        Drawn(column=1, shape=Shape.NOT, qubits=[1], controls=[(0, True), (2, False)]),
        Drawn(column=2, shape=Shape.SWAP, qubits=[0, 2]),
        Drawn(column=3, shape=Shape.DOT, qubits=[1], controls=[(0, True)]),
        Drawn(column=4, shape=Shape.BARRIER, qubits=[0, 1, 2]),
        Drawn(column=5, shape=Shape.RESET, qubits=[0]),
        Drawn(column=6, shape=Shape.MEASURE, qubits=[0], clbits=[(0, 1)]),
        Drawn(column=7, shape=Shape.BOX, qubits=[1], label="X", clbits=[(0, 1)], condition="if 1"),
        Drawn(column=8, shape=Shape.OPEN, qubits=[0, 1], label="if c = 1"),
        Drawn(column=9, shape=Shape.ELSE, qubits=[0, 1], label="else"),
        Drawn(column=10, shape=Shape.CLOSE, qubits=[0, 1]),
        Drawn(column=11, shape=Shape.BOX, qubits=[2], label="Rz", parameters="0.5"),
    ],
    gap=5,
    left_out=77,
    hidden_qubits=3,
)


def parsed(drawing: Drawing, label: str = "a circuit") -> etree._Element:
    svg = str(circuit_svg(drawing, label, "77 more"))
    return etree.fromstring(f'<x xmlns="http://www.w3.org/2000/svg">{svg}</x>')[0]


def texts(root: etree._Element) -> list[str]:
    return [item.text or "" for item in root.iter(f"{SVG}text")]


def test_every_shape_is_drawn_within_the_picture() -> None:
    root = parsed(EVERYTHING)
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)
    found = texts(root)
    for text in ("H", "mine", "π/2", "X", "else", "if c = 1", "|0⟩", "77 more", "1=1", "Rz"):
        assert text in found
    for item in root.iter(f"{SVG}rect", f"{SVG}circle", f"{SVG}text"):
        x = float(item.get("x") or item.get("cx") or 0)
        y = float(item.get("y") or item.get("cy") or 0)
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_there_are_no_styles_and_no_scripts_in_it() -> None:
    names = {name for item in parsed(EVERYTHING).iter() for name in item.attrib}
    assert "style" not in names
    assert not any(str(name).startswith("on") for name in names)


def test_columns_do_not_overlap() -> None:
    boxes = [
        (float(item.get("x") or 0), float(item.get("width") or 0), float(item.get("y") or 0))
        for item in parsed(EVERYTHING).iter(f"{SVG}rect")
        if "g" in (item.get("class") or "").split()
    ]
    for x, width, y in boxes:
        for other, _, other_y in boxes:
            if other > x and abs(other_y - y) < 1:
                assert x + width < other


def test_names_cannot_break_out() -> None:
    evil = '"><script>alert(1)</script>&'
    drawing = Drawing(
        qubits=[evil],
        registers=[(evil, 1)],
        columns=1,
        operations=[
            Drawn(column=0, shape=Shape.BOX, qubits=[0], label=evil, parameters=evil),
        ],
    )
    root = parsed(drawing, evil)
    assert {etree.QName(item).localname for item in root.iter()} <= {"svg", "text", "path", "rect"}
    assert texts(root).count(evil) == 4


def test_an_empty_circuit_is_wires_alone() -> None:
    drawing = Drawing(qubits=["q"], registers=[], columns=0, operations=[])
    assert len(list(parsed(drawing))) == 2


def test_what_is_not_drawn_is_said() -> None:
    words = str(picture(EVERYTHING, texts_for("en")))
    assert "3 more qubits are not drawn" in words
    assert "77 operations in the middle" in words
    assert re.search(r'aria-label="Circuit on 6 qubits with \d+ operations', words)
