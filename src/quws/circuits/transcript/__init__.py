"""Circuits as data: written by the process that reads texts, built again by one that need not."""
