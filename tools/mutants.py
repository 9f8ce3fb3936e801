"""What may be changed in a module so that a test should notice: one `Mutant` for each change.

Left alone is what a test should not hold down: types, docstrings, sentences for people, log lines,
and what stands for a reader or a type checker only.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
# Fields of nodes that hold types, which nothing computes with.
_TYPES = {"annotation", "returns", "type_params"}
_SILENT = {"_log", "log", "logger"}
# Arguments that are texts for people, however short.
_TEXTS = {"description", "example", "help", "label", "more", "otherwise", "summary", "title"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module: the place, and the code before and after."""

    module: str
    path: Path
    number: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        """Return the place and the change, in one line."""
        return f"{self.path}:{self.line}: {_short(self.before)}  ->  {_short(self.after)}"

    def code(self) -> CodeType:
        """Return the module with the change, compiled."""
        tree = _tree(self.path)
        node, replacement = next(islice(_changes(tree), self.number, None))
        changed = _Replace(node, replacement).visit(tree)
        return compile(ast.fix_missing_locations(changed), str(self.path), "exec")


def mutants(module: str, path: Path) -> list[Mutant]:
    """Return all changes of a module."""
    return [
        Mutant(
            module=module,
            path=path,
            number=number,
            line=getattr(node, "lineno", 1),
            before=ast.unparse(node),
            after=ast.unparse(replacement),
        )
        for number, (node, replacement) in enumerate(_changes(_tree(path)))
    ]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    for node in _nodes(tree):
        for replacement in _replacements(node):
            yield node, replacement


class _Replace(ast.NodeTransformer):
    def __init__(self, node: ast.AST, replacement: ast.AST) -> None:
        self._node = node
        self._replacement = replacement

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._node:
            return ast.copy_location(self._replacement, node)
        return self.generic_visit(node)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a change may stand in for, without what is left alone."""
    if _left_alone(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in _TYPES or name == "decorator_list":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _nodes(child)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.JoinedStr():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg=name) if name in _TEXTS:
            return True
        case ast.Call(func=ast.Name(id="assert_never" | "TypeVar" | "cast")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in _SILENT:
            return True
        case ast.Subscript():
            # An index is computed, the parameters of a type are not.
            return isinstance(node.value, ast.Name) and node.value.id in {
                "Annotated",
                "Callable",
                "Literal",
                "dict",
                "list",
                "tuple",
                "type",
            }
    return False


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARED:
            yield _with(node, ops=[_COMPARED[type(op)]()])
        case ast.BinOp(op=op) if type(op) in _COMPUTED and not _is_type(node):
            yield _with(node, op=_COMPUTED[type(op)]())
        case ast.AugAssign(op=op) if type(op) in _COMPUTED:
            yield _with(node, op=_COMPUTED[type(op)]())
        case ast.BoolOp(op=op):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from _constants(value)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant):
                yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()):
            if not _is_log(node):
                yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    # A sentence may be worded anew; a word that stands alone is a name that others rely on.
    elif isinstance(value, str) and value and not any(part.isspace() for part in value):
        yield ast.Constant(f"{value}!")


def _is_type(node: ast.BinOp) -> bool:
    """Whether it is ``X | None``, or the like."""
    sides = (node.left, node.right)
    return isinstance(node.op, ast.BitOr) and any(
        isinstance(side, ast.Constant) and side.value is None for side in sides
    )


def _is_log(node: ast.Raise | ast.Expr) -> bool:
    return isinstance(node, ast.Expr) and _left_alone(node.value)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
