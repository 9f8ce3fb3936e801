"""The protocol of IQM's clients."""
