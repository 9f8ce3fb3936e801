"""What a circuit may ask for where an operator says nothing, and what is assumed of one."""

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, Register


def test_the_languages_by_the_names_that_lang_takes() -> None:
    assert [str(language) for language in Language] == [
        "OPENQASM-2",
        "OPENQASM-3",
        "OPENQASM-3-QISKIT",
        "QPY",
        "STIM",
        "IQM-JSON",
        "CIRQ-JSON",
        "QIR",
        "PUBS",
    ]
    assert {language for language in Language if language.grammar is not language} == {
        Language.OPENQASM_3_QISKIT
    }


def test_the_limits_that_the_documentation_promises() -> None:
    assert CircuitLimits().model_dump() == {
        "qubits": 28,
        "clbits": 4096,
        "operations": 10_000_000,
        "bytes_openqasm2": 8_388_608,
        "bytes_openqasm3": 524_288,
        "bytes_qpy": 8_388_608,
        "bytes_stim": 2_097_152,
        "bytes_iqm_json": 4_194_304,
        "bytes_cirq_json": 4_194_304,
        "bytes_qir": 8_388_608,
        "bytes_pubs": 16_777_216,
        "tokens_openqasm3": 250_000,
        "token_length": 1024,
        "number_length": 1300,
        "nesting": 64,
        "unary_run": 64,
    }


def test_nothing_is_claimed_of_a_circuit_that_nobody_has_counted() -> None:
    facts = CircuitFacts(
        language=Language.OPENQASM_2, qubits=1, clbits=1, operations=1, depth=1
    ).model_dump()
    assert {name: facts[name] for name in facts if not facts[name]} == {
        "registers": [],
        "name": None,
        "delay_seconds": 0.0,
        "clifford": False,
        "wide_gates": None,
        "crossing": None,
        "measurements": None,
        "mid_circuit": False,
        "resets": False,
        "sampled": False,
        "notes": [],
        "control_flow": False,
        "delays": False,
        "parameters": [],
        "active": None,
        "shots": None,
    }


def test_facts_are_kept_as_json() -> None:
    facts = CircuitFacts(
        language=Language.OPENQASM_3,
        qubits=2,
        clbits=2,
        operations=4,
        depth=3,
        registers=[Register(name="c", size=2, qubits=[0, None])],
    )
    content = facts.model_dump(mode="json")
    assert content["language"] == "OPENQASM-3"
    assert content["registers"] == [{"name": "c", "size": 2, "qubits": [0, None]}]
    assert CircuitFacts.model_validate(content) == facts
