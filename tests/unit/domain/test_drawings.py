"""A drawing goes from a child to a page as JSON: these are its words."""

from quws.domain.drawings import Drawing, Drawn, Shape


def test_the_shapes_that_a_page_knows_how_to_draw() -> None:
    assert set(Shape) == {
        "box",
        "not",
        "swap",
        "dot",
        "measure",
        "reset",
        "barrier",
        "open",
        "else",
        "close",
    }


def test_what_is_not_said_is_not_drawn() -> None:
    plain = Drawn(column=3, shape=Shape.BOX, qubits=[0])
    assert (plain.label, plain.parameters, plain.condition) == ("", "", "")
    assert plain.controls == plain.clbits == []
    whole = Drawing(qubits=["q[0]"], registers=[("c", 1)], columns=4, operations=[plain])
    assert (whole.gap, whole.left_out, whole.hidden_qubits) == (None, 0, 0)
    assert Drawing.model_validate_json(whole.model_dump_json()) == whole
