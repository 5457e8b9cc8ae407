"""Posters: safe decoding of pictures, folders and zips, the memory-mapped data set, posters drawn by rule."""
