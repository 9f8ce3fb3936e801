"""The qubits of a device and their couplings as a picture, coloured by their errors."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from math import exp, hypot, log
from random import Random
from typing import Any

from markupsafe import Markup, escape

from quws.api.pages.texts import Texts
from quws.domain.targets import Calibration

_MOST = 400
_STEP = 46
_RADIUS = 15
_ROUNDS = 24
_GRADES = 5


def coupling_svg(
    qubits: int, coupling: list[tuple[int, int]], calibration: Calibration | None, t: Texts
) -> Markup | None:
    """Draw a device; None if it is too large for a picture.

    Qubits are graded by their readout errors and couplings by the errors of
    their best gate, from 1 (best) to 5, each among its like.
    """
    if not 0 < qubits <= _MOST:
        return None
    edges = sorted({(min(pair), max(pair)) for pair in coupling})
    places = _places(qubits, tuple(edges))
    width = max(x for x, _ in places) + 2 * _RADIUS + 8
    height = max(y for _, y in places) + 2 * _RADIUS + 8
    of_qubit, of_edge = _errors(calibration)
    label = t.target["map_label"].format(n=qubits, m=len(edges))
    parts = [
        f'<svg class="coupling" role="img" aria-label="{escape(label)}" width="{width:.0f}"'
        f' height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
    ]
    shift = _RADIUS + 4
    edge_grades, qubit_grades = _grades(of_edge), _grades(of_qubit)
    for one, other in edges:
        (x1, y1), (x2, y2) = places[one], places[other]
        grade = edge_grades.get((one, other), 0)
        parts.append(
            f'<line class="e g{grade}" x1="{x1 + shift:.1f}" y1="{y1 + shift:.1f}"'
            f' x2="{x2 + shift:.1f}" y2="{y2 + shift:.1f}"/>'
        )
    for qubit, (x, y) in enumerate(places):
        parts.append(
            f'<circle class="q g{qubit_grades.get(qubit, 0)}" cx="{x + shift:.1f}"'
            f' cy="{y + shift:.1f}" r="{_RADIUS}"/>'
            f'<text class="t g{qubit_grades.get(qubit, 0)}" x="{x + shift:.1f}"'
            f' y="{y + shift + 4:.1f}">{qubit}</text>'
        )
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - its one text was escaped


def _errors(
    calibration: Calibration | None,
) -> tuple[dict[int, float], dict[tuple[int, int], float]]:
    of_qubit: dict[int, float] = {}
    of_edge: dict[tuple[int, int], float] = {}
    if calibration is None:
        return of_qubit, of_edge
    for item in calibration.qubits:
        if item.readout_error is not None:
            of_qubit[item.qubit] = item.readout_error
    for gate in calibration.gates:
        if len(gate.qubits) == 2 and gate.error is not None:
            pair = (min(gate.qubits), max(gate.qubits))
            of_edge[pair] = min(of_edge.get(pair, 1.0), gate.error)
    return of_qubit, of_edge


def _grades(errors: dict[Any, float]) -> dict[Any, int]:
    """Grade errors from 1 to 5 on a logarithmic scale between the best and the worst."""
    if not errors:
        return {}
    logs = {key: log(max(value, 1e-9)) for key, value in errors.items()}
    low, high = min(logs.values()), max(logs.values())
    wide = (high - low) or 1.0
    return {
        key: 1 + min(int(_GRADES * (value - low) / wide), _GRADES - 1)
        for key, value in logs.items()
    }


@lru_cache(maxsize=16)
def _places(qubits: int, edges: tuple[tuple[int, int], ...]) -> list[tuple[float, float]]:
    """Place the qubits so that distances in the picture are those along couplings.

    Stress is lowered by stochastic gradient descent over pairs (Zheng, Pawar and
    Goodman 2018), always from the same beginning.
    """
    random = Random(1)  # noqa: S311 - nothing secret
    distances = _distances(qubits, edges)
    places = [[random.random() * qubits**0.5, random.random() * qubits**0.5] for _ in range(qubits)]
    pairs = [(i, j, distances[i][j]) for i in range(qubits) for j in range(i)]
    farthest = max((distance for _, _, distance in pairs), default=1.0)
    decay = log(10 * farthest**2) / _ROUNDS
    for turn in range(_ROUNDS):
        rate = farthest**2 * exp(-decay * turn)
        random.shuffle(pairs)
        for i, j, wanted in pairs:
            one, other = places[i], places[j]
            dx, dy = one[0] - other[0], one[1] - other[1]
            length = hypot(dx, dy) or 1e-6
            step = min(rate / wanted**2, 1.0) * (length - wanted) / (2 * length)
            one[0] -= step * dx
            one[1] -= step * dy
            other[0] += step * dx
            other[1] += step * dy
    left, top = min(x for x, _ in places), min(y for _, y in places)
    return [((x - left) * _STEP, (y - top) * _STEP) for x, y in places]


def _distances(qubits: int, edges: tuple[tuple[int, int], ...]) -> list[list[float]]:
    near: list[list[int]] = [[] for _ in range(qubits)]
    for one, other in edges:
        if one < qubits and other < qubits:
            near[one].append(other)
            near[other].append(one)
    apart = float(max(qubits**0.5, 2))
    found = []
    for start in range(qubits):
        row = [apart] * qubits
        row[start] = 0.0
        seen, waiting = {start}, deque([start])
        while waiting:
            here = waiting.popleft()
            for there in near[here]:
                if there not in seen:
                    seen.add(there)
                    row[there] = row[here] + 1
                    waiting.append(there)
        found.append([max(value, 0.5) for value in row])
    return found
