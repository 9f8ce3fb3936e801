"""Wakes somebody up: hints to workers (arq) and news to waiters (pub/sub).

Nothing here is the truth. Everything may be lost or come twice. The modules are
imported one by one: the supervisor needs ``server`` only, and not arq.
"""
