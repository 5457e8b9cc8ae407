"""What one filter of a discriminator tells: evidence, exemplars, kernel, inputs, a synthesised picture; the table."""
