"""A collection on a plane."""
