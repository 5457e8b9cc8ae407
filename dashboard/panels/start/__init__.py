"""What the page Start shows: the machine, posters to choose from, how good the checkpoint is."""
