"""Circuits that are meant to crash, to hang, to eat memory or to read files.

Each entry makes its text when asked, as some are large. All of them must be
refused, quickly and with a sentence.
"""

from collections.abc import Callable
from typing import NamedTuple

from quws.domain.circuits import Language

TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n'
MEASURE_TWO = "measure q -> c;\n"
MEASURE_THREE = "c = measure q;\n"


class Hostile(NamedTuple):
    """A circuit to be refused.

    ``guarded`` says that this must happen before any parser sees the text.
    """

    name: str
    language: Language
    build: Callable[[], str]
    guarded: bool = True


def _two(name: str, build: Callable[[], str], *, guarded: bool = True) -> Hostile:
    return Hostile(f"2-{name}", Language.OPENQASM_2, lambda: TWO + build() + MEASURE_TWO, guarded)


def _three(name: str, build: Callable[[], str], *, guarded: bool = True) -> Hostile:
    return Hostile(
        f"3-{name}", Language.OPENQASM_3, lambda: THREE + build() + MEASURE_THREE, guarded
    )


def doubled_two(levels: int, parameter: str = "") -> str:
    """Gates of which each uses the one before twice."""
    lines = [f"gate g0{parameter} a {{ h a; }}"]
    lines += [
        f"gate g{i}{parameter} a {{ g{i - 1}{parameter} a; g{i - 1}{parameter} a; }}"
        for i in range(1, levels + 1)
    ]
    return "\n".join(lines) + "\n"


def _nested(opening: str, inner: str, closing: str, times: int) -> str:
    return opening * times + inner + closing * times


_OPENQASM_2 = [
    # sizes
    _two("register-of-1e9", lambda: "qreg r[1000000000];"),
    _two("register-beyond-64-bits", lambda: "qreg r[100000000000000000000];"),
    _two("register-of-two-numbers", lambda: "qreg r[100000000000000000000 3];"),
    _two("classical-register-of-1e9", lambda: "creg r[1000000000];"),
    _two("twenty-large-registers", lambda: "".join(f"qreg r{i}[200000];" for i in range(20))),
    _two("broadcasts-on-a-large-register", lambda: "qreg r[20000];" + "h r;" * 500),
    _two("index-beyond-64-bits", lambda: "x q[100000000000000000000];"),
    _two("empty-register", lambda: "qreg r[0];"),
    _two("too-many-bytes", lambda: "//" + " " * (9 << 20) + "\n"),
    _two("long-word", lambda: f"{'x' * 100_000} q[0];"),
    _two("integer-of-400-digits", lambda: f"rx({'9' * 400}) q[0];", guarded=False),
    _two("many-definitions", lambda: "".join(f"gate g{i} a {{}}\n" for i in range(10_000))),
    _two(
        "conditions-on-a-large-register",
        lambda: "creg d[4000];" + "if(d==0) x q[0];\n" * 1000,
        guarded=False,
    ),
    # depth
    _two("parentheses", lambda: f"rx({_nested('(', '1', ')', 100_000)}) q[0];"),
    _two("open-parentheses", lambda: f"rx({'(' * 5000}"),
    _two("open-braces", lambda: "{" * 50_000),
    _two("closing-braces", lambda: "}" * 10),
    _two("brackets", lambda: f"x q{'[' * 5000};"),
    _two("functions", lambda: f"rx({_nested('sin(', '1', ')', 20_000)}) q[0];"),
    _two("minus-signs", lambda: f"rx({'-' * 100_000}1) q[0];"),
    _two("sum-of-200000-terms", lambda: f"rx({'+'.join(['1'] * 200_000)}) q[0];"),
    # growth
    _two("doubled-24-times", lambda: doubled_two(24) + "g24 q[0];", guarded=False),
    _two("doubled-40-times", lambda: doubled_two(40) + "g40 q[0];", guarded=False),
    _two(
        "doubled-40-times-with-parameter",
        lambda: (
            "gate g0(a) x { rx(a) x; }"
            + "".join(
                f"gate g{i}(a) x {{ g{i - 1}(a*2) x; g{i - 1}(a*3) x; }}" for i in range(1, 41)
            )
            + "g40(0.1) q[0];"
        ),
        guarded=False,
    ),
    _two("gate-of-itself", lambda: "gate g a { g a; } g q[0];", guarded=False),
    _two(
        "gates-of-each-other",
        lambda: "gate f a { g a; } gate g a { f a; } g q[0];",
        guarded=False,
    ),
    # numbers
    _two("infinite-literal", lambda: "rx(1e99999999) q[0];"),
    _two("infinite-power", lambda: "rx(9^9^9^9) q[0];", guarded=False),
    _two("not-a-number", lambda: "rx(9^9^9^9-9^9^9^9) q[0];", guarded=False),
    _two("division-by-zero", lambda: "rx(1/0) q[0];", guarded=False),
    _two("logarithm-of-zero", lambda: "rx(ln(0)) q[0];", guarded=False),
    _two(
        "infinite-in-a-definition",
        lambda: "gate g(a) x { rx(a^a^a^a) x; } g(99) q[0];",
        guarded=False,
    ),
    _two(
        "infinite-two-definitions-down",
        lambda: "gate f(a) x { rx(a^a) x; } gate g(a) x { f(a) x; f(a*a) x; } g(99) q[0];",
        guarded=False,
    ),
    _two("infinite-under-a-condition", lambda: "if(c==1) rx(9^9^9^9) q[0];", guarded=False),
    _two("huge-angles", lambda: "cu3(1e308,1e308,1e308) q[0],q[1];", guarded=False),
    _two("infinite-delay", lambda: "opaque delay(t) a; delay(9^9^9^9) q[0];", guarded=False),
    # files
    _two("include-passwd", lambda: 'include "/etc/passwd";'),
    _two("include-passwd-quoted-otherwise", lambda: "include '/etc/passwd';"),
    _two("include-environment", lambda: 'include "/proc/self/environ";'),
    _two("include-upwards", lambda: 'include "../../../../../../etc/hosts";'),
    _two("include-device", lambda: 'include "/dev/zero";'),
    _two("include-with-a-comment", lambda: 'include // "qelib1.inc"\n"/etc/passwd";'),
    _two("include-the-other-library", lambda: 'include "stdgates.inc";'),
    _two("include-without-quotes", lambda: "include /etc/passwd;"),
    # text
    _two("nul", lambda: "x q[0];\0"),
    _two("escape", lambda: "// \x1b[2J\n"),
    _two("text-turned-around", lambda: "// \u202e\n"),
    _two("half-a-surrogate-pair", lambda: "// \ud800\n"),
    _two("unclosed-quotation", lambda: 'include "qelib1.inc;\n'),
    _two("quotation-alone", lambda: 'x "q";'),
    _two("unclosed-comment", lambda: "/* x"),
    _two("second-header", lambda: "OPENQASM 2.0;"),
    _two("garbage", lambda: "x " * 100_000, guarded=False),
    _two("no-end", lambda: "x q[0]", guarded=False),
    _two("binary-garbage", lambda: "".join(chr(160 + i % 90) for i in range(200_000))),
    # gates that a simulator would take for something else
    _two(
        "opaque-simulator-instruction",
        lambda: "opaque set_statevector(a) x; set_statevector(1) q[0];",
        guarded=False,
    ),
    Hostile("2-nothing", Language.OPENQASM_2, lambda: "OPENQASM 2.0;", guarded=False),
    Hostile("2-other-header", Language.OPENQASM_2, lambda: THREE + MEASURE_THREE),
    Hostile("2-unknown-version", Language.OPENQASM_2, lambda: "OPENQASM 9.0;\nqreg q[1];"),
]

