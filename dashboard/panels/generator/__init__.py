"""Panels of the Generator page, some of which other pages show as well."""
