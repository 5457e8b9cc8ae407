"""Checkpoints: in memory, as a folder of safetensors, and the safe import of foreign ``.pth`` files."""
