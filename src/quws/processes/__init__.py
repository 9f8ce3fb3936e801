"""Wiring: one file for each kind of process that quws has."""
