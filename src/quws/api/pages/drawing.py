"""Pictures of circuits with their words."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from quws.api.pages.circuit import circuit_svg
from quws.api.pages.texts import Texts
from quws.domain.drawings import Drawing, Shape

_NAMED = 6


def picture(drawing: Drawing, t: Texts) -> Markup:
    """Draw a circuit, and say beside the picture what is not in it."""
    words = t.circuit
    counted = Counter(
        item.label or str(item.shape)
        for item in drawing.operations
        if item.shape not in (Shape.OPEN, Shape.ELSE, Shape.CLOSE, Shape.BARRIER)
    )
    summary = ", ".join(f"{count} {name}" for name, count in counted.most_common(_NAMED))
    label = t.n(
        words["label"],
        sum(counted.values()) + drawing.left_out,
        q=t.n(words["qubits"], len(drawing.qubits) + drawing.hidden_qubits),
        summary=summary,
    )
    notes = []
    if drawing.left_out:
        notes.append(words["folded"].format(n=drawing.left_out))
    if drawing.hidden_qubits:
        notes.append(t.n(words["hidden"], drawing.hidden_qubits))
    svg = circuit_svg(drawing, label, words["left_out"].format(n=drawing.left_out))
    below = Markup('<p class="note">{}</p>').format(" ".join(notes)) if notes else Markup()
    return Markup(
        '<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>{}'
    ).format(words["scroll"], svg, below)
