"""Programs of QIR's base profile, written line by line."""

from __future__ import annotations

QIS, RT = "__quantum__qis__", "__quantum__rt__"


def number(value: int) -> str:
    """Write the pointer that stands for a qubit or a result."""
    return f"ptr inttoptr (i64 {value} to ptr)"


def qis(name: str, *args: str) -> str:
    """Write the call of an instruction."""
    return f"call void @{QIS}{name}({', '.join(args)})"


def rt(name: str, *args: str) -> str:
    """Write the call that records something."""
    return f"call void @{RT}{name}_record_output({', '.join(args)})"


def result(value: int, label: str = "null") -> str:
    """Write the call that records a result."""
    return rt("result", number(value), f"ptr {label}")


def program(*lines: str, attributes: str = "", labels: tuple[str, ...] = (), end: str = "") -> str:
    """Write a program of these lines; what it calls is declared, and label k is ``@k``."""
    called = {}
    for line in lines:
        head, at, rest = line.partition("call void @")
        if at and not head.strip():
            name, _, args = rest.partition("(")
            kinds = [item.split()[0] for item in args[:-1].split(", ") if item]
            called.setdefault(name, f"declare void @{name}({', '.join(kinds)})")
    known = [
        f'@{place} = internal constant [{len(label) + 1} x i8] c"{label}\\00"'
        for place, label in enumerate(labels)
    ]
    return "\n".join(
        [
            *known,
            "define void @main() #0 {",
            "entry:",
            *(f"  {line}" for line in lines),
            "  ret void",
            "}",
            *called.values(),
            f'attributes #0 = {{ "entry_point" {attributes} }}',
            end,
        ]
    )
