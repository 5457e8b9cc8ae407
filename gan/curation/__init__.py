"""Cleaning a collection: near-duplicates, text on posters, one small zip."""
