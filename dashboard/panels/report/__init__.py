"""Panels of the Report page, and the button of all pages that adds to it."""
