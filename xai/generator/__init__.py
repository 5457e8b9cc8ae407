"""What every filter of the generator does: ablation, contributions, painting, pruning, a study of all filters."""
