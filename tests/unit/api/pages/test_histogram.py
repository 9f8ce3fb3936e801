"""Counts for a page, from one bit to sixty."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from quws.api.pages.histogram import counts_of, histogram_svg, marginal_svg, percent
from quws.api.pages.texts import texts_for
from quws.domain.circuits import Register
from quws.domain.outcomes import CircuitOutcome

EN = texts_for("en")
SVG = "{http://www.w3.org/2000/svg}"


def entry(counts: dict[str, int], **registers: int) -> CircuitOutcome:
    found = [Register(name=name, size=size) for name, size in registers.items()]
    return CircuitOutcome(counts, registers=found)


def parsed(svg: Any) -> etree._Element:
    return etree.fromstring(f'<x xmlns="http://www.w3.org/2000/svg">{svg}</x>')[0]


def labels(root: etree._Element) -> list[str]:
    return [
        "".join(item.itertext()) for item in root.iter(f"{SVG}text") if item.get("class") == "m"
    ]


def test_few_bits_show_every_outcome_in_order() -> None:
    counts = counts_of(entry({"11": 600, "00": 400}, c=2))
    root = parsed(histogram_svg(counts, EN))
    assert labels(root) == ["00", "01", "10", "11"]
    assert "2 outcomes of 1000 shots; the most frequent is 11 with 60.0 %" in (
        root.get("aria-label") or ""
    )
    heights = [float(item.get("height") or 0) for item in root.iter(f"{SVG}rect")]
    assert heights[3] == 200
    assert heights[0] == pytest.approx(200 * 4 / 6, abs=0.1)
    assert heights[1] == 0


def test_registers_stay_apart() -> None:
    root = parsed(histogram_svg(counts_of(entry({"1 0": 5, "0 0": 5}, a=1, b=1)), EN))
    assert labels(root) == ["0 0", "0 1", "1 0", "1 1"]


def test_many_outcomes_show_the_most_frequent_and_count_the_rest() -> None:
    counts = {f"{number:010b}": 1 + number % 50 for number in range(1000)}
    found = counts_of(entry(counts, c=10))
    root = parsed(histogram_svg(found, EN))
    assert len(labels(root)) == 20
    assert found.rest == 980
    assert found.rest_shots == sum(counts.values()) - sum(item.count for item in found.top)
    assert any("980 rarer outcomes" in (item.text or "") for item in root.iter(f"{SVG}text"))


def test_sixty_bits_are_set_in_eights() -> None:
    bits = "01" * 30
    root = parsed(histogram_svg(counts_of(entry({bits: 1}, c=60)), EN))
    assert labels(root) == [bits]
    groups = [item.text for item in root.iter(f"{SVG}tspan")]
    assert [len(group or "") for group in groups] == [4, *[8] * 7]


def test_marginals_are_of_each_bit_of_each_register() -> None:
    # Register b was declared last and stands first; bit 0 is the last character.
    found = counts_of(entry({"1 01": 30, "0 10": 70}, a=2, b=1))
    first, second = found.marginals
    assert (first.name, first.ones) == ("a", [0.3, 0.7])
    assert (second.name, second.ones) == ("b", [0.3])
    assert [(item.bits, item.count) for item in first.top] == [("10", 70), ("01", 30)]
    assert first.bits == [(1, "70.0 %"), (0, "30.0 %")]
    root = parsed(marginal_svg(first, EN))
    heights = [float(item.get("height") or 0) for item in root.iter(f"{SVG}rect")]
    assert heights == [56.0, 24.0]


def test_names_are_escaped() -> None:
    found = counts_of(entry({"1": 1}, **{"<a>": 1}))
    assert "&lt;a&gt;" in str(marginal_svg(found.marginals[0], EN))


@pytest.mark.parametrize(
    ("fraction", "written"),
    [(0, "0.0 %"), (0.5, "50.0 %"), (1, "100.0 %"), (0.00012, "0.012 %")],
)
def test_percent(fraction: float, written: str) -> None:
    assert percent(fraction) == written
