"""Many posters at once, as the discriminator sees them: an index of all that it answers, and what is found in it."""
