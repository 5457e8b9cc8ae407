"""Checkpoints of the Hugging Face Hub: fetched by an address that a person typed, and shared there."""
