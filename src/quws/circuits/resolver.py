"""What an OPENQASM-3 expression stands for: a number, a bit, a register or a part of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openqasm3 import ast
from qiskit_qasm3_import import types
from qiskit_qasm3_import.exceptions import raise_from_node
from qiskit_qasm3_import.expression import ValueResolver
from qiskit_qasm3_import.state import State
from typing_extensions import override

from quws.circuits.constants import NotConstantError, Number, Turn, evaluate, inexact
from quws.circuits.ranges import places

Value = tuple[Any, types.Type]
Divided = Callable[[ast.BinaryExpression, int, float], None]
"""Is told of a division that leaves a rest: what it gives, and what the fraction would be."""


class Resolver(ValueResolver):
    """The importer's, with the constants and the ranges of the standard."""

    def __init__(self, context: State, strict: bool, divided: Divided) -> None:
        super().__init__(context, strict)
        self._divided = divided

    @override
    def visit(self, node: ast.QASMNode, context: None = None) -> Value:
        if isinstance(node, ast.BinaryExpression | ast.UnaryExpression | ast.FunctionCall):

            def lookup(name: str) -> Number | None:
                symbol = self._context.symbol_table.get(name, node)
                known = symbol is not None and getattr(symbol.type, "const", False)
                return symbol.data if known and isinstance(symbol.data, int | float) else None

            for division in inexact(node, lookup):
                self._divided(*division)
            try:
                value = evaluate(node, lookup)
            except NotConstantError:
                pass
            else:
                kind = (
                    types.Angle
                    if isinstance(value, Turn)
                    else types.Int
                    if isinstance(value, int)
                    else types.Float
                )
                return value, kind(const=True)
        found: Value = super().visit(node)
        return found

    @override
    def _index_collection(
        self,
        collection: Any,
        collection_type: types.Type,
        indexer: ast.IndexElement,
        base: ast.QASMNode,
    ) -> Value:
        kinds = types.BitArray | types.QubitArray
        if (
            isinstance(collection_type, kinds)
            and isinstance(indexer, list)
            and len(indexer) == 1
            and isinstance(indexer[0], ast.RangeDefinition)
        ):
            one = indexer[0]
            bounds = [self._bound(bound) for bound in (one.start, one.end, one.step)]
            try:
                value = [collection[place] for place in places(len(collection), *bounds)]
            except ValueError as error:
                raise_from_node(base, str(error))
            return value, type(collection_type)(len(value))
        found: Value = super()._index_collection(collection, collection_type, indexer, base)
        return found

    def _bound(self, node: ast.Expression | None) -> int | None:
        if node is None:
            return None
        value, kind = self.visit(node)
        if not isinstance(kind, types.Int | types.Uint) or not kind.const:
            raise_from_node(node, "the bounds of a range must be constant whole numbers")
        return int(value)
