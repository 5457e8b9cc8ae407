"""Which concepts filters stand for: masks and detectors, the proofs, the tables, factors beyond single filters."""
