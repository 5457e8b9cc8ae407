"""What a discriminator would say otherwise: filters replaced, as proof and to turn a verdict; the latent moved."""
