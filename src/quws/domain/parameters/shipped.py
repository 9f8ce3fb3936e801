"""The parameters that quws takes. One entry makes one: everything else follows from it."""

from __future__ import annotations

from quws.domain import bindings
from quws.domain.batch import OnError
from quws.domain.circuits import Language
from quws.domain.compiling import Optimization, read_layout, read_optimization
from quws.domain.errors import KindNotSupported
from quws.domain.kinds import JobKind
from quws.domain.noise import read_noise
from quws.domain.observables import collect, read_value
from quws.domain.parameters import objections, values
from quws.domain.parameters.request import JobRequest
from quws.domain.parameters.specification import (
    Kind,
    Role,
    Shown,
    Specification,
    Specifications,
)
from quws.domain.parameters.values import ResponseFormat
from quws.domain.policy import LAST_PRIORITY
from quws.domain.targets import Feature, TargetDescription
from quws.domain.times import MAX_SECONDS
from quws.domain.webhooks import read_url


def _no_memory(request: JobRequest, target: TargetDescription) -> str | None:
    if request.options.memory and request.options.kind is not JobKind.SAMPLE:
        return "MEMORY must be false unless KIND=sample: other kinds keep no shots"
    if not request.options.memory or Feature.MEMORY in target.features:
        return None
    return (
        f"MEMORY must be false on target {target.name}, which does not give the bits of"
        " single shots"
    )


def _no_such_method(request: JobRequest, target: TargetDescription) -> str | None:
    method = request.options.method
    methods = ["auto", *target.methods]
    if method is None or method in methods:
        return None
    return (
        f"METHOD must be one of {', '.join(methods)} on target {target.name}, not '{method[:40]}'"
    )


def _no_noise(request: JobRequest, target: TargetDescription) -> str | None:
    if request.options.noise is None or Feature.NOISE in target.features:
        return None
    return f"NOISE must be none on target {target.name}, which has no noise models"


