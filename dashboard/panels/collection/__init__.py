"""Panels of the Collection page."""
