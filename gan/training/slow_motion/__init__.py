"""Slow motion: a run that stops within its steps, shows what each update did, and goes back to any saved state."""
