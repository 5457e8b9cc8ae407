"""Panels of the Discriminator page."""
