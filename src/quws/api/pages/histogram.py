"""Counts as pictures: a histogram of outcomes, and how often each bit of a register is 1.

Readable from one bit to sixty: few outcomes stand side by side, all of them; of
many the most frequent lie below each other, and the rest is one bar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, product
from math import sqrt

from markupsafe import Markup, escape

from quws.api.pages.templates import number
from quws.api.pages.texts import Texts
from quws.domain.circuits import Register
from quws.domain.outcomes import CircuitOutcome

TOP = 20
_UPRIGHT_BITS = 3
_INLINE_LENGTH = 14
_CHAR = 8.0
_HEIGHT = 200
_SVG = '<svg class="{kind}" role="img" aria-label="{label}" width="100%" height="{height}">'


@dataclass(frozen=True, slots=True)
class Bar:
    """A bit string and how often it was measured; ``fraction`` is of all shots."""

    bits: str
    count: int
    fraction: float

    @property
    def percent(self) -> str:
        """The fraction for people."""
        return percent(self.fraction)


@dataclass(frozen=True, slots=True)
class Marginal:
    """One register alone: fractions of ones from bit 0 up, and its own most frequent values."""

    name: str
    ones: list[float]
    top: list[Bar]

    @property
    def bits(self) -> list[tuple[int, str]]:
        """Each bit with its fraction of ones for people, the last bit first."""
        return [(bit, percent(value)) for bit, value in reversed(list(enumerate(self.ones)))]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a page shows of the counts of one circuit."""

    index: int
    shots: int
    distinct: int
    top: list[Bar]
    rest: int
    """How many outcomes are not in ``top``."""
    rest_shots: int
    marginals: list[Marginal]
    bits: int


def counts_of(outcome: CircuitOutcome) -> Counts:
    """Return a page's view of what one circuit gave."""
    counts, shots = outcome.counts, outcome.shots
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    top = [_bar(bits, count, shots) for bits, count in ordered[:TOP]]
    shown = sum(item.count for item in top)
    return Counts(
        index=outcome.index,
        shots=shots,
        distinct=len(counts),
        top=top,
        rest=len(counts) - len(top),
        rest_shots=shots - shown,
        marginals=_marginals(counts, outcome.registers, shots),
        bits=len(ordered[0][0].replace(" ", "")) if ordered else 0,
    )


def percent(fraction: float) -> str:
    """Write a fraction for people."""
    value = 100 * fraction
    if 0 < value < 0.1:
        return f"{value:.3f} %"
    return f"{value:.1f} %"


def histogram_svg(counts: Counts, t: Texts) -> Markup:
    """Draw the most frequent outcomes, each with the error that its count has by chance."""
    best = counts.top[0]
    label = t.n(
        t.job["histogram"],
        counts.distinct,
        shots=counts.shots,
        top=best.bits,
        percent=best.percent,
    )
    if counts.bits <= _UPRIGHT_BITS:
        return _upright(counts, label)
    return _lying(counts, label, t)


