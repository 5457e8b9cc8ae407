"""Posters enlarged for show: resampling, a small super-resolution network, its training and its quality."""
