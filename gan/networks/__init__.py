"""The networks: their shape, the DCGAN, its conditioning, and the pretrained ones beside it."""
