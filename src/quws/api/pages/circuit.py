"""Circuits as SVG.

No styles in here: what is what is said by classes, so that the style sheet
colours it for dark and light and the content security policy stays strict.
"""

from __future__ import annotations

from collections import defaultdict

from markupsafe import Markup, escape

from quws.domain.drawings import Drawing, Drawn, Shape

_ROW = 40
_BIT_ROW = 30
_TOP = 22
_BOX = 28
_SPACE = 12
_CHAR = 7.6
_SMALL_CHAR = 6.2
_NARROW = 28
_GAP = 64
_FAMILIES = {
    "H": "h",
    "X": "p",
    "Y": "p",
    "Z": "p",
    "S": "s",
    "T": "s",
    "S†": "s",
    "T†": "s",
    "√X": "p",
    "√X†": "p",
}


def circuit_svg(drawing: Drawing, label: str, left_out: str) -> Markup:
    """Draw a circuit.

    ``label`` says in words what it shows, ``left_out`` what is missing in its gap.
    """
    return _Canvas(drawing, left_out).svg(label)


class _Canvas:
    def __init__(self, drawing: Drawing, left_out: str) -> None:
        self._drawing = drawing
        self._left_out = left_out
        self._parts: list[str] = []
        names = [*drawing.qubits, *(name for name, _ in drawing.registers)]
        self._left = 16 + _CHAR * max((len(name) for name in names), default=1)
        self._x, self._width = self._columns()
        rows = len(drawing.qubits)
        self._height = _TOP + rows * _ROW + len(drawing.registers) * _BIT_ROW + 8

    def svg(self, label: str) -> Markup:
        """Write the whole picture."""
        self._wires()
        for item in self._drawing.operations:
            self._operation(item)
        if self._drawing.gap is not None:
            self._gap()
        return Markup(  # noqa: S704 - every text in it went through escape
            f'<svg class="circuit" role="img" aria-label="{escape(label)}"'
            f' width="{self._width:.0f}" height="{self._height:.0f}"'
            f' viewBox="0 0 {self._width:.0f} {self._height:.0f}">{"".join(self._parts)}</svg>'
        )

    def _columns(self) -> tuple[list[float], float]:
        """Find the middle of each column, and the width of all."""
        widths: dict[int, float] = defaultdict(lambda: float(_NARROW))
        for item in self._drawing.operations:
            widths[item.column] = max(widths[item.column], _width(item))
        middles = []
        x = self._left + _SPACE
        for column in range(self._drawing.columns):
            if column == self._drawing.gap:
                x += _GAP
            middles.append(x + widths[column] / 2)
            x += widths[column] + _SPACE
        if self._drawing.gap == self._drawing.columns:
            x += _GAP
        return middles, x + _SPACE

    def _row(self, row: int) -> float:
        return _TOP + row * _ROW + _ROW / 2

    def _bit_row(self, register: int) -> float:
        return _TOP + len(self._drawing.qubits) * _ROW + register * _BIT_ROW + _BIT_ROW / 2

    def _wires(self) -> None:
        end = self._width - 4
        for row, name in enumerate(self._drawing.qubits):
            y = self._row(row)
            self._parts.append(
                f'<text class="n" x="{self._left - 6:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'
                f'<path class="w" d="M{self._left:.1f} {y:.1f}H{end:.1f}"/>'
            )
        for register, (name, size) in enumerate(self._drawing.registers):
            y = self._bit_row(register)
            x = self._left
            self._parts.append(
                f'<text class="n" x="{x - 6:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'
                f'<path class="w c" d="M{x:.1f} {y - 1.5:.1f}H{end:.1f}M{x:.1f} {y + 1.5:.1f}'
                f'H{end:.1f}M{x + 4:.1f} {y + 5:.1f}l5 -10"/>'
                f'<text class="b" x="{x + 11:.1f}" y="{y - 5:.1f}">{size}</text>'
            )

    def _operation(self, item: Drawn) -> None:
        x = self._x[item.column]
        ys = [self._row(row) for row in item.qubits]
        dots = [self._row(row) for row, _ in item.controls]
        if len(ys) + len(dots) > 1 and item.shape is not Shape.BARRIER:
            every = ys + dots
            self._line(x, min(every), max(every))
        if item.clbits:
            self._classical(item, x, max(ys + dots))
        for (_, filled), y in zip(item.controls, dots, strict=True):
            self._parts.append(
                f'<circle class="{"d" if filled else "o"}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            )
        match item.shape:
            case Shape.BOX:
                self._box(item, x, ys)
            case Shape.OPEN | Shape.ELSE | Shape.CLOSE:
                self._bracket(item, x, ys)
            case _:
                for y in ys:
                    self._symbol(item.shape, x, y)

    def _symbol(self, shape: Shape, x: float, y: float) -> None:
        """Draw what stands on each of its qubits alike."""
        match shape:
            case Shape.NOT:
                self._parts.append(
                    f'<circle class="o" cx="{x:.1f}" cy="{y:.1f}" r="10"/>'
                    f'<path class="l" d="M{x - 10:.1f} {y:.1f}h20M{x:.1f} {y - 10:.1f}v20"/>'
                )
            case Shape.DOT:
                self._parts.append(f'<circle class="d" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
            case Shape.SWAP:
                self._parts.append(
                    f'<path class="l" d="M{x - 6:.1f} {y - 6:.1f}l12 12m0 -12l-12 12"/>'
                )
            case Shape.MEASURE:
                self._square(x, y, "m")
                self._parts.append(
                    f'<path class="l" d="M{x - 9:.1f} {y + 6:.1f}a9 9 0 0 1 18 0'
                    f'M{x:.1f} {y + 6:.1f}l7 -13"/>'
                )
            case Shape.RESET:
                self._square(x, y, "z")
                self._text(x, y, "|0⟩")
            case Shape.BARRIER:
                self._parts.append(f'<path class="r" d="M{x:.1f} {y - _ROW / 2:.1f}v{_ROW}"/>')

    def _box(self, item: Drawn, x: float, ys: list[float]) -> None:
        width = _width(item)
        top, bottom = min(ys) - _BOX / 2, max(ys) + _BOX / 2
        family = _FAMILIES.get(item.label, "u" if not item.label.startswith("R") else "t")
        self._parts.append(
            f'<rect class="g {family}" x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}"'
            f' height="{bottom - top:.1f}" rx="4"/>'
        )
        middle = (top + bottom) / 2
        if len(ys) > 1:
            for number, y in enumerate(ys):
                self._parts.append(
                    f'<text class="k" x="{x - width / 2 + 3:.1f}" y="{y + 3:.1f}">{number}</text>'
                )
        if item.parameters:
            self._text(x, middle - 5, item.label)
            self._note(x, middle + 10, item.parameters)
        else:
            self._text(x, middle, item.label)

    def _bracket(self, item: Drawn, x: float, ys: list[float]) -> None:
        top, bottom = min(ys) - _ROW / 2 + 2, max(ys) + _ROW / 2 - 2
        turn = {Shape.OPEN: 6, Shape.CLOSE: -6}.get(item.shape)
        path = f"M{x:.1f} {top:.1f}V{bottom:.1f}"
        if turn is not None:
            path = f"M{x + turn:.1f} {top:.1f}H{x:.1f}V{bottom:.1f}h{turn}"
        self._parts.append(f'<path class="{"e" if turn is None else "l"}" d="{path}"/>')
        if item.label:
            self._note(x, top - 3, item.label)

    def _classical(self, item: Drawn, x: float, y: float) -> None:
        writes = item.shape is Shape.MEASURE
        register = max(place for place, _ in item.clbits)
        end = self._bit_row(register)
        self._parts.append(
            f'<path class="w c" d="M{x - 1.5:.1f} {y:.1f}V{end:.1f}'
            f'M{x + 1.5:.1f} {y:.1f}V{end:.1f}"/>'
        )
        bits = [str(bit) for place, bit in item.clbits if place == register]
        text = bits[0] if len(bits) == 1 else ""
        if item.condition:
            text = item.condition.replace("if ", "")
            if len(bits) == 1 and len(item.clbits) == 1 and "=" not in text:
                text = f"{bits[0]}={text}"
        mark = (
            f'<path class="f" d="M{x - 5:.1f} {end - 7:.1f}h10l-5 7z"/>'
            if writes
            else f'<circle class="d" cx="{x:.1f}" cy="{end:.1f}" r="4"/>'
        )
        self._parts.append(
            f'{mark}<text class="b" x="{x + 6:.1f}" y="{end + 12:.1f}">{escape(text)}</text>'
        )

    def _gap(self) -> None:
        gap = self._drawing.gap or 0
        after = self._x[gap] if gap < len(self._x) else self._width - _SPACE
        widths = [_width(item) for item in self._drawing.operations if item.column == gap]
        x = after - max(widths, default=0.0) / 2 - _GAP / 2
        middle = self._height / 2
        self._parts.append(
            f'<rect class="x" x="{x - _GAP / 2 + 6:.1f}" y="{_TOP}" width="{_GAP - 12}"'
            f' height="{self._height - _TOP - 8:.1f}"/>'
            f'<text class="y" x="{x:.1f}" y="{middle:.1f}">⋯</text>'
        )
        self._note(x, middle + 16, self._left_out)

    def _square(self, x: float, y: float, family: str) -> None:
        self._parts.append(
            f'<rect class="g {family}" x="{x - _BOX / 2:.1f}" y="{y - _BOX / 2:.1f}"'
            f' width="{_BOX}" height="{_BOX}" rx="4"/>'
        )

    def _text(self, x: float, y: float, text: str) -> None:
        self._parts.append(f'<text class="t" x="{x:.1f}" y="{y + 5:.1f}">{escape(text)}</text>')

    def _note(self, x: float, y: float, text: str) -> None:
        self._parts.append(f'<text class="a" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>')

    def _line(self, x: float, top: float, bottom: float) -> None:
        self._parts.append(f'<path class="l" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')


def _width(item: Drawn) -> float:
    if item.shape is Shape.OPEN or item.shape is Shape.ELSE:
        return max(_NARROW, _SMALL_CHAR * len(item.label))
    if item.shape is not Shape.BOX:
        return _NARROW
    ports = 10 if len(item.qubits) > 1 else 0
    return max(
        _NARROW,
        _CHAR * len(item.label) + 12 + 2 * ports,
        _SMALL_CHAR * len(item.parameters) + 10 + 2 * ports,
    )
