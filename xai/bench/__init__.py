"""Benchmarks: planted evidence and its localisation, timings beside the libraries, the cost of pruning."""
