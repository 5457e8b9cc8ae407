"""Faults of the machine, made on purpose: a process that is killed, a disk that is full, a clock that steps."""
