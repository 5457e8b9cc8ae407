"""The studies that stand beside a checkpoint's weights: which there are, and what they say of several checkpoints."""
