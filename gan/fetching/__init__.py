"""Posters from the web: polite requests, tables of addresses, providers, the folder that they end in."""
