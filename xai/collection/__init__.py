"""Many posters at once: which ones look alike to a layer of the discriminator."""