SPECIFICATIONS = Specifications(
    (
        Specification(
            name="CIRCUIT",
            aliases=("QUERY",),
            keyword="circuits",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=str,
            label="Circuit",
            help="The circuit, in one of the formats of LANG; repeated for a batch.",
            more="`param:NAME` takes the part NAME of a multipart body, and"
            " `data:application/octet-stream;base64,…` stands for the bytes in it"
            " ([formats.md](formats.md)).",
            example="OPENQASM 2.0; …",
            otherwise="needed",
            needed="the circuit, for example as OpenQASM 3 text",
            repeatable=True,
            by_part=True,
            binary=True,
            most=lambda target: target.max_circuits,
            objection=objections.too_many_circuits,
            shown=Shown.CIRCUITS,
            prominent=True,
        ),
        Specification(
            name="BINDINGS",
            keyword="bindings",
            role=Role.JOB,
            kind=Kind.OBJECT,
            read=bindings.read,
            label="Bindings",
            help="Values of the circuit's parameters, as JSON or CSV: a circuit for each row.",
            more="A JSON object with a list of values for each name, a JSON list of objects, one"
            " for each circuit, or CSV whose first line has the names; by value, as `param:NAME` or"
            " as a `data:` URL. At most 4,194,304 characters"
            " ([bindings.md](../how-to/bindings.md)).",
            example='{"theta": [0.1, 0.2]}',
            by_part=True,
            longest=4 * 1024 * 1024,
            objection=objections.wrong_bindings,
            shown=Shown.TEXT,
        ),
        Specification(
            name="TARGET",
            keyword="target",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=values.stripped,
            label="Target",
            help="What shall run the circuits.",
            example="simulator",
            otherwise="`simulator`, or what the operator has set (`QUWS_POLICY__TARGET`)",
            shown=Shown.TARGET,
            prominent=True,
        ),
        Specification(
            name="KIND",
            keyword="kind",
            role=Role.OPTION,
            kind=Kind.TEXT,
            read=values.read_kind,
            label="Kind of work",
            help="Count what is measured, estimate expectation values, or compile only.",
            more="A target says which kinds it takes. [Expectation values](../how-to/estimate.md).",
            example="estimate",
            otherwise="`sample`",
            default=JobKind.SAMPLE,
            choices=tuple(JobKind),
            objection=objections.no_such_kind,
            refusal=KindNotSupported,
            forwarded=True,
            shown=Shown.CHOICE,
        ),
        Specification(
            name="OBSERVABLE",
            keyword="observable",
            role=Role.OPTION,
            kind=Kind.TEXT,
            read=read_value,
            collect=collect,
            label="Observable",
            help="For KIND=estimate: a sum of Pauli strings with real coefficients; repeatable.",
            more="`0.5*Z0 Z3 - X1` names the qubits, `0.5*ZIIZ - IIXI` has a letter for each, that"
            " of qubit 0 last; a JSON list of either, or of pairs of a label and a coefficient, or"
            " one list for each circuit. At most 1000 terms for one circuit"
            " ([estimate.md](../how-to/estimate.md)).",
            example="0.5*Z0 Z3 - X1",
            repeatable=True,
            longest=1024 * 1024,
            objection=objections.wrong_observable,
            forwarded=True,
        ),
        Specification(
            name="PRECISION",
            keyword="precision",
            role=Role.OPTION,
            kind=Kind.NUMBER,
            read=values.positive("PRECISION", 1e6, "a standard error"),
            label="Precision",
            help="For KIND=estimate: the standard error wanted, which plans the shots.",
            more="It is given instead of SHOTS.",
            example="0.01",
            instead_of="SHOTS",
            objection=objections.wrong_precision,
            forwarded=True,
        ),
        Specification(
            name="SHOTS",
            keyword="shots",
            role=Role.OPTION,
            kind=Kind.INTEGER,
            read=values.integer("SHOTS", 0, MAX_SECONDS, "runs of the circuit"),
            label="Shots",
            help="Runs of each circuit; with KIND=estimate of each basis, 0 for exact values.",
            more="Up to the limit of the target. Exact values are for simulators.",
            example="1000",
            otherwise="1000, or what the operator has set (`QUWS_POLICY__SHOTS`)",
            setting="shots",
            low=0,
            high=MAX_SECONDS,
            most=lambda target: target.max_shots,
            objection=objections.wrong_shots,
            forwarded=True,
            shown=Shown.NUMBER,
            prominent=True,
        ),
        Specification(
            name="SEED",
            keyword="seed",
            role=Role.OPTION,
            kind=Kind.INTEGER,
            read=values.integer("SEED", 0, values.MAX_SEED, "seed of the random numbers"),
            label="Seed",
            help="The same seed gives the same counts; without one they are others each time.",
            more="In a batch each circuit draws from a seed of its own that follows from it.",
            example="7",
            low=0,
            high=values.MAX_SEED,
            feature=Feature.SEED,
            forwarded=True,
            shown=Shown.NUMBER,
            prominent=True,
        ),
        Specification(
            name="METHOD",
            keyword="method",
            role=Role.OPTION,
            kind=Kind.TEXT,
            read=values.read_method,
            label="Method",
            help="How the target shall do it, where it has a choice.",
            more="Those of the simulator are in [simulator.md](simulator.md).",
            example="stabilizer",
            otherwise="`auto`: the target chooses",
            feature=Feature.METHOD,
            suggestions=lambda target: ["auto", *target.methods] if target.methods else [],
            objection=_no_such_method,
            forwarded=True,
        ),
        Specification(
            name="NOISE",
            keyword="noise",
            role=Role.OPTION,
            kind=Kind.OBJECT,
            read=read_noise,
            label="Noise",
            help="Noise models, joined by '+', or as a JSON object.",
            more="They are described in [simulator.md](simulator.md).",
            example="depolarizing:p=0.001+readout:p=0.02",
            feature=Feature.NOISE,
            objection=_no_noise,
            forwarded=True,
        ),
        Specification(
            name="OPTIMIZATION",
            keyword="optimization",
            role=Role.OPTION,
            kind=Kind.TEXT,
            read=read_optimization,
            label="Optimization",
            help="How hard the compiler tries, 0 to 3, or none to run the circuits as they are.",
            more="With `none` a gate that is not native is refused"
            " ([compile.md](../how-to/compile.md)).",
            example="2",
            otherwise="what the operator has set, mostly 1",
            choices=tuple(Optimization),
            feature=Feature.COMPILING,
            objection=objections.wrong_optimization,
            forwarded=True,
            shown=Shown.CHOICE,
        ),
        Specification(
            name="INITIAL_LAYOUT",
            keyword="initial_layout",
            role=Role.OPTION,
            kind=Kind.OBJECT,
            read=read_layout,
            label="Initial layout",
            help="The target's qubits that carry those of the circuit at its start, in order.",
            more="A JSON list, or numbers with commas between; one for all circuits of the job.",
            example="[3, 1, 0]",
            otherwise="the compiler chooses",
            feature=Feature.COMPILING,
            objection=objections.wrong_layout,
            forwarded=True,
        ),
        Specification(
            name="MEMORY",
            keyword="memory",
            role=Role.OPTION,
            kind=Kind.FLAG,
            read=values.flag("MEMORY"),
            label="Keep every shot, not only the counts",
            help="Keep every shot, not only the counts.",
            example="true",
            otherwise="`false`",
            default=False,
            feature=Feature.MEMORY,
            objection=_no_memory,
            forwarded=True,
            shown=Shown.TICK,
        ),
        Specification(
            name="ON_ERROR",
            keyword="on_error",
            role=Role.OPTION,
            kind=Kind.TEXT,
            read=values.read_on_error,
            label="When a circuit fails",
            help="For a batch: whether the other circuits run when one of them cannot be run.",
            more="With `continue` the job is COMPLETED as long as one circuit has a result"
            " ([circuits.md](../how-to/circuits.md)).",
            example="continue",
            otherwise="`stop`",
            default=OnError.STOP,
            choices=tuple(OnError),
            forwarded=True,
        ),
        Specification(
            name="RESPONSEFORMAT",
            aliases=("FORMAT",),
            keyword="response_format",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=values.read_format,
            label="Main result as",
            help="What the main result is written as.",
            more="A MIME type of one of them will do.",
            example="json",
            otherwise="`votable`",
            default=ResponseFormat.VOTABLE,
            choices=tuple(ResponseFormat),
            shown=Shown.CHOICE,
        ),
        Specification(
            name="LANG",
            keyword="language",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=values.read_language,
            label="Language",
            help="The language of the circuits; found out by itself where it is not given.",
            more="`OPENQASM-3-QISKIT` gives U, u2 and u3 Qiskit's global phase"
            " ([openqasm.md](openqasm.md)). Case, `_` and a missing `-` do not matter, nor does"
            " `QASM2` for `OPENQASM-2`;"
            " `ADQL`, which TAP clients send unasked, counts as `AUTO`.",
            example="OPENQASM-3",
            otherwise="`AUTO`",
            choices=tuple(Language),
            shown=Shown.CHOICE,
        ),
        Specification(
            name="TAG",
            keyword="tag",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=values.read_tag,
            label="Tags",
            help="A word to find the job by; it may be given repeatedly.",
            more=f"1 to 200 characters; at most {values.MAX_TAGS} of them.",
            example="calibration",
            repeatable=True,
            shown=Shown.WORDS,
            times=values.MAX_TAGS,
        ),
        Specification(
            name="METADATA",
            keyword="metadata",
            role=Role.JOB,
            kind=Kind.OBJECT,
            read=values.read_metadata,
            label="Metadata",
            help="A JSON object that is kept with the job.",
            more="At most 65,536 characters.",
            example='{"run": 7}',
            longest=64 * 1024,
        ),
        Specification(
            name="PRIORITY",
            keyword="priority",
            role=Role.JOB,
            kind=Kind.INTEGER,
            read=values.integer(
                "PRIORITY", -LAST_PRIORITY, LAST_PRIORITY, "the smaller goes first"
            ),
            label="Priority",
            help="Which jobs go first on the target: the smaller number, as with nice.",
            low=-LAST_PRIORITY,
            high=LAST_PRIORITY,
            more="Less than 0 only where the operator allows it (`QUWS_POLICY__PRIORITIES`).",
            example="10",
            otherwise="0",
        ),
        Specification(
            name="WEBHOOK",
            keyword="webhook",
            role=Role.JOB,
            kind=Kind.TEXT,
            read=read_url,
            label="Webhook",
            help="The URL that is told of every change of the job's phase.",
            more="Messages are signed ([webhooks](../how-to/webhooks.md)).",
            example="https://example.org/told",
        ),
        Specification(
            name="RUNID",
            aliases=("JOBNAME",),
            keyword="run_id",
            role=Role.CONTROL,
            kind=Kind.TEXT,
            read=values.read_run_id,
            label="Run id",
            help="A name of your own for the job.",
            more="At most 1000 characters.",
            example="my first",
            prominent=True,
            longest=1000,
        ),
        Specification(
            name="NAME",
            keyword="name",
            role=Role.CONTROL,
            kind=Kind.TEXT,
            read=values.read_name,
            label="Name",
            help="What the job is called, for you alone; a run id may name several.",
            more="At most 200 characters.",
            example="Bell pair, second try",
            longest=200,
        ),
        Specification(
            name="PHASE",
            keyword="phase",
            role=Role.CONTROL,
            kind=Kind.TEXT,
            read=values.one_of("PHASE", "RUN", "ABORT"),
            label="Phase",
            help="RUN starts the job, ABORT stops it.",
            more="At creation: `RUN` only.",
            example="RUN",
            otherwise="the job stays PENDING",
            choices=("RUN", "ABORT"),
            shown=Shown.NOTHING,
        ),
        Specification(
            name="DESTRUCTION",
            keyword="destruction",
            role=Role.CONTROL,
            kind=Kind.INSTANT,
            read=values.read_destruction,
            label="Keep until",
            help="The instant at which the job is destroyed, in UTC.",
            example="2026-11-21T10:00:00.000Z",
            otherwise="a week from creation, or what the operator has set"
            " (`QUWS_POLICY__LIFETIME`)",
        ),
        Specification(
            name="EXECUTIONDURATION",
            keyword="execution_duration",
            role=Role.CONTROL,
            kind=Kind.INTEGER,
            read=values.read_duration,
            label="Execution duration",
            help="How many seconds the job may run, 0 for as long as is allowed.",
            example="60",
            otherwise="600, or what the operator has set (`QUWS_POLICY__EXECUTION_DURATION`)",
            setting="execution_duration",
            low=0,
            high=MAX_SECONDS,
            shown=Shown.NUMBER,
        ),
    ),
    ignored=("REQUEST", "MAXREC", "VERSION", "UPLOAD", "TAPCLIENT"),
)
"""``ignored`` has the parameters of DALI and TAP that clients send unasked."""
