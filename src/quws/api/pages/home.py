"""The first page."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.api.pages.drawing import picture
from quws.api.pages.templates import render, texts_of
from quws.domain.drawings import Drawing, Drawn, Shape

_ROWS = 8
_GREETING = Drawing(
    qubits=["q[0]", "q[1]", "q[2]"],
    registers=[("c", 3)],
    columns=6,
    operations=[
        Drawn(column=0, shape=Shape.BOX, qubits=[0], label="H"),
        Drawn(column=1, shape=Shape.NOT, qubits=[1], controls=[(0, True)]),
        Drawn(column=2, shape=Shape.NOT, qubits=[2], controls=[(1, True)]),
        *(
            Drawn(column=3 + bit, shape=Shape.MEASURE, qubits=[bit], clbits=[(0, bit)])
            for bit in range(3)
        ),
    ],
)
"""The circuit on the first page."""


async def home_page(request: Request) -> Response:
    """Greet: what this is, what can run circuits, and the caller's newest jobs."""
    t = texts_of(request)
    targets, rows = await asyncio.gather(
        targets_of(request).all(), jobs_of(request).reader.rows(caller_of(request), _ROWS)
    )
    context = {"targets": targets, "rows": rows, "picture": picture(_GREETING, t)}
    return render(request, "home.html", context)