def marginal_svg(marginal: Marginal, t: Texts) -> Markup:
    """Draw how often each bit of a register is 1, the last bit at the left."""
    size = len(marginal.ones)
    step = 100 / size
    label = t.job["marginal_label"].format(name=marginal.name)
    parts = [
        _head("marginal", label, 124),
        '<g transform="translate(0 14)"><path class="l" d="M0 88h4000"/>',
        '<path class="r" d="M0 48h4000M0 8h4000"/>',
    ]
    every = 1 if size <= 16 else 5 if size <= 64 else max(size // 10, 1)
    for place, value in enumerate(reversed(marginal.ones)):
        bit = size - 1 - place
        height = 80 * value
        parts.append(
            f'<rect class="bar" x="{place * step + step * 0.1:.2f}%" y="{88 - height:.1f}"'
            f' width="{step * 0.8:.2f}%" height="{height:.1f}"/>'
        )
        if size <= 8:
            parts.append(
                f'<text class="v" x="{(place + 0.5) * step:.2f}%" y="{84 - height:.1f}">'
                f"{percent(value)}</text>"
            )
        if bit % every == 0:
            parts.append(f'<text class="a" x="{(place + 0.5) * step:.2f}%" y="104">{bit}</text>')
    parts.append("</g>")
    return _done(parts)


def _upright(counts: Counts, label: str) -> Markup:
    """Draw every possible outcome side by side, in their order."""
    measured = {item.bits: item for item in counts.top}
    shape = counts.top[0].bits
    places = [place for place, char in enumerate(shape) if char != " "]
    every = []
    for values in product("01", repeat=len(places)):
        bits = list(shape)
        for place, value in zip(places, values, strict=True):
            bits[place] = value
        every.append(measured.get("".join(bits), Bar("".join(bits), 0, 0.0)))
    most = max(item.fraction for item in every)
    step = 100 / len(every)
    parts = [_head("upright", label, _HEIGHT + 46)]
    for place, item in enumerate(every):
        middle = (place + 0.5) * step
        height = _HEIGHT * item.fraction / most
        top = _HEIGHT + 20 - height
        error = _HEIGHT * _deviation(item.fraction, counts.shots) / most
        above = max(top - error, 14) - 5
        parts.append(
            f'<rect class="bar" x="{middle - step * 0.36:.2f}%" y="{top:.1f}"'
            f' width="{step * 0.72:.2f}%" height="{height:.1f}" rx="2"/>'
            f'<text class="a" x="{middle:.2f}%" y="{above:.1f}">{item.count}</text>'
            f'<text class="m" x="{middle:.2f}%" y="{_HEIGHT + 38}">{escape(item.bits)}</text>'
        )
        if error > 1:
            parts.append(
                f'<line class="e" x1="{middle:.2f}%" x2="{middle:.2f}%"'
                f' y1="{max(top - error, 14):.1f}" y2="{top + error:.1f}"/>'
            )
    parts.append(f'<path class="l" d="M0 {_HEIGHT + 20}h4000"/>')
    return _done(parts)


def _lying(counts: Counts, label: str, t: Texts) -> Markup:
    """Draw the most frequent outcomes below each other, and say how many there are besides."""
    longest = max(len(item.bits) for item in counts.top)
    inline = longest <= _INLINE_LENGTH
    left = longest * _CHAR + 12 if inline else 0
    part = 0.6 if inline else 0.82
    height = 22 if inline else 38
    most = counts.top[0].fraction
    rest = 22 if counts.rest else 0
    parts = [_head("lying", label, len(counts.top) * height + rest + 4)]
    for row, item in enumerate(counts.top):
        y = row * height
        bar = y if inline else y + 18
        width = max(100 * part * item.fraction / most, 0.2)
        parts.append(
            f'<text class="m" x="0" y="{y + 15}">{_grouped(item.bits)}</text>'
            f'<svg x="{left:.0f}" y="{bar + 2}" width="100%" height="16">'
            f'<rect class="bar" x="0" y="2" width="{width:.2f}%" height="12" rx="2"/>'
            f'<svg x="{width:.2f}%" width="90" height="16">'
            f'<text class="b" x="6" y="12">{item.count}</text></svg></svg>'
        )
    if counts.rest:
        text = t.n(t.job["rest"], counts.rest, shots=number(counts.rest_shots))
        y = len(counts.top) * height + 16
        parts.append(f'<text class="b" x="0" y="{y}">{escape(text)}</text>')
    return _done(parts)


def _grouped(text: str) -> str:
    """Set the bits of a long outcome a little apart in eights, from the right."""
    if len(text) <= _INLINE_LENGTH:
        return str(escape(text))
    groups = []
    for register in text.split(" "):
        first = len(register) % 8
        groups.append([register[:first]] if first else [])
        groups[-1] += [register[k : k + 8] for k in range(first, len(register), 8)]
    written: list[str] = []
    for register_place, group in enumerate(groups):
        for place, bits in enumerate(group):
            shift = 12 if register_place and not place else 4
            written.append(f'<tspan dx="{shift if written else 0}">{escape(bits)}</tspan>')
    return "".join(written)


def _marginals(counts: dict[str, int], registers: Sequence[Register], shots: int) -> list[Marginal]:
    if not shots or not registers:
        return []
    groups = [key.split(" ")[::-1] for key in counts]
    if any(len(group) != len(registers) for group in groups):
        return []
    weights = list(counts.values())
    found = []
    for place, register in enumerate(registers):
        values = [group[place] for group in groups]
        ones = [sum(compress(weights, column)) / shots for column in _columns(values)]
        top: list[Bar] = []
        if len(registers) > 1:
            alone: Counter[str] = Counter()
            for value, count in zip(values, weights, strict=True):
                alone[value] += count
            top = [_bar(bits, count, shots) for bits, count in alone.most_common(8)]
        found.append(Marginal(register.name, ones, top))
    return found


def _columns(values: list[str]) -> list[bytes]:
    """Give each bit's values in all outcomes, the last bit first: as bytes, which is fast."""
    size = len(values[0])
    data = "".join(values).encode().translate(bytes.maketrans(b"01", b"\0\1"))
    return [data[place::size] for place in reversed(range(size))]


def _bar(bits: str, count: int, shots: int) -> Bar:
    return Bar(bits, count, count / shots if shots else 0.0)


def _deviation(fraction: float, shots: int) -> float:
    """Return the standard deviation of a fraction that was counted in so many shots."""
    return sqrt(fraction * (1 - fraction) / shots) if shots else 0.0


def _head(kind: str, label: str, height: int) -> str:
    return _SVG.format(kind=f"chart {kind}", label=escape(label), height=height)


def _done(parts: list[str]) -> Markup:
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - every text in it was escaped
