"""The gRPC services of IQM's station control: jobs, quantum computers, calibrations.

Only who serves them imports this: gRPC comes with the extra ``quws[grpc]``.
"""
