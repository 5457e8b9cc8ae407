"""What every latent dimension does: gradients, sweeps, Sobol indices, directions, paths, inversion, genres."""