_OPENQASM_3 = [
    # sizes
    _three("register-of-1e9", lambda: "qubit[1000000000] r;"),
    _three("register-of-1e12", lambda: "qubit[1000000000000] r;"),
    _three("old-register-of-1e9", lambda: "qreg r[1000000000];"),
    _three("classical-register-of-1e9", lambda: "bit[1000000000] r;"),
    _three("hexadecimal-register", lambda: "qubit[0xFFFFFFFF] r;"),
    _three(
        "one-qubit-into-many-bits",
        lambda: "bit[4000] d;" + "d = measure q[0];" * 1000,
        guarded=False,
    ),
    _three("computed-register", lambda: "qubit[1000*1000*1000] r;", guarded=False),
    _three("computed-classical-register", lambda: "bit[2**30] r;", guarded=False),
    _three(
        "constant-register",
        lambda: "const int n = 1000000000; qubit[n] r;",
        guarded=False,
    ),
    _three(
        "constant-hidden-behind-a-smaller-one",
        lambda: "const int n = 1000000000; if (c[0]) { const int n = 1; } qubit[n] r;",
        guarded=False,
    ),
    _three("negative-register", lambda: "qubit[1-2] r;", guarded=False),
    _three("wide-integer", lambda: "int[1000000000] i;"),
    _three("array", lambda: "array[int[32], 1000000000] a;", guarded=False),
    _three("physical-qubit", lambda: "x $1000000000;"),
    _three("physical-qubit-beyond-64-bits", lambda: f"x ${'9' * 300};"),
    _three(
        "gate-on-5000-qubits",
        lambda: f"gate g {','.join(f'a{i}' for i in range(5000))} {{}}",
        guarded=False,
    ),
    _three("too-many-bytes", lambda: "//" + " " * (1 << 20) + "\n"),
    _three("too-many-words", lambda: "x;" * 130_000),
    _three("long-word", lambda: f"{'x' * 100_000} q[0];"),
    _three("integer-of-400-digits", lambda: f"rx({'9' * 400}) q[0];", guarded=False),
    _three(
        "conditions-on-a-large-register",
        lambda: "bit[4000] d;" + "if (d == 1) x q[0];\n" * 200,
        guarded=False,
    ),
    # depth
    _three("parentheses", lambda: f"rx({_nested('(', '1', ')', 100_000)}) q[0];"),
    _three("minus-signs", lambda: f"rx({'-' * 100_000}1) q[0];"),
    _three("5000-minus-signs", lambda: f"rx({'-' * 5000}1) q[0];"),
    _three("signs-and-parentheses", lambda: f"rx({_nested('-' * 60 + '(', '1', ')', 60)}) q[0];"),
    _three("sum-of-20000-terms", lambda: f"rx({'+'.join(['1'] * 20_000)}) q[0];"),
    _three("tower-of-powers", lambda: f"rx({'**'.join(['2'] * 20_000)}) q[0];"),
    _three("chain-of-comparisons", lambda: f"if (c{' == 1' * 5000}) x q[0];"),
    _three("concatenation", lambda: f"let a = {'++'.join(['q'] * 50_000)};"),
    _three("functions", lambda: f"rx({_nested('sin(', '1', ')', 5000)}) q[0];"),
    _three("brackets", lambda: f"x q{'[' * 5000};"),
    _three("braces", lambda: "{" * 50_000),
    _three("nested-if", lambda: _nested("if (c[0]) {", "x q[0];", "}", 2000)),
    _three("nested-if-without-braces", lambda: "if (c[0]) " * 2000 + "x q[0];", guarded=False),
    _three("else-if", lambda: "if (c[0]) {x q[0];} else " * 1000 + "x q[0];", guarded=False),
    _three("nested-for", lambda: "for int i in [0:1] " * 1000 + "x q[0];", guarded=False),
    # growth
    _three("doubled-24-times", lambda: doubled_two(24) + "g24 q[0];", guarded=False),
    _three("doubled-40-times", lambda: doubled_two(40) + "g40 q[0];", guarded=False),
    _three(
        "doubled-40-times-with-parameter",
        lambda: (
            "gate g0(a) x { rx(a) x; }"
            + "".join(
                f"gate g{i}(a) x {{ g{i - 1}(a*2) x; g{i - 1}(a*3) x; }}" for i in range(1, 41)
            )
            + "g40(0.1) q[0];"
        ),
        guarded=False,
    ),
    _three(
        "doubled-and-controlled",
        lambda: doubled_two(40) + "ctrl @ g40 q[0], q[1];",
        guarded=False,
    ),
    _three("power-of-1e9", lambda: "pow(1000000000) @ x q[0];", guarded=False),
    _three("power-of-minus-1e9", lambda: "pow(-1000000000) @ x q[0];", guarded=False),
    _three("powers", lambda: "pow(100) @ " * 20 + "x q[0];", guarded=False),
    _three("infinite-power-of-a-gate", lambda: "pow(1e999) @ x q[0];"),
    _three("controls-of-1e9", lambda: "ctrl(1000000000) @ x q[0];", guarded=False),
    _three("many-controls", lambda: "ctrl @ " * 5000 + "x q[0];", guarded=False),
    _three("inverses", lambda: "inv @ " * 20_000 + "x q[0], q[1], q[0];", guarded=False),
    _three("gate-of-itself", lambda: "gate g a { g a; } g q[0];", guarded=False),
    _three(
        "gates-of-each-other",
        lambda: "gate f a { g a; } gate g a { f a; } g q[0];",
        guarded=False,
    ),
    _three("alias-doubled", lambda: "let a = q ++ q; let b = a ++ a;", guarded=False),
    _three("loop-of-1e9", lambda: "for int i in [0:999999999] { x q[0]; }", guarded=False),
    _three("empty-loop-of-1e9", lambda: "for int i in [0:999999999] { }", guarded=False),
    _three("loop-of-1e30", lambda: f"for int i in [0:1{'0' * 30}] {{ x q[0]; }}", guarded=False),
    _three("loop-without-step", lambda: "for int i in [0:0:9] { x q[0]; }", guarded=False),
    _three("loop-without-end", lambda: "for int i in [0:] { x q[0]; }", guarded=False),
    _three(
        "nested-loops",
        lambda: "for int i in [1:10000] { for int j in [1:10000] { x q[0]; } }",
        guarded=False,
    ),
    _three(
        "loops-that-depend-on-each-other",
        lambda: "for int i in [0:100000] { for int j in [0:i] { x q[0]; } }",
        guarded=False,
    ),
    _three(
        "three-loops-that-depend-on-each-other",
        lambda: "for int i in [0:999] { for int j in [0:i] { for int k in [0:j] {x q[0];} } }",
        guarded=False,
    ),
    _three(
        "sixty-loops-over-nothing-known",
        lambda: (
            "".join(f"for int i{k} in [0:1] " for k in range(60))
            + "for int i in [0:unknown] x q[0];"
        ),
        guarded=False,
    ),
    _three(
        "long-block-in-loops-that-depend-on-each-other",
        lambda: (
            "for int i in [0:9999] { for int j in [0:i] {} if (c[0]) {" + "x q[0];" * 2000 + "} }"
        ),
        guarded=False,
    ),
    _three(
        "constants-in-a-long-loop",
        lambda: (
            "for int i in [0:9999999] {"
            + "".join(f"const int n{k} = i;" for k in range(1000))
            + "x q[i]; }"
        ),
        guarded=False,
    ),
    _three("while-true", lambda: "while (true) { x q[0]; }", guarded=False),
    _three("while-not-measured", lambda: "while (!c[0]) { x q[0]; }", guarded=False),
    _three("constant-power", lambda: "const int n = 10 ** 1000000000;", guarded=False),
    _three("constant-shift", lambda: "const int n = 1 << 1000000000;", guarded=False),
    _three(
        "constants-squared",
        lambda: (
            "const int n0 = 10;"
            + "".join(f"const int n{i} = n{i - 1} * n{i - 1};" for i in range(1, 40))
        ),
        guarded=False,
    ),
    _three(
        "subroutine-of-itself",
        lambda: "def f(qubit a) { f(a); } f(q[0]);",
        guarded=False,
    ),
    # numbers
    _three("infinite-literal", lambda: "rx(1e999) q[0];"),
    _three("infinite-duration", lambda: "delay[1e999ns] q[0];"),
    _three("infinite-product", lambda: "rx(1e308*1e308) q[0];", guarded=False),
    _three("division-by-zero", lambda: "rx(1/0) q[0];", guarded=False),
    _three(
        "division-by-zero-in-a-definition",
        lambda: "gate g(a) x { rx(pi/a) x; } g(0.0) q[0];",
        guarded=False,
    ),
    _three(
        "infinite-in-a-definition",
        lambda: "gate f(a) x { rx(a*1e200) x; } gate g(a) x { f(a*1e200) x; } g(1.0) q[0];",
        guarded=False,
    ),
    _three(
        "infinite-under-a-condition",
        lambda: "if (c[0]) { rx(1e308*1e308) q[0]; }",
        guarded=False,
    ),
    _three("infinite-phase", lambda: "gphase(1e308*1e308);", guarded=False),
    _three("huge-angle", lambda: "rx(1e300) q[0];", guarded=False),
    _three("input", lambda: "input int a; x q[a];", guarded=False),
    # files
    _three("include-passwd", lambda: 'include "/etc/passwd";'),
    _three("include-device", lambda: 'include "/dev/zero";'),
    _three("include-upwards", lambda: "include '../../../etc/hosts';"),
    _three("include-the-other-library", lambda: 'include "qelib1.inc";'),
    # parts of the language that run or load something else
    _three("pragma", lambda: "pragma quws shell\n"),
    _three("old-pragma", lambda: "#pragma quws shell\n"),
    _three("cal", lambda: "cal { x; }"),
    _three("defcal", lambda: "defcal x $0 { }"),
    _three("defcalgrammar", lambda: 'defcalgrammar "openpulse";'),
    _three("extern", lambda: "extern f(int) -> int;"),
    _three("annotation", lambda: "@quws.shell rm\nx q[0];"),
    _three("switch", lambda: "switch (c) { case 1 { x q[0]; } }", guarded=False),
    _three("end", lambda: "end;", guarded=False),
    # text
    _three("nul", lambda: "x q[0];\0"),
    _three("unclosed-quotation", lambda: 'include "stdgates.inc;\n'),
    _three("unclosed-comment", lambda: "/* x"),
    _three("quotation-alone", lambda: 'x "q";'),
    _three("second-header", lambda: "OPENQASM 3.0;"),
    _three("garbage", lambda: "x " * 100_000, guarded=False),
    _three("binary-garbage", lambda: "".join(chr(160 + i % 90) for i in range(200_000))),
    Hostile("3-nothing", Language.OPENQASM_3, lambda: "OPENQASM 3.0;", guarded=False),
    Hostile("3-other-header", Language.OPENQASM_3, lambda: TWO + MEASURE_TWO),
]

HOSTILE: list[Hostile] = [*_OPENQASM_2, *_OPENQASM_3]
