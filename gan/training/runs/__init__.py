"""A run: its plan and its folder, the guard rails, what is done at every tick, and the checkpoint made of it."""
