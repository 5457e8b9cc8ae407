"""What a discriminator decides by: how its filters respond, what they add to the logit, what they stand for."""
