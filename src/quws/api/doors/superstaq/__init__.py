"""The protocol of Superstaq's clients."""
