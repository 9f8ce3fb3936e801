"""The protocol of the REST service that ``qiskit-ibm-runtime`` calls."""
