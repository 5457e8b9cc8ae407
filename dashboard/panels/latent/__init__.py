"""Panels of the Latent page."""
