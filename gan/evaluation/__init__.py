"""How good a generator and a discriminator are: features, metrics with intervals, a checkpoint's report."""
