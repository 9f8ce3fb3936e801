"""The house stays one in which everything can be found: small modules, small classes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import quws

_SOURCE = Path(quws.__file__).parent
_LINES = 450
_METHODS = 30


def modules() -> Iterator[Path]:
    return (path for path in _SOURCE.rglob("*.py") if "migrations" not in path.parts)


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        str(path.relative_to(_SOURCE)): len(path.read_text().splitlines()) for path in modules()
    }
    assert len(lengths) > 200
    assert {name: lines for name, lines in lengths.items() if lines > _LINES} == {}


def test_no_class_does_too_much() -> None:
    large = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = sum(
                    isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body
                )
                if methods > _METHODS:
                    large[f"{path.relative_to(_SOURCE)}: {node.name}"] = methods
    assert large == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    house = grimp.build_graph("quws", exclude_type_checking_imports=True, cache_dir=None)
    below = {module: house.find_modules_directly_imported_by(module) for module in house.modules}
    TopologicalSorter(below).prepare()  # Raises with the circle.
