"""What operators see of a process: metrics, log lines, traces.

The lowest floor, so that every room can tell what it does. Nothing here raises: a service
that cannot be watched still serves.
"""
