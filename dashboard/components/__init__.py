"""Components of our own: a grid of sprites, a scrubber."""
